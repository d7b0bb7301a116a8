"""The study's statistics: by hand, invariances, planning. Simulated studies: test_coverage.py."""

import doctest

import numpy as np
import pytest
from scipy import stats

from ganjax.errors import UserError
from ganjax.metrics import (
    against_all,
    crossed_interval,
    decide,
    half_width,
    holm,
    p_value,
    replicates_to_tell,
    statistics,
)


def _differences(seed=0, replicates=5, images=60, gain=0.0):
    """A table with replicate, image and residual parts; made of real numbers, so without ties."""
    rng = np.random.default_rng(seed)
    parts = [(replicates, 1), (1, images), (replicates, images)]
    spreads = [0.03, 0.2, 0.3]
    return gain + sum(s * rng.standard_normal(p) for s, p in zip(spreads, parts, strict=True))


def _changed(low, high):
    """An interval of which only the two ends matter."""
    centre, width = (low + high) / 2, (high - low) / 2
    return statistics.Interval(centre, low, high, 0.95, 4.0, 5, 100, width**2, 0.0, 0.0, 99.0)


def test_examples():
    assert doctest.testmod(statistics).failed == 0


def test_by_hand_where_the_components_add_up():
    # Rows [1, 0, 2], [4, 3, 5]: replicate means 1, 4; image means 2.5, 1.5, 3.5; no residual.
    interval = crossed_interval([[1, 0, 2], [4, 3, 5]])
    v_r, v_i = 4.5 / 2, 1.0 / 3
    v = v_r + v_i
    freedom = v**2 / (v_r**2 / 1 + v_i**2 / 2)
    width = stats.t.ppf(0.975, freedom) * np.sqrt(v)
    assert interval.estimate == pytest.approx(2.5)
    assert interval.degrees_of_freedom == pytest.approx(freedom)
    assert (interval.low, interval.high) == pytest.approx((2.5 - width, 2.5 + width))
    assert interval.replicate_variance == pytest.approx(4.5)
    assert interval.image_variance == pytest.approx(1 / 3)
    assert interval.residual_variance == pytest.approx(0, abs=1e-15)
    assert (interval.replicates, interval.images, interval.level) == (2, 3, 0.95)


def test_by_hand_where_a_component_is_negative():
    # Replicate means 0.5, 0.5 (v_r = 0); image means 0.5, 0.5 (v_i = 0); all is residual.
    assert crossed_interval([[1, 0], [0, 1]]).low == 0.5
    # Image means 1/2 twice and 0: v_i = (1/12) / 3; replicate means 1/3 twice: v_r = 0;
    # residuals 1/2, -1/2, 0 and the negatives: mean square 1 / 2, v_e = 1 / 12 > v_i.
    interval = crossed_interval([[1, 0, 0], [0, 1, 0]])
    assert interval.estimate == pytest.approx(1 / 3)
    assert interval.residual_variance / 2 == pytest.approx(1 / 12)
    assert interval.image_variance == pytest.approx(1 / 36 - 1 / 12)
    width = stats.t.ppf(0.975, 2) * np.sqrt(1 / 36)  # v = v_i alone, with its freedom
    assert interval.high - interval.estimate == pytest.approx(width)


def test_formula_written_out():
    values = _differences()
    replicates, images = values.shape
    mean, rows, columns = values.mean(), values.mean(1), values.mean(0)
    v_r, v_i = rows.var(ddof=1) / replicates, columns.var(ddof=1) / images
    rest = values - rows[:, None] - columns[None, :] + mean
    v_e = (rest**2).sum() / ((replicates - 1) * (images - 1)) / values.size
    v = max(v_r + v_i - v_e, v_r, v_i)
    freedom = v**2 / (v_r**2 / (replicates - 1) + v_i**2 / (images - 1))
    low, high = stats.t.interval(0.9, freedom, mean, np.sqrt(v))
    interval = crossed_interval(values, level=0.9)
    assert (interval.estimate, interval.low, interval.high) == pytest.approx((mean, low, high))


def test_swapping_arms_negates():
    there, back = crossed_interval(_differences()), crossed_interval(-_differences())
    assert (there.low, there.estimate, there.high) == pytest.approx(
        (-back.high, -back.estimate, -back.low)
    )


def test_order_of_replicates_and_images_does_not_matter():
    rng, values = np.random.default_rng(1), _differences()
    labels = rng.integers(3, size=values.shape[1])
    shuffle = rng.permutation(values.shape[1])
    for names, shuffled_names in ((None, None), (labels, labels[shuffle])):
        interval = crossed_interval(values, labels=names)
        shuffled = crossed_interval(values[::-1][:, shuffle], labels=shuffled_names)
        assert (shuffled.low, shuffled.high) == pytest.approx((interval.low, interval.high))


def test_moves_and_stretches_with_the_values():
    interval, changed = crossed_interval(_differences()), crossed_interval(3 * _differences() + 1)
    assert (changed.low, changed.high) == pytest.approx(
        (3 * interval.low + 1, 3 * interval.high + 1)
    )


def test_wider_at_a_higher_level():
    widths = [half_width(crossed_interval(_differences(), level=p), 5) for p in (0.8, 0.95, 0.99)]
    assert widths == sorted(widths)


@pytest.mark.parametrize("constant", [0.0, 1.0, -1.0, 1 / 3])
@pytest.mark.parametrize("labels", [None, [0, 0, 0, 1, 1, 2, 2]])
def test_constant_tables_have_no_width(constant, labels):
    interval = crossed_interval(np.full((3, 7), constant), labels=labels)
    assert (interval.low, interval.estimate, interval.high) == (constant,) * 3
    assert np.isfinite(list(vars(interval).values())).all()
    assert p_value(interval) == float(constant == 0)
    assert decide(interval, smallest_gain=0.01) is (constant > 0)
    assert replicates_to_tell(interval) == 2


def test_balanced_estimate_is_the_mean_of_the_class_means():
    values, labels = _differences(), np.repeat([0, 1, 2], [40, 15, 5])
    by_hand = np.mean([values[:, labels == c].mean() for c in range(3)])
    assert crossed_interval(values, labels=labels).estimate == pytest.approx(by_hand)


def test_balanced_variance_is_that_of_a_mean_of_independent_class_means():
    values, labels = _differences(), np.repeat([0, 1], [45, 15])
    interval = crossed_interval(values, labels=labels)
    parts = [crossed_interval(values[:, labels == c]) for c in range(2)]
    assert interval.image_variance == pytest.approx(sum(p.image_variance for p in parts) / 4)
    assert interval.residual_variance == pytest.approx(sum(p.residual_variance for p in parts) / 4)


def test_differences_between_classes_are_no_uncertainty_of_a_balanced_mean():
    labels = np.repeat([0, 1], [8, 2])
    values = np.broadcast_to(np.where(labels == 0, 0.9, 0.4), (3, 10))
    interval = crossed_interval(values, labels=labels)
    assert (interval.low, interval.high) == pytest.approx((0.65, 0.65))
    reweighted = crossed_interval(values * 10 / (2 * np.bincount(labels)[labels]))
    assert reweighted.estimate == pytest.approx(0.65)
    assert half_width(reweighted, 3) > 0.1  # what simple reweighting would claim


def test_one_class_is_plain_accuracy_and_freedom_follows_the_rare_class():
    values = _differences()
    assert crossed_interval(values, labels=np.zeros(60, int)) == crossed_interval(values)
    even = crossed_interval(values, labels=np.repeat([0, 1], 30))
    rare = crossed_interval(values, labels=np.repeat([0, 1], [57, 3]))
    assert even.image_degrees_of_freedom == pytest.approx(58)
    assert 2 < rare.image_degrees_of_freedom < 3


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.zeros((1, 9)), {}, r"at least 2 replicates and 2 test images; got \[1, 9\]"),
        (np.zeros((9, 1)), {}, "at least 2 replicates and 2 test images"),
        (np.zeros(9), {}, r"values \[replicates, images\]"),
        (np.full((2, 2), np.nan), {}, "finite"),
        (np.zeros((2, 2)), {"level": 95}, "level must be between 0 and 1"),
        (np.zeros((2, 3)), {"labels": [0, 1]}, "3 test images need as many labels"),
        (np.zeros((2, 3)), {"labels": [4, 4, 7]}, "class 7 has one"),
    ],
)
def test_refuses(values, options, message):
    with pytest.raises(UserError, match=message):
        crossed_interval(values, **options)


def test_half_width_is_the_interval_s_own_at_its_replicates():
    for labels in (None, np.arange(60) % 7):
        interval = crossed_interval(_differences(), labels=labels)
        assert half_width(interval, 5) == pytest.approx((interval.high - interval.low) / 2)
    with pytest.raises(UserError, match="at least 2 replicates, not 1"):
        half_width(interval, 1)


@pytest.mark.parametrize("seed", range(8))
def test_half_width_falls_to_the_floor_that_the_test_images_set(seed):
    interval = crossed_interval(_differences(seed, replicates=3))
    widths = [half_width(interval, replicates) for replicates in range(2, 200)]
    assert np.all(np.diff(widths) <= 1e-12)
    floor = stats.t.ppf(0.975, 59) * np.sqrt(max(interval.image_variance, 0))
    assert half_width(interval, 10**7) == pytest.approx(floor, rel=1e-2, abs=1e-3)


def test_half_width_foretells_what_more_replicates_measure():
    few = [crossed_interval(_differences(seed, replicates=8)) for seed in range(60)]
    many = [crossed_interval(_differences(seed, replicates=32)) for seed in range(100, 160)]
    foretold = np.mean([half_width(interval, 32) for interval in few])
    assert foretold == pytest.approx(np.mean([half_width(i, 32) for i in many]), rel=0.05)


@pytest.mark.parametrize("gain", [0.12, 0.0, -0.1])
def test_replicates_to_tell_agrees_with_half_width(gain):
    interval = crossed_interval(_differences(images=2000, replicates=3, gain=gain))

    def tells(replicates):
        width = half_width(interval, replicates)
        return interval.estimate - width > 0 or interval.estimate + width < 0.02

    needed = replicates_to_tell(interval, smallest_gain=0.02)
    assert needed is not None
    assert tells(needed)
    assert not any(tells(replicates) for replicates in range(2, needed))


def test_no_number_of_replicates_mends_a_small_test_set():
    assert replicates_to_tell(crossed_interval(_differences(images=20))) is None


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (0.001, 0.03, True),
        (0.001, 0.002, True),
        (0.0, 0.03, None),
        (-0.01, 0.02, None),
        (-0.01, 0.01, None),
        (-0.01, 0.009, False),
        (-0.05, -0.01, False),
        (0.0, 0.0, False),
    ],
)
def test_decide(low, high, answer):
    assert decide(_changed(low, high), smallest_gain=0.01) is answer


@pytest.mark.parametrize("smallest_gain", [0.0, -0.01, float("nan")])
def test_a_gain_worth_having_is_above_zero(smallest_gain):
    interval = _changed(-0.1, 0.1)
    for question in (decide, replicates_to_tell):
        with pytest.raises(UserError, match="give one above 0"):
            question(interval, smallest_gain=smallest_gain)


def test_p_value_agrees_with_the_interval():
    for gain in (0.0, 0.05, -0.2):
        values = _differences(gain=gain)
        p = p_value(crossed_interval(values))
        at_p = crossed_interval(values, level=1 - p)  # the interval that just touches 0
        assert min(abs(at_p.low), abs(at_p.high)) == pytest.approx(0, abs=1e-9)
        assert p == pytest.approx(p_value(crossed_interval(values, level=0.8)))


def test_holm_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04; times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04 -> 0.06.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1, 1])
    np.testing.assert_allclose(holm([0.02]), [0.02])
    assert holm([]).shape == (0,)
    with pytest.raises(UserError, match=r"in \[0, 1\]"):
        holm([0.5, float("nan")])


def test_against_all_reaches_down_to_the_lowest_and_up_to_the_chosen():
    chosen, other, best = _changed(0.01, 0.05), _changed(0.02, 0.09), _changed(-0.01, 0.02)
    found = against_all(chosen, [other, chosen, best])
    assert (found.estimate, found.low, found.high) == (chosen.estimate, best.low, chosen.high)
    assert against_all(chosen, []) == chosen
    assert decide(against_all(chosen, [other])) is True
    assert decide(found) is None


def test_replicates_to_tell_wait_for_the_last_rival():
    near, far, never = (
        crossed_interval(_differences(images=2000, replicates=3, gain=gain))
        for gain in (0.015, 0.1, -0.2)
    )
    assert replicates_to_tell(far) < replicates_to_tell(near)
    assert replicates_to_tell(far, [far, near]) == replicates_to_tell(near)
    assert replicates_to_tell(far, [never]) is None
