"""The kernel distance against its definition, and its error against what repeated draws show."""

import doctest
import sys

import numpy as np
import pytest
from sklearn.metrics.pairwise import polynomial_kernel

from ganjax.metrics import TooFewImagesError, kernel_distance

RNG = np.random.default_rng(0)


def kernels(one, other):
    return polynomial_kernel(one, other, degree=3, gamma=None, coef0=1)


def by_definition(one, other):
    one, other = np.float64(one), np.float64(other)
    total = -2 * kernels(one, other).mean()
    for own in (one, other):
        found = kernels(own, own)
        total += (found.sum() - np.trace(found)) / (len(own) * (len(own) - 1))
    return total


def network_like(rng, images, size=64):
    """Non-negative features with a few directions that matter, as a ReLU leaves them."""
    return np.maximum(rng.normal(size=(images, 8)) @ RNG.normal(size=(8, size)), 0)


def test_examples():
    assert doctest.testmod(sys.modules["ganjax.metrics.kernel"]).failed == 0


@pytest.mark.parametrize(("n", "m", "d"), [(2, 2, 1), (50, 80, 16), (1500, 1100, 24)])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0])
def test_agrees_with_scikit_learns_kernel(n, m, d, scale):
    one = scale * RNG.normal(0.3, 1, size=(n, d)).astype(np.float32)
    other = scale * RNG.normal(0.0, 1, size=(m, d)).astype(np.float32)
    expected, found = by_definition(one, other), kernel_distance(one, other)
    assert found.value == pytest.approx(expected, rel=1e-4, abs=1e-5 * abs(expected))


def test_rounding_is_far_below_the_error():
    one, other = network_like(RNG, 1200), network_like(RNG, 900)
    found = kernel_distance(one.astype(np.float32), other.astype(np.float32))
    assert abs(found.value - by_definition(one, other)) < 1e-3 * found.standard_error


def test_closed_form_of_two_single_values():
    """All images of a set equal: k(a, a) + k(b, b) - 2 k(a, b), without error."""
    a, b = np.tile([1.0, 2.0], (6, 1)), np.tile([3.0, 0.0], (5, 1))
    found = kernel_distance(a, b)
    assert found.value == pytest.approx((5 / 2 + 1) ** 3 + (9 / 2 + 1) ** 3 - 2 * (3 / 2 + 1) ** 3)
    assert found.standard_error == pytest.approx(0, abs=1e-2)
    assert kernel_distance(a, a).value == pytest.approx(0, abs=1e-4)


def test_closed_form_of_two_gaussians():
    """In one dimension, E k = 1 + 3 E xy + 3 E x^2 E y^2 + E x^3 E y^3."""
    moments = lambda mean, sd: (mean, mean**2 + sd**2, mean**3 + 3 * mean * sd**2)  # noqa: E731
    weights, (p, q) = (3, 3, 1), (moments(0.0, 1.0), moments(0.5, 1.2))
    expected = sum(w * (a - b) ** 2 for w, a, b in zip(weights, p, q, strict=True))
    found = [
        kernel_distance(RNG.normal(0, 1, (400, 1)), RNG.normal(0.5, 1.2, (300, 1))).value
        for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / np.sqrt(300))


def draws(one, other, count=500, d=4):
    """Estimates for `count` draws of two sets, of sizes and spreads given as (images, scale)."""
    sizes = (one, other)
    found = [
        kernel_distance(*(scale * RNG.normal(size=(images, d)) for images, scale in sizes))
        for _ in range(count)
    ]
    return np.array(found).T


@pytest.mark.parametrize("sizes", [(30, 30), (20, 90)])
def test_it_is_unbiased_and_knows_its_error_where_distributions_are_equal(sizes):
    values, errors = draws(*((images, 1.0) for images in sizes))
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
    # the estimate of the first-order part, truly 0, counts as 0 where it falls below: upward
    assert 0.9 < np.mean(errors**2) / values.var() < 1.6


@pytest.mark.parametrize("sizes", [(40, 40), (30, 120)])
def test_it_knows_its_error_where_distributions_differ(sizes):
    values, errors = draws((sizes[0], 1.0), (sizes[1], 1.6), count=800)
    assert values.mean() > 5 * values.std() / np.sqrt(len(values))
    assert 0.8 < np.mean(errors**2) / values.var() < 1.25


def test_the_error_shrinks_with_the_images():
    few, many = (draws((n, 1.0), (n, 2.0), count=30)[1].mean() for n in (150, 600))
    assert few / many == pytest.approx(2, rel=0.1)


def test_it_is_symmetric_and_blind_to_order_and_rotation():
    one, other = RNG.normal(size=(60, 9)), RNG.normal(0.2, 1, size=(45, 9))
    turn = np.linalg.qr(RNG.normal(size=(9, 9)))[0]
    expected = kernel_distance(one, other)
    for pair in ((other, one), (one[::-1], RNG.permutation(other)), (one @ turn, other @ turn)):
        np.testing.assert_allclose(kernel_distance(*pair), expected, rtol=1e-4)


def test_tiles_give_what_one_piece_gives(monkeypatch):
    one, other = RNG.normal(size=(70, 5)), RNG.normal(size=(41, 5))
    expected = kernel_distance(one, other)
    monkeypatch.setattr("ganjax.metrics.kernel.TILE", 16)
    np.testing.assert_allclose(kernel_distance(one, other), expected, rtol=1e-5)


def test_huge_features_do_not_overflow():
    one, other = RNG.normal(size=(40, 3)), RNG.normal(1, 1, size=(40, 3))
    small, large = kernel_distance(one * 1e3, other * 1e3), kernel_distance(one * 1e7, other * 1e7)
    np.testing.assert_allclose(np.array(large) / np.array(small), 1e24, rtol=1e-3)


def test_too_few_images():
    with pytest.raises(TooFewImagesError, match="at least 2 images are needed on each side, not 1"):
        kernel_distance(np.zeros((5, 2)), np.zeros((1, 2)))
    found = kernel_distance(np.eye(3), np.eye(3) + 1)
    assert np.isfinite(found.value)
    assert np.isnan(found.standard_error)
