"""A replicate's samples: which are used, by whose choice, and what is found of them."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.config import ClassifierConfig, GANConfig, StudyConfig
from ganjax.data.splits import Draw
from ganjax.progress import Silent
from ganjax.study import choosing
from ganjax.study.inspection import inspect, nearest_to_copies
from ganjax.study.pool import Pool, sham
from ganjax.study.prepare import prepare
from ganjax.study.selection import select
from ganjax.synthesis.closeness import auditor
from ganjax.synthesis.description import describe
from ganjax.synthesis.judge import Judge
from ganjax.synthesis.select import Filter
from ganjax.synthesis.sift import COPY
from ganjax.synthesis.trained import Trained
from ganjax.training import GAN

KEY = jax.random.key(5)
CONFIG = StudyConfig(
    source="digits",
    per_class=20,
    replicates=3,
    pool=200,
    gan=GANConfig(updates=2, width=8),
    classifier=ClassifierConfig(width=8, updates=40, evaluations=2, seeds=1),
)


@pytest.fixture(scope="module")
def prepared():
    return prepare(CONFIG, None, None, True, Silent())


@pytest.fixture(scope="module")
def draw(prepared):
    return prepared.draws[0]


@pytest.fixture(scope="module")
def untrained(draw):
    """A GAN of which nothing was trained: its samples are noise, and no copies."""
    description = describe(CONFIG.gan, draw.fit)
    gan = description.build()
    return Trained(description, gan, jax.jit(gan.init)(KEY), 0, {"update": []}, {"update": []})


def showing(like, data, *, wrong=0.0):
    """A GAN that shows the images of a set, a part of them under the label of another class.

    Its discriminator knows which.
    """
    classes = len(data.class_names)
    least = data.counts().min()
    bank = np.stack([data.images[data.labels == i][:least] for i in range(classes)])
    bank = jnp.asarray(bank, jnp.float32) / 127.5 - 1

    def sample(state, key, labels, first=0):
        def one(number, label):
            which, other = jax.random.split(jax.random.fold_in(key, number))
            shown = (label + jax.random.bernoulli(other, wrong)) % classes
            return bank[shown, jax.random.randint(which, (), 0, least)]

        return jax.vmap(one)(first + jnp.arange(labels.shape[0]), labels)

    def logits(state, images, labels):
        return -jnp.min(jnp.mean((images[:, None] - bank[labels]) ** 2, axis=(2, 3, 4)), axis=1)

    return replace(like, gan=GAN(like.gan.init, like.gan.step, sample, logits))


@pytest.fixture(scope="module")
def other_digits(prepared, draw):
    """Digits of the pool that are in no draw's fit or validation part."""
    known = {image.tobytes() for own in prepared.draws for part in own for image in part.images}
    pool = prepared.pool
    return pool.take(
        np.array([i for i in range(len(pool)) if pool.images[i].tobytes() not in known])
    )


def pool_of(selected, gan):
    return Pool(
        selected.images, {}, {}, 0, {}, selected.told, selected.dropped, gan, selected.copies
    )


def test_where_nothing_is_dropped_the_pool_is_what_the_gan_draws(untrained, draw):
    found = select(CONFIG, untrained, draw, KEY, Silent())
    images, labels = untrained.sample(KEY, CONFIG.pool)
    np.testing.assert_array_equal(found.images.images, images)
    np.testing.assert_array_equal(found.images.labels, labels)
    assert found.told == {
        "by": "none", "keep_fraction": None, "scores": [], "kept": [20] * 10,
        "copies_dropped": [0] * 10, "unselected_dropped": [0] * 10, "notes": [],
    }  # fmt: skip


@pytest.fixture(scope="module")
def copying(untrained, draw, other_digits):
    """A GAN of which one sample in ten or so is a training image, and what is selected of it."""
    mixed = other_digits.take(np.concatenate([
        np.flatnonzero(other_digits.labels == label)[:10] for label in range(10)
    ]))  # fmt: skip
    images = mixed.images.copy()
    images[::10] = draw.fit.images[[np.flatnonzero(draw.fit.labels == i)[0] for i in range(10)]]
    gan = showing(untrained, replace(mixed, images=images))
    return gan, select(CONFIG, gan, draw, KEY, Silent())


def test_copies_are_replaced_and_all_others_keep_their_place(copying, draw):
    gan, found = copying
    plain, labels = gan.sample(KEY, CONFIG.pool)
    np.testing.assert_array_equal(found.images.labels, labels)
    fit = {image.tobytes() for image in draw.fit.images}
    copies = np.array([image.tobytes() in fit for image in plain])
    assert 10 <= copies.sum() <= 40
    same = (plain == found.images.images).all(axis=(1, 2, 3))
    assert not (copies & same).any()
    assert (same | copies).mean() > 0.9  # some images are called copies that are none
    assert not fit & {image.tobytes() for image in found.images.images}
    assert sum(found.told["copies_dropped"]) >= copies.sum()
    assert found.told["kept"] == [20] * 10
    assert set(found.dropped.reasons) == {COPY}


def test_beside_a_dropped_copy_stands_the_training_image_it_is_near_to(copying, draw):
    gan, found = copying
    nearest = nearest_to_copies(pool_of(found, gan), draw.fit)
    exact = [
        image.tobytes() in {i.tobytes() for i in draw.fit.images} for image in found.dropped.images
    ]
    assert sum(exact) >= 10
    np.testing.assert_array_equal(nearest[exact], found.dropped.images[exact])
    assert len(nearest_to_copies(pool_of(found, gan)._replace(copies=None), draw.fit)) == 0


def test_a_class_that_cannot_be_filled_ends_no_study(untrained, draw):
    by_heart = showing(untrained, draw.fit)
    found = select(CONFIG, by_heart, draw, KEY, Silent())
    assert found.images.images.shape == (200, 8, 8, 1)
    (note,) = found.told["notes"]
    assert note.startswith("copies of training images were kept, since class 0 cannot be filled")
    assert "--" not in note
    assert found.told["copies_dropped"] == [0] * 10
    assert found.copies is not None  # they are audited all the same


def test_a_class_that_the_discriminator_knows_nothing_of_is_let_in_and_it_is_said(untrained, draw):
    def logits(state, images, labels):
        return jnp.where(labels == 2, jnp.nan, 0.0)

    gan = replace(untrained, gan=untrained.gan._replace(logits=logits))
    found = select(replace(CONFIG, select="discriminator"), gan, draw, KEY, Silent())
    np.testing.assert_array_equal(found.images.images, untrained.sample(KEY, 200)[0])
    (note,) = found.told["notes"]
    assert note.startswith("nothing was selected, since class 2 cannot be filled")
    assert (found.told["by"], found.told["keep_fraction"]) == ("none", None)


def test_with_too_few_training_images_copies_are_not_looked_for(untrained, draw):
    few = Draw(draw.fit.take(np.arange(5)), draw.validation)
    found = select(CONFIG, untrained, few, KEY, Silent())
    assert found.copies is None
    assert found.told["notes"] == [
        "copies were not looked for: there are only 5 training images, and it takes 6"
    ]
    told = inspect(CONFIG, 1, few, pool_of(found, untrained), KEY, Silent())
    assert told["copies"] == {"not_audited": "there are only 5 training images"}


@pytest.fixture(scope="module")
def half_wrong(untrained, other_digits):
    return showing(untrained, other_digits, wrong=0.5)


def right(images, labels, data):
    """Say which images are of their label's class in a set."""
    known = {image.tobytes(): label for image, label in zip(data.images, data.labels, strict=True)}
    return np.array([known[i.tobytes()] == y for i, y in zip(images, labels, strict=True)])


@pytest.mark.parametrize("fraction", [None, 0.25])
def test_the_discriminator_selects_as_many_of_each_class_as_without(
    half_wrong, draw, other_digits, fraction
):
    config = replace(CONFIG, select="discriminator", keep_fraction=fraction)
    found = select(config, half_wrong, draw, KEY, Silent())
    plain, labels = half_wrong.sample(KEY, 200)
    assert right(plain, labels, other_digits).mean() < 0.7
    assert right(found.images.images, found.images.labels, other_digits).mean() > 0.95
    np.testing.assert_array_equal(found.images.labels, labels)
    assert found.told["kept"] == [20] * 10
    assert (found.told["by"], found.told["keep_fraction"]) == ("discriminator", fraction or 0.5)
    assert sum(found.told["unselected_dropped"]) > 40


@pytest.fixture
def short(monkeypatch):
    """The classifiers that choose learn for a shorter time."""
    monkeypatch.setattr("ganjax.synthesis.judge.FEWEST_UPDATES", 50)
    monkeypatch.setattr(choosing, "UPDATES", 100)


def test_validation_chooses_a_filter_that_keeps_what_teaches(half_wrong, draw, other_digits, short):
    """Half of the samples bear a wrong label: all filters that drop those beat keeping them."""
    bank = jnp.asarray(other_digits.images.reshape(len(other_digits), -1), jnp.float32)

    def logits(images):
        seen = jnp.asarray(images.reshape(len(images), -1), jnp.float32)
        far = jnp.sum((seen[:, None] - bank[None]) ** 2, axis=-1)
        return 10.0 * np.eye(10)[other_digits.labels[np.argmin(far, axis=1)]]

    judge = Judge(logits, "", 0, None)
    copies = auditor(draw.fit, draw.validation)
    found = choosing.choose(CONFIG.classifier, half_wrong, draw, judge, copies, KEY, Silent())
    scores = dict(found.scores)
    assert tuple(scores) == choosing.FILTERS
    for how in choosing.FILTERS[1:]:
        assert scores[how] > scores[Filter()] + 0.1
    assert scores[found.filter] == max(scores.values())


def test_what_validation_chose_is_told_with_its_scores(half_wrong, draw, short):
    config = replace(CONFIG, select="validation")
    told = select(config, half_wrong, draw, KEY, Silent()).told
    assert [(row["by"], row["keep_fraction"]) for row in told["scores"]] == [
        (how.name, how.keep) for how in choosing.FILTERS
    ]
    best = max(told["scores"], key=lambda row: -np.inf if row["score"] is None else row["score"])
    assert (told["by"], told["keep_fraction"]) == (best["by"], best["keep_fraction"])
    assert told["kept"] == [20] * 10
    json.dumps(told, allow_nan=False)


def test_the_first_replicate_is_looked_into_for_copies_and_for_leaks(copying, draw, monkeypatch):
    monkeypatch.setattr("ganjax.synthesis.leak.shares.ANSWERS", 200)
    gan, found = copying
    told = inspect(CONFIG, 0, draw, pool_of(found, gan), KEY, Silent(), updates=20)
    json.dumps(told, allow_nan=False)
    assert told["selection"] == found.told
    assert told["copies"]["holds_copies"]
    assert told["copies"]["looked_at"] == told["leaks"]["looked_at"] == 1000
    assert 0.05 < told["copies"]["share"] < 0.2
    assert told["leaks"]["held_out"] == 50
    assert [row["transform"].split()[0] for row in told["leaks"]["transforms"]] == [
        "brightness", "saturation", "contrast", "translate", "cut",
    ]  # fmt: skip
    assert {"share", "low", "high", "verdict"} <= set(told["leaks"]["transforms"][0])


def test_where_leaks_are_not_looked_for_it_is_said_why(copying, draw, untrained):
    gan, found = copying
    pool = pool_of(found, gan)
    few = Draw(draw.fit, draw.validation.take(np.arange(39)))
    plain = replace(gan, description=replace(
        gan.description, config=replace(gan.description.config, augment="none")
    ))  # fmt: skip
    for own, number, config, images, why in (
        (pool, 1, CONFIG, draw, "only the first replicate's samples are looked into"),
        (pool, 0, replace(CONFIG, leak_detector=False), draw, "the leak detector was off"),
        (pool, 0, CONFIG, few, "there are only 39 validation images, and it takes 40"),
        (pool._replace(gan=plain), 0, CONFIG, draw, "the discriminator saw no T(x)"),
    ):
        told = inspect(config, number, images, own, KEY, Silent())
        assert told["leaks"]["not_looked_for"].startswith(why)
    told = inspect(CONFIG, 0, draw, sham("noise", draw.fit, 20, KEY), KEY, Silent())
    assert told["leaks"] == {"not_looked_for": "these images are no GAN's"}
    assert told["copies"] == {"not_audited": "these images are no GAN's"}
