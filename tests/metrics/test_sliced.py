"""The sliced Wasserstein distance against scipy along one line, and closed forms."""

import doctest
import sys

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import wasserstein_distance

from ganjax.errors import UserError
from ganjax.metrics import frechet_distance, moments, sliced_wasserstein

RNG = np.random.default_rng(0)


def test_examples():
    assert doctest.testmod(sys.modules["ganjax.metrics.sliced"]).failed == 0


@pytest.mark.parametrize(("n", "m"), [(30, 30), (30, 70), (7, 1), (12, 18)])
def test_of_zeros_and_ones_it_is_scipys(n, m):
    """Where |a - b|^2 = |a - b|, the two Wasserstein distances are one."""
    one, other = (RNG.integers(0, 2, size).astype(float) for size in (n, m))
    found = sliced_wasserstein(one[:, None], other[:, None], projections=3)
    assert found / 3 == pytest.approx(wasserstein_distance(one, other), abs=1e-6)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (8, 12)])
def test_along_a_line_it_is_the_best_transport(n, m):
    """Each value is as many parts as make the sets equally large; scipy assigns them."""
    one, other = RNG.normal(size=n), RNG.normal(1, 2, size=m)
    parts = [np.repeat(own, np.lcm(n, m) // len(own)) for own in (one, other)]
    costs = (parts[0][:, None] - parts[1]) ** 2
    best = costs[linear_sum_assignment(costs)].mean()
    found = sliced_wasserstein(one[:, None], other[:, None], projections=2)
    assert found == pytest.approx(3 * best, rel=1e-5)


def test_a_shift_costs_its_square():
    one = RNG.normal(size=(100, 20))
    shift = RNG.normal(size=20)
    found = sliced_wasserstein(one, one + shift, projections=4000)
    assert found == pytest.approx(3 * shift @ shift, rel=0.1)  # directions: 2 % at one sigma


def test_closed_form_of_two_round_gaussians():
    """W_2^2 along any direction is (u.v)^2 + (s - 1)^2; of samples, a little more."""
    d = 6
    one, other = RNG.normal(size=(20_000, d)), 1.5 * RNG.normal(size=(20_000, d)) + 1
    found = sliced_wasserstein(one, other)
    assert found == pytest.approx(3 * (d + d * 0.25), rel=0.1)
    assert found / 3 == pytest.approx(frechet_distance(moments(one), moments(other)), rel=0.1)


def test_it_sees_what_moments_do_not():
    """Two clouds with the mean and covariance of one Gaussian."""
    wide = RNG.normal(size=(4000, 2))
    signs = RNG.choice([-1.0, 1.0], size=(4000, 2)) + 0.01 * RNG.normal(size=(4000, 2))
    same = sliced_wasserstein(wide, RNG.normal(size=(4000, 2)))
    assert sliced_wasserstein(wide, signs) > 20 * same
    assert frechet_distance(moments(wide), moments(signs)) < 0.01


def test_identical_sets_and_single_values():
    one = RNG.normal(1e4, 1, size=(50, 8))
    assert sliced_wasserstein(one, RNG.permutation(one)) == pytest.approx(0, abs=1e-9)
    far = sliced_wasserstein(np.zeros((5, 1)), np.full((3, 1), 2.0))
    assert far == pytest.approx(12)


def test_sizes_need_not_be_equal():
    """Every image three times is the same set."""
    one, other = RNG.normal(size=(30, 4)), RNG.normal(1, 1, size=(50, 4))
    expected = sliced_wasserstein(one, other)
    assert sliced_wasserstein(np.repeat(one, 3, axis=0), other) == pytest.approx(expected, rel=1e-5)
    assert sliced_wasserstein(other, one) == pytest.approx(expected, rel=1e-5)


def test_the_seed_is_the_directions():
    one, other = RNG.normal(size=(30, 4)), RNG.normal(1, 1, size=(50, 4))
    a, b, c = (sliced_wasserstein(one, other, projections=50, seed=seed) for seed in (1, 1, 2))
    assert a == b != c
    assert sliced_wasserstein(2 * one, 2 * other, projections=50, seed=1) == pytest.approx(4 * a)


def test_blocks_give_what_one_piece_gives(monkeypatch):
    one, other = RNG.normal(size=(30, 4)), RNG.normal(1, 1, size=(30, 4))
    whole = sliced_wasserstein(one, other)
    monkeypatch.setattr("ganjax.metrics.products.BLOCK", 100)
    assert sliced_wasserstein(one, other) == pytest.approx(whole, rel=1e-6)


def test_refuses_no_direction():
    with pytest.raises(UserError, match="projections must be at least 1, not 0"):
        sliced_wasserstein(np.zeros((2, 2)), np.zeros((2, 2)), projections=0)
