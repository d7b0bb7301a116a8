"""Which images are taken: in proportion, disjoint, the same for the same seed."""

import numpy as np
import pytest

from ganjax.evaluate import draws

LABELS = np.repeat([0, 1, 2], [50, 30, 7])


@pytest.mark.parametrize("total", [0, 1, 10, 43, 86, 87])
def test_shares_add_up_and_no_class_gives_more_than_it_has(total):
    counts = np.array([50, 30, 0, 7])
    shares = draws.in_proportion(counts, total)
    assert shares.sum() == total
    assert (shares <= counts).all()
    assert np.abs(shares - counts * total / 87).max() < 1


def test_more_images_than_there_are_can_be_shared_out():
    assert draws.in_proportion(np.array([2, 1]), 30).tolist() == [20, 10]


def test_some_are_drawn_once_each_and_in_proportion():
    rows = draws.some(LABELS, 29, seed=0)
    assert len(set(rows.tolist())) == 29
    assert np.bincount(LABELS[rows]).tolist() == [17, 10, 2]
    assert rows.tolist() == draws.some(LABELS, 29, seed=0).tolist()
    assert rows.tolist() != draws.some(LABELS, 29, seed=1).tolist()
    assert sorted(draws.some(LABELS, 87, seed=0).tolist()) == list(range(87))


def test_halves_share_no_image_and_have_the_same_classes():
    one, other = draws.halves(LABELS, 1000, seed=0)
    assert not set(one.tolist()) & set(other.tolist())
    assert np.bincount(LABELS[one]).tolist() == np.bincount(LABELS[other]).tolist() == [25, 15, 3]
    few, _ = draws.halves(LABELS, 10, seed=0)
    assert len(few) == 10
