"""Simulated studies: how often the interval holds the truth, and how often nothing "helps".

Test image i is right for arm k in replicate r where

    skill[k] + a[k, r] + b[i] + c[k, i] + e[k, r, i] > 0

with normal a (the replicate's luck), b (how easy the image is, for every arm and replicate), c (for
this arm) and e (for this network); so an arm's true accuracy is known exactly.
"""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from ganjax.metrics import Interval, against_all, crossed_interval, decide, statistics

STUDIES = 2000
IMAGE, ARM_IMAGE, NETWORK = 1.0, 0.3, 0.5
TOTAL = np.sqrt(IMAGE**2 + ARM_IMAGE**2 + NETWORK**2)


def simulate(rng, shape, accuracies, *, spread=0.0, baseline=0.85):
    """Whether each image is recognised, in each of several arms, replicates and studies.

    Args:
      rng: a NumPy generator.
      shape: (studies, replicates, images).
      accuracies: each arm's true accuracy, over all replicates and images there could be; a number,
        or one per image `[images]`.
      spread: the standard deviation, over replicates, of two arms' difference in accuracy.
      baseline: the accuracy at which `spread` is meant.

    Returns:
      bool `[arms, studies, replicates, images]`.
    """
    studies, replicates, images = shape

    def normal(*size):
        return rng.standard_normal(size, dtype=np.float32)

    density = stats.norm.pdf(ndtri(baseline)) / TOTAL  # points of accuracy per unit of skill
    luck = np.float32(spread / np.sqrt(2) / density)
    scale = np.sqrt(TOTAL**2 + luck**2)
    easy = IMAGE * normal(studies, 1, images)
    return np.stack(
        [
            np.float32(ndtri(accuracy) * scale)
            + luck * normal(studies, replicates, 1)
            + easy
            + ARM_IMAGE * normal(studies, 1, images)
            + NETWORK * normal(studies, replicates, images)
            > 0
            for accuracy in accuracies
        ]
    )


def coverage(seed, replicates, images, spread, *, studies=STUDIES, gain=0.0, classes=None):
    """The shares of studies in which the crossed, and the naive, interval holds the true gain."""
    rng = np.random.default_rng(seed)
    held, held_naively, chunk = 0, 0, 50
    groups = [np.arange(images)]
    accuracies = [0.85 + gain, 0.85]
    if classes is not None:
        groups = [np.flatnonzero(classes == c) for c in np.unique(classes)]
        offsets = np.linspace(-0.1, 0.1, len(groups))  # neither classes nor gains are alike
        accuracies = [0.85 + gain + 1.4 * offsets[classes], 0.85 + offsets[classes]]
    for _ in range(studies // chunk):
        ours, theirs = simulate(rng, (chunk, replicates, images), accuracies, spread=spread)
        values = ours.astype(np.float64) - theirs
        table = statistics._table(values, groups)
        width, _ = statistics._half_width(table, replicates, 0.95)
        held += np.sum(np.abs(table.estimate - gain) <= width)
        means = values.mean(-1)
        naive = stats.t.ppf(0.975, replicates - 1) * stats.sem(means, axis=-1)
        held_naively += np.sum(np.abs(means.mean(-1) - gain) <= naive)
    return held / studies, held_naively / studies


def test_the_simulated_accuracies_are_what_they_claim():
    for spread in (0.0, 0.04):
        arms = simulate(np.random.default_rng(0), (400, 10, 50), [0.9, 0.85], spread=spread)
        np.testing.assert_allclose(arms.mean((1, 2, 3)), [0.9, 0.85], atol=0.01)
    many = simulate(np.random.default_rng(1), (1, 2000, 2000), [0.85, 0.85], spread=0.02)
    differences = many[0].mean(-1) - many[1].mean(-1)
    assert np.std(differences) == pytest.approx(0.02, rel=0.15)


def test_the_vectorised_table_is_the_interval():
    arms = simulate(np.random.default_rng(0), (4, 3, 40), [0.9, 0.85], spread=0.01)
    values = arms[0].astype(np.float64) - arms[1]
    table = statistics._table(values, [np.arange(40)])
    width, _ = statistics._half_width(table, 3, 0.95)
    for study in range(4):
        interval = crossed_interval(values[study])
        assert interval.low == pytest.approx(table.estimate[study] - width[study])


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.04])
@pytest.mark.parametrize(("replicates", "images"), [(3, 359), (3, 2000), (5, 359), (5, 1000)])
def test_coverage(replicates, images, spread):
    assert 0.92 <= coverage(0, replicates, images, spread)[0] <= 0.98


@pytest.mark.parametrize(("images", "spread"), [(359, 0.0), (359, 0.02), (1000, 0.01)])
def test_coverage_with_ten_replicates_where_the_naive_interval_fails(images, spread):
    crossed, naive = coverage(0, 10, images, spread)
    assert 0.92 <= crossed <= 0.98
    assert naive < 0.9  # so this simulation can tell a wrong interval


@pytest.mark.parametrize("replicates", [3, 5])
def test_coverage_of_a_real_gain(replicates):
    assert 0.92 <= coverage(0, replicates, 359, 0.01, gain=0.03)[0] <= 0.98


@pytest.mark.parametrize("replicates", [3, 5])
@pytest.mark.parametrize("spread", [0.0, 0.02])
def test_coverage_of_balanced_accuracy(replicates, spread):
    even = np.arange(360) % 10
    assert 0.92 <= coverage(0, replicates, 360, spread, classes=even, gain=0.01)[0] <= 0.98
    tailed = np.repeat(np.arange(5), [200, 90, 40, 20, 10])
    assert 0.92 <= coverage(0, replicates, 360, spread, classes=tailed, gain=0.01)[0] <= 0.98


WITHOUT = np.array([-0.01, 0.0, -0.003, -0.015])
"""What four strengths of the transforms are worth without generated images, in accuracy."""

WITH = {
    "nothing changes": np.tile(WITHOUT, 2),
    "transforms matter no more": np.zeros(8),
    "transforms matter half as much": np.append(WITHOUT / 2, WITHOUT / 2 - 0.005),
}
"""And with two parts of them, where they are worth nothing beside the best strength without."""


class Verdicts(NamedTuple):
    """How a simulated study is answered.

    Attributes:
      all: as studies are: each side's choice compared, and every strength without to be beaten.
      chosen: only the one that validation chose to be beaten.
      bound: that, with its strength on both sides.
      truth: the side with generated images as it was chosen, minus the best without.
    """

    all: Interval
    chosen: Interval
    bound: Interval
    truth: float


def _study(rng, gains, spread, *, replicates=8, images=4000, held_out=120):
    """Let each side choose once for all replicates, by accuracy on their validation parts.

    Args:
      rng: a NumPy generator.
      gains: what candidates with generated images are worth, `[ratios * strengths]`.
      spread: as in `simulate`.
      replicates: each with networks of its own, and a validation part.
      images: of the test set.
      held_out: of a validation part.
    """
    accuracies = np.concatenate([WITHOUT, gains])
    known = replicates * held_out
    recognised = simulate(rng, (1, replicates, known + images), 0.85 + accuracies, spread=spread)
    recognised = recognised[:, 0].astype(np.float32)
    parts = recognised[..., :known].reshape(len(accuracies), replicates, replicates, held_out)
    validated = np.einsum("arri->a", parts)  # each replicate's classifiers by its own part
    tested = recognised[..., known:]

    strengths = len(WITHOUT)
    strength = validated[:strengths].argmax()
    own = strengths + validated[strengths:].argmax()
    alike = np.arange(strengths + strength, len(accuracies), strengths)
    bound = alike[validated[alike].argmax()]
    rivals = [crossed_interval(tested[own] - tested[i]) for i in range(strengths)]
    chosen = rivals[strength]
    return Verdicts(
        all=against_all(chosen, rivals),
        chosen=chosen,
        bound=crossed_interval(tested[bound] - tested[strength]),
        truth=accuracies[own] - WITHOUT.max(),
    )


MOST = 0.025 + 2 * np.sqrt(0.025 * 0.975 / 200)
"""The share of 200 studies that may be wrong on one side, by chance too."""


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("what", list(WITH))
def test_without_an_effect_hardly_any_study_says_helps(what, spread):
    rng = np.random.default_rng(0)
    found = [_study(rng, WITH[what], spread) for _ in range(200)]
    assert np.mean([decide(own.all) is True for own in found]) <= MOST
    if not spread:  # if what validation chose were the only rival, too many would
        assert np.mean([decide(own.chosen) is True for own in found]) > 2 * MOST - 0.025


def test_to_bind_both_sides_to_one_strength_would_not_do():
    rng = np.random.default_rng(0)
    found = [_study(rng, WITH["transforms matter no more"], 0.0) for _ in range(200)]
    assert np.mean([decide(own.bound) is True for own in found]) > 2 * MOST


@pytest.mark.parametrize("gain", [0.0, 0.01])
@pytest.mark.parametrize("spread", [0.0, 0.01])
def test_the_interval_holds_the_gain_against_the_best_without(gain, spread):
    rng = np.random.default_rng(0)
    found = [_study(rng, WITH["nothing changes"] + gain, spread) for _ in range(200)]
    assert np.mean([own.all.low > own.truth + 1e-9 for own in found]) <= MOST
    assert np.mean([own.all.high < own.truth - 1e-9 for own in found]) <= MOST


def test_a_large_effect_is_found():
    rng = np.random.default_rng(0)
    ours, theirs = simulate(rng, (50, 5, 1000), [0.9, 0.85], spread=0.01).astype(np.float64)
    assert np.mean([decide(crossed_interval(d)) is True for d in ours - theirs]) > 0.9
