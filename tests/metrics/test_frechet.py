"""The Frechet distance against closed forms and scipy's matrix square root."""

import doctest
import sys
from functools import reduce

import numpy as np
import pytest
from scipy.linalg import sqrtm

from ganjax.errors import UserError
from ganjax.metrics import Moments, frechet_distance, merge, moments


def gaussian(mean, covariance, images=10):
    """Moments as a set with exactly this mean and covariance would have."""
    return Moments(images, np.asarray(mean, float), np.asarray(covariance, float) * (images - 1))


def features(seed, images, size, *, rank=None):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(rank or size, size))
    return rng.normal(size=(images, rank or size)) @ mixing + rng.normal(size=size)


def by_sqrtm(one, other):
    """The equation as the paper writes it."""
    root = sqrtm(one.covariance @ other.covariance).real
    shift = one.mean - other.mean
    return shift @ shift + np.trace(one.covariance + other.covariance - 2 * root)


def test_examples():
    assert doctest.testmod(sys.modules["ganjax.metrics.frechet"]).failed == 0


def test_closed_form_of_two_gaussians():
    one, other = [4.0, 9.0, 1.0], [1.0, 16.0, 1.0]
    expected = (1 + 4 + 0) + (2 - 1) ** 2 + (3 - 4) ** 2 + 0
    found = frechet_distance(gaussian([0, 0, 0], np.diag(one)), gaussian([1, 2, 0], np.diag(other)))
    assert found == pytest.approx(expected, rel=1e-12)


def test_closed_form_holds_in_any_orientation():
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = [rotation @ np.diag(v) @ rotation.T for v in ([4.0, 9.0, 1.0], [1.0, 16.0, 0.0])]
    found = frechet_distance(gaussian(np.zeros(3), turned[0]), gaussian(np.zeros(3), turned[1]))
    assert found == pytest.approx(1 + 1 + 1, rel=1e-12)


@pytest.mark.parametrize(("images", "size"), [(500, 20), (30, 64)])
def test_a_set_is_at_no_distance_from_itself(images, size):
    found = moments(features(0, images, size))
    assert frechet_distance(found, found) <= 1e-6 * np.trace(found.covariance)


def test_moments_are_numpys():
    values = features(1, 200, 8)
    found = moments(values)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(values, rowvar=False), rtol=1e-12)


@pytest.mark.parametrize("cuts", [[100], [1, 2, 250], [7, 7 + 128]])
def test_streaming_equals_the_whole(cuts):
    values = features(2, 300, 12) + 1000  # far from 0, where sums of squares would lose digits
    whole, parts = moments(values), reduce(merge, map(moments, np.split(values, cuts)))
    assert parts.images == whole.images
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-9, atol=1e-9)


def test_float32_features_are_summed_in_float64():
    values = (features(3, 5000, 4) + 1e4).astype(np.float32)
    np.testing.assert_allclose(
        moments(values).covariance, np.cov(values.astype(np.float64), rowvar=False), rtol=1e-9
    )


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scipys_square_root(seed):
    one, other = moments(features(seed, 400, 32)), moments(features(seed + 10, 300, 32))
    assert frechet_distance(one, other) == pytest.approx(by_sqrtm(one, other), rel=1e-8)


def test_is_symmetric_and_additive_in_the_shift():
    one, other = moments(features(4, 100, 16)), moments(features(5, 100, 16))
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one), rel=1e-9)
    moved = one._replace(mean=one.mean + 2.0)
    assert frechet_distance(one, moved) == pytest.approx(16 * 4.0, rel=1e-9)


@pytest.mark.parametrize(("images", "rank"), [(20, None), (500, 5)])
def test_covariances_without_full_rank(images, rank):
    """Against the same sets with a little noise, for which the square root is well conditioned."""
    one, other = (moments(features(seed, images, 48, rank=rank)) for seed in (6, 7))
    assert np.linalg.matrix_rank(one.covariance) < 48

    def regular(own):
        return gaussian(own.mean, own.covariance + 1e-9 * np.eye(48))

    found = frechet_distance(one, other)
    assert np.isfinite(found)
    assert found == pytest.approx(by_sqrtm(regular(one), regular(other)), rel=1e-4)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [2, 0, 3, 1]])
def test_parts_of_float32_features_in_any_order_are_the_whole(order):
    values = (np.abs(features(8, 4000, 32)) + 100).astype(np.float32)
    other = moments(features(9, 500, 32))
    parts = [np.split(values, 4)[i] for i in order]
    found = frechet_distance(reduce(merge, map(moments, parts)), other)
    assert found == pytest.approx(frechet_distance(moments(values), other), rel=1e-10)


@pytest.mark.parametrize("images", [2, 40])
def test_few_images_in_a_large_space_lie_as_far_apart_as_in_their_own(images):
    """Ten features, padded with 190 that are 0 and turned: what rounding adds must not count."""
    one, other = features(10, images, 10), features(11, images, 10)
    turn = np.linalg.qr(np.random.default_rng(12).normal(size=(200, 200)))[0]
    large = (np.pad(own, ((0, 0), (0, 190))) @ turn for own in (one, other))
    expected = frechet_distance(moments(one), moments(other))
    assert frechet_distance(*map(moments, large)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_it_goes_with_the_square_of_the_unit(scale):
    one, other = features(13, 60, 20), features(14, 50, 20)
    expected = scale**2 * frechet_distance(moments(one), moments(other))
    found = frechet_distance(moments(one * scale), moments(other * scale))
    assert found == pytest.approx(expected, rel=1e-9)


def test_sets_of_one_repeated_image():
    one, other = moments(np.ones((5, 3))), moments(np.full((5, 3), 3.0))
    assert frechet_distance(one, other) == pytest.approx(12.0)
    assert frechet_distance(one, one) == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(5), r"got \[5\]"),
        (np.zeros((0, 5)), "at least one of each"),
        (np.zeros((2, 2, 2)), r"\[images, features\]"),
        ([[0.0, np.nan]], "finite"),
    ],
)
def test_refuses(values, message):
    with pytest.raises(UserError, match=message):
        moments(values)


def test_refuses_what_cannot_be_compared():
    two, three = moments(np.eye(4)[:, :2]), moments(np.eye(4)[:, :3])
    with pytest.raises(UserError, match="one feature network"):
        frechet_distance(two, three)
    with pytest.raises(UserError, match="2 and of 3 features"):
        merge(two, three)
    with pytest.raises(UserError, match="at least 2 images a side, not 1"):
        frechet_distance(two, moments([[0.0, 1.0]]))
