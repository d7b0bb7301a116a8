"""Nearest neighbours against scikit-learn and brute force, also where float32 cannot see them."""

import doctest
import sys
import threading

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from ganjax.errors import UserError
from ganjax.metrics import TooFewImagesError, nearest
from ganjax.metrics.products import in_parts, parts

RNG = np.random.default_rng(0)


def brute(queries, base, count):
    return np.sort(cdist(queries, base), axis=1)[:, :count]


def test_examples():
    assert doctest.testmod(sys.modules["ganjax.metrics.neighbours"]).failed == 0


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "m", "d", "count"), [(300, 700, 40, 5), (50, 17, 3, 17), (3, 1, 2, 1)]
)
def test_agrees_with_scikit_learn(kind, n, m, d, count):
    queries, base = RNG.normal(size=(n, d)).astype(kind), RNG.normal(size=(m, d)).astype(kind)
    found = nearest(queries, base, count=count)
    theirs = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(base.astype(np.float64))
    distances, indices = theirs.kneighbors(queries.astype(np.float64))
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9)
    np.testing.assert_array_equal(found.indices, indices)
    assert (found.distances.dtype, found.indices.dtype) == (np.float64, np.int64)


def test_many_blocks_give_what_one_gives(monkeypatch):
    queries, base = RNG.normal(size=(90, 7)), RNG.normal(size=(60, 7))
    whole = nearest(queries, base, count=3)
    monkeypatch.setattr("ganjax.metrics.products.BLOCK", 128)
    np.testing.assert_array_equal(nearest(queries, base, count=3).indices, whole.indices)


def test_an_image_is_not_its_own_neighbour_but_an_equal_one_is():
    base = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    found = nearest(base, base, count=2, apart_from_self=True)
    np.testing.assert_array_equal(found.distances, [[0, 5], [5, 5], [0, 5]])
    np.testing.assert_array_equal(found.indices[[0, 2], 0], [2, 0])
    assert set(found.indices[1]) == {0, 2}


def test_copies_are_at_no_distance_at_all():
    base = RNG.normal(1000, 1, size=(500, 64)).astype(np.float32)
    found = nearest(base[::3], base)
    np.testing.assert_array_equal(found.distances, 0)
    np.testing.assert_array_equal(found.indices[:, 0], np.arange(0, 500, 3))


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_neighbours_that_float32_cannot_tell_apart(offset):
    """A hundred images at one spot, seen from afar: the unit is that of the outlier."""
    base = np.concatenate([1e-4 * RNG.normal(size=(100, 8)), [np.full(8, 1e3)]]) + offset
    queries = 1e-4 * RNG.normal(size=(20, 8)) + offset
    found = nearest(queries, base, count=3)
    np.testing.assert_allclose(found.distances, brute(queries, base, 3), rtol=1e-9)


def test_a_collapsed_base():
    base = np.repeat([[1.0, 2.0], [5.0, 5.0]], [400, 2], axis=0)
    found = nearest([[1.0, 1.0], [5.0, 5.0]], base, count=4)
    np.testing.assert_allclose(found.distances, [[1, 1, 1, 1], [0, 0, 5, 5]])
    assert len(set(found.indices[0])) == 4


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_any_unit_will_do(scale):
    queries, base = RNG.normal(size=(20, 5)), RNG.normal(size=(50, 5))
    small, large = nearest(queries, base, count=2), nearest(queries * scale, base * scale, count=2)
    np.testing.assert_array_equal(small.indices, large.indices)
    np.testing.assert_allclose(small.distances * scale, large.distances, rtol=1e-12)


def test_turning_and_shifting_changes_nothing():
    queries, base = RNG.normal(size=(40, 6)), RNG.normal(size=(80, 6))
    turn = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
    found, moved = (nearest(q, b, count=4) for q, b in (
        (queries, base), (queries @ turn + 7, base @ turn + 7)))  # fmt: skip
    np.testing.assert_array_equal(found.indices, moved.indices)
    np.testing.assert_allclose(found.distances, moved.distances, rtol=1e-10)


def test_refuses():
    two, three = np.zeros((2, 2)), np.zeros((3, 2))
    with pytest.raises(UserError, match="must be at least 1, not 0"):
        nearest(two, three, count=0)
    with pytest.raises(UserError, match="one set; got 2 and 3 images"):
        nearest(two, three, apart_from_self=True)
    with pytest.raises(TooFewImagesError, match="more than 3 images"):
        nearest(two, three, count=4)
    with pytest.raises(TooFewImagesError, match="more than 2 images"):
        nearest(three, three, count=3, apart_from_self=True)
    with pytest.raises(UserError, match="2 and of 1 features"):
        nearest(two, np.zeros((3, 1)))


def test_parts_are_worked_on_together_and_told_in_order():
    """Each waits for the other, which ends only where both are under way."""
    together = threading.Barrier(2, timeout=30)

    def work(rows):
        together.wait()
        return rows

    found = in_parts(work, 6, 1, most=3)
    assert [(rows.start, rows.stop) for rows in found] == [(0, 3), (3, 6)]
    assert [(rows.start, rows.stop) for rows in parts(5, 10, most=7)] == [
        (i, i + 1) for i in range(5)
    ]
