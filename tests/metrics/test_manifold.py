"""Precision, recall, density and coverage against brute force and their expectations."""

import doctest
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ganjax.errors import UserError
from ganjax.metrics import Manifold, TooFewImagesError, manifold

RNG = np.random.default_rng(0)


def brute(real, generated, k):
    """The papers' equations on whole matrices of distances."""
    radii = [np.sort(cdist(own, own), axis=1)[:, k] for own in (real, generated)]
    apart = cdist(real, generated)
    in_real, in_generated = apart <= radii[0][:, None], apart <= radii[1]
    return Manifold(
        in_real.any(axis=0).mean(),
        in_generated.any(axis=1).mean(),
        in_real.sum(axis=0).mean() / k,
        in_real.any(axis=1).mean(),
    )


def test_examples():
    assert doctest.testmod(sys.modules["ganjax.metrics.manifold"]).failed == 0


@pytest.mark.parametrize(("n", "m", "d", "k"), [(300, 200, 16, 5), (40, 90, 2, 3), (6, 6, 3, 5)])
def test_is_the_papers(n, m, d, k):
    real, generated = RNG.normal(size=(n, d)), RNG.normal(0.3, 0.8, size=(m, d))
    np.testing.assert_allclose(
        manifold(real, generated, neighbours=k), brute(real, generated, k), rtol=1e-12
    )


def test_copies_of_the_real_images_pass_everything():
    """Their distances to real neighbours tie with the balls' radii, which are closed."""
    real = RNG.normal(100, 1, size=(200, 32)).astype(np.float32)
    found = manifold(real, RNG.permutation(real))
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx(6 / 5)  # itself and five neighbours


def test_sets_of_one_value():
    one, other = np.ones((8, 3)), np.full((9, 3), 2.0)
    assert manifold(one, one[:7]) == (1, 1, 8 / 5, 1)
    assert manifold(one, other) == (0, 0, 0, 0)


def test_sets_apart_share_nothing():
    assert manifold(RNG.normal(size=(50, 4)), RNG.normal(size=(50, 4)) + 100) == (0, 0, 0, 0)


def test_balls_much_smaller_than_the_space():
    """A far outlier sets the scale, so that float32 sees each cluster as one point."""
    real = np.concatenate([1e-3 * RNG.normal(size=(60, 4)), [[1e3] * 4]])
    generated = np.concatenate([1e-3 * RNG.normal(size=(50, 4)) + 1e-3, [[-1e3] * 4]])
    np.testing.assert_allclose(manifold(real, generated), brute(real, generated, 5), rtol=1e-12)


def test_expectations_for_equal_distributions():
    """arXiv 2002.09797: both expectations hold whatever the distribution."""
    n, m, k, draws = 60, 45, 4, 200
    found = np.array([
        manifold(RNG.normal(size=(n, 3)), RNG.normal(size=(m, 3)), neighbours=k)
        for _ in range(draws)
    ])  # fmt: skip
    steps = np.arange(1, k + 1)
    coverage = 1 - np.prod((n - steps) / (n + m - steps))
    error = 4 * found.std(axis=0) / np.sqrt(draws)
    assert found[:, 2].mean() == pytest.approx(1, abs=error[2])
    assert found[:, 3].mean() == pytest.approx(coverage, abs=error[3])


def test_precision_and_recall_change_places_with_the_sets():
    one, other = RNG.normal(size=(70, 5)), RNG.normal(0.5, 1, size=(80, 5))
    there, back = manifold(one, other), manifold(other, one)
    assert (there.precision, there.recall) == (back.recall, back.precision)


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_scale_shift_rotation_and_order_change_nothing(scale):
    one, other = RNG.normal(size=(70, 5)), RNG.normal(0.5, 1, size=(80, 5))
    turn = scale * np.linalg.qr(RNG.normal(size=(5, 5)))[0]
    moved = manifold(one[::-1] @ turn + 3 * scale, other @ turn + 3 * scale)
    np.testing.assert_allclose(moved, manifold(one, other), rtol=1e-12)


def test_blocks_give_what_one_piece_gives(monkeypatch):
    one, other = RNG.normal(size=(70, 5)), RNG.normal(0.5, 1, size=(80, 5))
    whole = manifold(one, other)
    monkeypatch.setattr("ganjax.metrics.products.BLOCK", 200)
    np.testing.assert_allclose(manifold(one, other), whole, rtol=1e-12)


def test_refuses():
    five, six = np.zeros((5, 2)), np.zeros((6, 2))
    with pytest.raises(TooFewImagesError, match="at least 6 images are needed on each side, not 5"):
        manifold(six, five)
    with pytest.raises(UserError, match="at least 1, not 0"):
        manifold(six, six, neighbours=0)
