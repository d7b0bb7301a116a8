"""C_T against scipy's Mann-Whitney test and its null distribution; copies are seen by it."""

import doctest
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu, norm

from ganjax.errors import UserError
from ganjax.metrics import TooFewImagesError, authenticity, copying_statistic
from ganjax.metrics.copying import mann_whitney

RNG = np.random.default_rng(0)


def mixture(images, d=6):
    """Images in three clusters."""
    return RNG.normal(size=(images, d)) + 10 * RNG.integers(0, 3, size=(images, 1))


def test_examples():
    assert doctest.testmod(sys.modules["ganjax.metrics.copying"]).failed == 0


@pytest.mark.parametrize("values", [1000, 6, 2])
def test_mann_whitney_is_scipys(values):
    """With few values many tie."""
    one, other = RNG.integers(0, values, 40), RNG.integers(0, values, 23) + 1
    z = mann_whitney(one, other)
    theirs = mannwhitneyu(one, other, alternative="less", method="asymptotic", use_continuity=False)
    assert norm.cdf(z) == pytest.approx(theirs.pvalue, rel=1e-9)
    assert mann_whitney(other, one) == pytest.approx(-z)


def test_mann_whitney_of_one_value_is_nothing():
    assert mann_whitney([1.0, 1.0], [1.0]) == 0


def test_in_one_cell_it_is_scipys_test_of_the_distances():
    train, held_out, generated = mixture(200), mixture(60), 1.1 * mixture(90)
    near, far = (cdist(own, train).min(axis=1) for own in (generated, held_out))
    theirs = mannwhitneyu(near, far, method="asymptotic", use_continuity=False, alternative="less")
    found = copying_statistic(train, held_out, generated, cells=1)
    assert norm.cdf(found.z) == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.statistic == found.z == found.cells[0]


def test_cells_are_put_together_as_the_paper_does():
    found = copying_statistic(mixture(300), mixture(150), mixture(180), cells=3)
    weights = found.held_out / found.held_out.sum()
    assert found.statistic == pytest.approx(weights @ found.cells)
    assert found.z == pytest.approx(weights @ found.cells / np.sqrt(weights @ weights))
    assert (found.held_out.sum(), found.generated.sum()) == (150, 180)


def test_new_images_make_a_standard_normal():
    found = [copying_statistic(mixture(120), mixture(90), mixture(70), cells=3) for _ in range(150)]
    together = np.array([own.z for own in found])
    cells = np.concatenate([own.cells for own in found])
    for z in (together, cells):
        assert abs(np.mean(z)) < 4 / np.sqrt(len(z))
        assert np.var(z) == pytest.approx(1, abs=4 * np.sqrt(2 / len(z)))


def test_copies_are_far_below_0_and_a_poor_fit_far_above():
    train, held_out = mixture(300), mixture(200)
    copies = train[:150] + 0.01 * RNG.normal(size=(150, 6))
    assert copying_statistic(train, held_out, train[:150]).z < -10
    assert copying_statistic(train, held_out, copies).z < -10
    assert copying_statistic(train, held_out, mixture(150) + RNG.normal(size=(150, 6)) * 2).z > 5


def test_a_cell_tells_where_it_copies():
    """One cluster copied, the others too wide: together they would hide it."""
    train, held_out = mixture(600), mixture(300)
    copied = train[train.mean(axis=1) < 5][:100]
    wide = mixture(600)
    wide = wide[wide.mean(axis=1) > 5]
    wide = wide + 0.8 * RNG.normal(size=wide.shape)
    found = copying_statistic(train, held_out, np.concatenate([copied, wide]), cells=3)
    assert found.cells.min() < -8
    assert np.sort(found.cells)[1] > 2


def test_a_cell_without_generated_images_does_not_count():
    train, held_out = mixture(300), mixture(200)
    generated = mixture(300)
    generated = generated[generated.mean(axis=1) < 5]
    found = copying_statistic(train, held_out, generated, cells=3)
    assert np.isnan(found.cells).sum() == 2
    assert found.statistic == found.z == np.nanmax(found.cells)
    nowhere = copying_statistic(
        np.repeat([[0.0], [9.0]], 5, axis=0), np.zeros((5, 1)), np.full((5, 1), 9.0), cells=2
    )
    assert np.isnan([nowhere.statistic, nowhere.z, *nowhere.cells]).all()


def test_the_number_of_cells_follows_from_the_images():
    assert len(copying_statistic(mixture(80), mixture(20), mixture(500)).cells) == 1
    assert len(copying_statistic(mixture(80), mixture(160), mixture(150)).cells) == 3
    assert len(copying_statistic(mixture(2), mixture(160), mixture(150)).cells) == 2


def test_the_same_seed_gives_the_same_cells():
    sets = mixture(200), mixture(100), mixture(100)
    one, again = (copying_statistic(*sets, cells=4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.cells, again.cells)


def test_refuses():
    four, six = np.zeros((4, 2)), np.zeros((6, 2))
    for sets in ((six, four, six), (six, six, four)):
        with pytest.raises(
            TooFewImagesError, match="at least 5 images are needed on each side, not 4"
        ):
            copying_statistic(*sets)
    with pytest.raises(UserError, match="from 1 to the 6 training images there are, not 7"):
        copying_statistic(six, six, six, cells=7)
    with pytest.raises(TooFewImagesError, match="more than 0 images"):
        authenticity(six[:1], six)


def test_authenticity_is_the_papers():
    train, generated = mixture(80), mixture(60)
    apart, within = cdist(generated, train), cdist(train, train) + np.diag(np.full(80, np.inf))
    whose = apart.argmin(axis=1)
    expected = np.mean(apart.min(axis=1) > within.min(axis=1)[whose])
    assert authenticity(train, generated) == expected


def test_copies_are_not_authentic_and_far_images_are():
    train = mixture(100)
    assert authenticity(train, train[:50]) == 0
    assert authenticity(np.repeat(train, 2, axis=0), train) == 0  # equal training images
    assert authenticity(train, mixture(50) + 100) == 1
    half = np.concatenate([train[:50], mixture(50) + 100])
    assert authenticity(train, half) == 0.5
