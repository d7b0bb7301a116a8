"""The leak detector: counts planted transforms, finds none where there are none."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.ops import augment
from ganjax.ops.policy import Transform
from ganjax.synthesis.leak import leaks, train_detector
from ganjax.synthesis.leak.shares import Answers, Samples, shares

POLICY = (
    Transform(augment.random_brightness, 0.6),
    Transform(augment.random_cutout, 0.6),
    Transform(augment.random_saturation, 1.0),  # grey images have none: it cannot be seen
)
KEY = jax.random.key(0)


def crosses(count, seed):
    """Pictures of a bright plus in the middle of a grey ground."""
    rng = np.random.default_rng(seed)
    images = np.full((count, 8, 8, 1), 100.0)
    images[:, 3:5, 1:7] += rng.integers(80, 140, (count, 1, 1, 1))
    images[:, 1:7, 3:5] += rng.integers(80, 140, (count, 1, 1, 1))
    images += rng.normal(0, 10, images.shape)
    return np.clip(images, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def held_out():
    return Dataset("crosses", crosses(400, 1), np.zeros(400, np.int32), ("plus",))


@pytest.fixture(scope="module")
def detector():
    train = Dataset("crosses", crosses(1000, 0), np.zeros(1000, np.int32), ("plus",))
    return train_detector(POLICY, train, KEY, updates=300)


def carrying(detector, share, which):
    """Real images that nobody has seen, some of which carry some transforms."""
    images = crosses(600, 2)
    given = np.arange(600) < share * 600
    applied = given[:, None] & np.array(which)[None]
    return detector.apply(images, jax.random.key(9), applied)


def test_real_images_and_a_sound_generator_carry_nothing(detector, held_out):
    brighter, cut, saturated = leaks(detector, held_out, crosses(600, 2), KEY)
    for leak in (brighter, cut):
        assert leak.seen
        assert leak.verdict == "does not leak"
        assert leak.low == 0
        assert leak.high < 0.1
        assert leak.real < 0.1
    assert brighter.transform == "brightness up to +-0.6"
    assert (saturated.seen, saturated.verdict) == (False, "cannot be seen")
    assert saturated.share is None


@pytest.mark.parametrize("share", [0.3, 1.0])
@pytest.mark.parametrize("which", [(True, False, False), (True, True, True)])
def test_what_leaked_is_counted_each_transform_by_itself(detector, held_out, share, which):
    found = leaks(detector, held_out, carrying(detector, share, which), KEY)
    for leak, leaked in list(zip(found, which, strict=True))[:2]:
        expected = share if leaked else 0.0
        assert leak.share == pytest.approx(expected, abs=0.15)
        assert leak.low - 0.05 <= expected <= leak.high + 0.05
        assert leak.verdict == ("leaks" if leaked else "does not leak")


def test_results_are_plain_and_the_same_again(detector, held_out):
    images = carrying(detector, 0.5, (True, True, True))
    one, other = (leaks(detector, held_out, images, KEY) for _ in range(2))
    assert one == other
    told = json.loads(json.dumps([leak.to_json() for leak in one]))
    assert told[0]["share"] == one[0].share


def test_images_that_look_otherwise_but_can_be_transformed_do_not_leak():
    """Answers are higher on samples, but rise as on real images where a transform is applied."""
    rng = np.random.default_rng(0)
    applied = rng.integers(0, 2, (500, 8, 1)).astype(float)
    noise = rng.normal(0, 0.05, (4, 500, 1))
    real = Answers(0.2 + noise[0], 0.8 + noise[1], 0.85 + noise[2], 0.2 + 0.6 * applied, applied)
    odd = Samples(0.4 + noise[3], 1.0 + noise[3])
    found = shares(real, odd)
    assert found.share[0] == pytest.approx(1 / 3, abs=0.02)
    assert found.confirmed_high[0] < 0.1
    carrying = Samples(0.4 + noise[3], 0.8 + 0.05 / 3 + noise[3])
    found = shares(real, carrying)
    assert found.confirmed_low[0] > 0.25


def test_there_must_be_transforms_and_images_enough(detector, held_out):
    few = replace(held_out, images=held_out.images[:5], labels=held_out.labels[:5])
    with pytest.raises(UserError, match="at least 40 held-out and 40 generated images, not 5 and"):
        leaks(detector, few, held_out.images, KEY)
    for policy, strength in (((), 1.0), (POLICY, 0.0)):
        with pytest.raises(UserError, match="only where T\\(x\\) does something"):
            train_detector(policy, held_out, KEY, strength=strength)
