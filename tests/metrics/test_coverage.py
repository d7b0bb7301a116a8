"""Simulated studies: how often the interval holds the truth, and how often nothing "helps".

Test image i is right for arm k in replicate r where

    skill[k] + a[k, r] + b[i] + c[k, i] + e[k, r, i] > 0

with normal a (the replicate's luck), b (how easy the image is, for every arm and replicate), c (for
this arm) and e (for this network); so an arm's true accuracy is known exactly.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtri

from ganjax.metrics import crossed_interval, decide, statistics

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


STRENGTHS, RATIOS = np.array([-0.01, 0.0, -0.005, -0.02]), 2
"""What four strengths of the transforms are worth, in accuracy; and how many ratios there are."""


def _study_without_effect(rng, spread, *, bound=True, replicates=8, images=1000, held_out=120):
    """Choose once for all replicates, by accuracy, where generated images bring nothing.

    Args:
      rng: a NumPy generator.
      spread: as in `simulate`.
      bound: whether the strength that is best without generated images binds the side with them,
        as in a study; else that side chooses its own.
      replicates: each with networks of its own.
      images: of the test set.
      held_out: of each replicate's validation part, all replicates' being others.
    """
    accuracies = 0.85 + np.tile(STRENGTHS, 1 + RATIOS)
    known = replicates * held_out
    recognised = simulate(rng, (1, replicates, known + images), accuracies, spread=spread)
    recognised = recognised.astype(np.float64).reshape(1 + RATIOS, len(STRENGTHS), replicates, -1)
    parts = recognised[..., :known].reshape(*recognised.shape[:3], replicates, held_out)
    validated = np.einsum("gsrri->gs", parts)  # each replicate's classifiers by its own part
    tested = recognised[..., known:]
    strength = validated[0].argmax()
    without = tested[0, strength]
    if bound:
        own = tested[1 + validated[1:, strength].argmax(), strength]
    else:
        own = tested[1:].reshape(-1, replicates, images)[validated[1:].argmax()]
    return crossed_interval(own - without)


def _share_that_helps(spread, *, studies=400, **how):
    rng = np.random.default_rng(0)
    found = [decide(_study_without_effect(rng, spread, **how)) is True for _ in range(studies)]
    return np.mean(found), 0.025 + 2 * np.sqrt(0.025 * 0.975 / studies)


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.03])
def test_without_an_effect_hardly_any_study_says_helps(spread):
    share, most = _share_that_helps(spread)
    assert share <= most


def test_if_each_side_chose_its_own_strength_too_many_would():
    share, most = _share_that_helps(0.0, bound=False, images=4000, studies=200)
    assert share > 2 * most  # so this simulation can tell a wrong choice


def test_a_large_effect_is_found():
    rng = np.random.default_rng(0)
    ours, theirs = simulate(rng, (50, 5, 1000), [0.9, 0.85], spread=0.01).astype(np.float64)
    assert np.mean([decide(crossed_interval(d)) is True for d in ours - theirs]) > 0.9
