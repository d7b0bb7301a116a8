"""Draws are fair, fresh, disjoint where they can be, and the same on any machine."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from ganjax.data import splits
from ganjax.data.sources import Dataset, Source, load
from ganjax.data.splits import draw, long_tail, part, part_labelled, some_per_class
from ganjax.errors import UserError

NAMES = ("ant", "bee", "cat")


def numbered(counts=(40, 40, 40)) -> Dataset:
    """Images whose first two pixels are their own number."""
    total = sum(counts)
    images = np.zeros((total, 8, 8, 1), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.arange(total) % 256, np.arange(total) // 256
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    return Dataset("numbered", images, labels, NAMES[: len(counts)])


def numbers(dataset: Dataset) -> set[int]:
    pixels = dataset.images[:, 0, :2, 0].astype(int)
    return set((pixels[:, 0] + 256 * pixels[:, 1]).tolist())


def drawn(pool, replicate=0, replicates=3, per_class=8, seed=0, fraction=0.25, **kwargs):
    return draw(
        pool,
        per_class=per_class,
        replicate=replicate,
        replicates=replicates,
        validation_fraction=fraction,
        seed=seed,
        **kwargs,
    )


def test_part_is_stratified_and_disjoint():
    source = Source(numbered((40, 20, 80)), None)
    pool, sealed = part(source, test_fraction=0.25, seed=0)
    assert sealed.counts == (10, 5, 20)
    assert pool.counts().tolist() == [30, 15, 60]
    seen = []
    sealed.judge(0, {}, lambda images: seen.append(images.copy()) or np.zeros(len(images)))
    test = Dataset("test", seen[0], np.zeros(len(seen[0]), np.int32), NAMES)
    assert not numbers(test) & numbers(pool)
    assert numbers(test) | numbers(pool) == numbers(source.train)


def test_part_depends_on_the_seed_alone():
    source = Source(numbered(), None)
    prints = [part(source, test_fraction=0.25, seed=s)[1].fingerprint for s in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]


def test_part_takes_the_sources_own_test_split():
    source = Source(numbered(), numbered((10, 10, 10)))
    pool, sealed = part(source, test_fraction=0.25, seed=0)
    assert pool is source.train
    assert sealed.counts == (10, 10, 10)


def test_part_refuses_a_class_too_small_to_test():
    with pytest.raises(UserError, match="class bee has 1 test images"):
        part(Source(numbered((40, 4, 40)), None), test_fraction=0.25, seed=0)


@pytest.mark.parametrize(("per_class", "held"), [(2, 1), (3, 1), (8, 2), (20, 5)])
def test_draw_counts_both_its_parts(per_class, held):
    fit, validation = drawn(numbered(), per_class=per_class, replicates=2)
    assert validation.counts().tolist() == [held] * 3
    assert fit.counts().tolist() == [per_class - held] * 3
    assert not numbers(fit) & numbers(validation)


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_draw_leaves_something_to_fit_and_to_choose_by(fraction):
    fit, validation = drawn(numbered(), fraction=fraction)
    assert fit.counts().min() >= 1
    assert validation.counts().min() >= 1


def test_draws_share_nothing_while_the_pool_lasts():
    pool = numbered((24, 24, 24))
    sets = [numbers(fit) | numbers(held) for fit, held in (drawn(pool, r) for r in range(3))]
    assert len(set.union(*sets)) == 3 * 3 * 8


def test_draws_overlap_only_when_the_pool_is_too_small():
    pool = numbered((23, 23, 23))
    sets = [numbers(fit) | numbers(held) for fit, held in (drawn(pool, r) for r in range(3))]
    assert all(len(own) == 3 * 8 for own in sets)  # without replacement within a draw
    assert sets[0] != sets[1]


def test_draw_is_pinned_across_machines():
    digest = hashlib.sha256()
    for own in drawn(load("digits").train, per_class=5):
        digest.update(own.images.tobytes() + own.labels.astype("<i4").tobytes())
    assert digest.hexdigest() == "6c6b038df602c6284f1ae0e66353eb13b1b3325f84487f124c48797934e83235"


@pytest.mark.parametrize("per_class", [1, 0, -3])
def test_too_few_per_class(per_class):
    with pytest.raises(UserError, match="at least 2"):
        drawn(numbered(), per_class=per_class)


def test_class_with_fewer_than_asked_is_named_with_the_largest_possible():
    with pytest.raises(UserError) as caught:
        drawn(numbered((40, 6, 40)), per_class=8)
    assert "class bee has 6" in str(caught.value)
    assert "--per-class 6" in str(caught.value)


def test_a_part_of_each_class_is_held_out_and_the_rest_is_left():
    labels = np.repeat(np.arange(3, dtype=np.int32), (4, 30, 100))
    images = np.arange(134, dtype=np.uint8).reshape(-1, 1, 1, 1)
    dataset = Dataset("toy", images, labels, ("few", "some", "many"))
    fit, held_out = splits.hold_out(dataset, 0.1, seed=3)
    assert held_out.counts().tolist() == [0, 3, 10]  # a class of 4 spares none
    both = np.concatenate([fit.images, held_out.images]).ravel()
    assert sorted(both.tolist()) == list(range(134))
    again = splits.hold_out(dataset, 0.1, seed=3)[1]
    np.testing.assert_array_equal(again.images, held_out.images)
    other = splits.hold_out(dataset, 0.1, seed=4)[1]
    assert (other.images != held_out.images).any()


def test_of_a_large_set_no_more_is_held_out_than_choosing_takes():
    labels = np.arange(30_000, dtype=np.int32) % 2
    dataset = Dataset("toy", np.zeros((30_000, 1, 1, 1), np.uint8), labels, ("a", "b"))
    assert len(splits.hold_out(dataset, 0.5, seed=0)[1]) == splits.MOST_HELD_OUT


@pytest.mark.parametrize(
    ("per_class", "classes", "imbalance", "counts"),
    [
        (20, 3, 1.0, [20, 20, 20]),
        (100, 3, 100.0, [100, 10, 2]),  # 1 would be too few
        (5000, 10, 10.0, [5000, 3871, 2997, 2321, 1797, 1391, 1077, 834, 646, 500]),
    ],
)
def test_a_long_tail_falls_exponentially(per_class, classes, imbalance, counts):
    assert long_tail(per_class, classes, imbalance) == counts


def test_an_imbalance_below_one_is_refused():
    with pytest.raises(UserError, match="--imbalance must be at least 1"):
        long_tail(10, 3, 0.5)


def test_an_unbalanced_draw_has_its_tail_and_validates_every_class():
    own = [
        draw(
            numbered(), per_class=12, replicate=r, replicates=3, validation_fraction=0.25, seed=0,
            imbalance=4.0,
        )
        for r in range(3)
    ]  # fmt: skip
    for one in own:
        assert (one.fit.counts() + one.validation.counts()).tolist() == [12, 6, 3]
        assert one.validation.counts().tolist() == [3, 2, 1]
    assert not numbers(own[0].fit) & numbers(own[1].fit)


def test_an_unbalanced_draw_asks_of_each_class_what_it_has():
    pool = numbered((50, 20, 10))
    assert some_per_class(pool, 40, seed=0, imbalance=4.0).counts().tolist() == [40, 20, 10]
    with pytest.raises(UserError, match=r"bee has 20 images, fewer than the 24 of --per-class 48"):
        some_per_class(pool, 48, seed=0, imbalance=4.0)


@pytest.mark.parametrize(("unlabelled", "count"), [("rest", 108), (30, 30)])
def test_the_unlabelled_part_shares_no_image_and_shows_no_label(unlabelled, count):
    few, many = part_labelled(numbered(), 4, unlabelled=unlabelled, seed=0)
    assert few.counts().tolist() == [4, 4, 4]
    assert len(many) == count
    assert set(many.labels) == {-1}
    assert not numbers(few) & numbers(many)
    again = part_labelled(numbered(), 4, unlabelled=unlabelled, seed=0)[1]
    assert numbers(again) == numbers(many)


@pytest.mark.parametrize("unlabelled", [0, 109])
def test_no_more_unlabelled_images_than_there_are(unlabelled):
    with pytest.raises(UserError, match="--unlabelled must be from 1 to 108"):
        part_labelled(numbered(), 4, unlabelled=unlabelled, seed=0)


def hidden(pool: Dataset, rows: slice) -> Dataset:
    """The pool, some of whose images are of no known class."""
    labels = pool.labels.copy()
    labels[rows] = -1
    return replace(pool, labels=labels)


@pytest.mark.parametrize("per_class", [8, 20], ids=["apart", "overlapping"])
def test_the_rest_of_the_pool_goes_without_labels(per_class):
    pool = numbered()
    for replicate in range(3):
        own = drawn(pool, replicate, per_class=per_class, unlabelled="rest")
        labelled = numbers(own.fit) | numbers(own.validation)
        assert set(own.unlabelled.labels) == {-1}
        assert numbers(own.unlabelled) == numbers(pool) - labelled
        assert len(own.unlabelled) == 120 - 3 * per_class  # the same in each replicate
        plain = drawn(pool, replicate, per_class=per_class)
        assert plain.unlabelled is None
        for one, other in zip(own, plain, strict=True):
            np.testing.assert_array_equal(one.images, other.images)


def test_so_many_go_without_labels_others_in_each_replicate_and_the_same_again():
    sets = [numbers(drawn(numbered(), r, unlabelled=30).unlabelled) for r in (0, 1, 0)]
    assert [len(own) for own in sets] == [30, 30, 30]
    assert sets[0] == sets[2] != sets[1]


def test_images_of_no_known_class_are_drawn_without_labels_only():
    pool = hidden(numbered(), slice(0, 20))
    own = drawn(pool, per_class=8, replicates=2, unlabelled="rest")
    assert (own.fit.counts() + own.validation.counts()).tolist() == [8, 8, 8]
    assert numbers(own.unlabelled) >= set(range(20))
    assert pool.counts().tolist() == [20, 40, 40]
    few, many = part_labelled(pool, None, unlabelled="rest", seed=0)
    assert numbers(many) == set(range(20))
    assert numbers(few) == set(range(20, 120))


@pytest.mark.parametrize(
    ("per_class", "unlabelled", "said"),
    [
        (40, "rest", "--unlabelled rest: the labelled draw takes all 120 images of numbered"),
        (8, 97, "--unlabelled must be from 1 to 96, .* or rest; not 97"),
        (8, 0, "--unlabelled must be from 1 to 96"),
    ],
)
def test_an_unlabelled_part_that_there_is_not_is_refused(per_class, unlabelled, said):
    with pytest.raises(UserError, match=said):
        drawn(numbered(), per_class=per_class, unlabelled=unlabelled)


def test_all_labels_and_none_without_is_refused():
    with pytest.raises(UserError, match="--unlabelled needs --per-class, as numbered has no"):
        part_labelled(numbered(), None, unlabelled="rest", seed=0)


def test_no_copy_of_a_test_image_is_in_the_pool_nor_one_twice():
    once = numbered()
    twice = once.take(np.tile(np.arange(len(once)), 2))
    pool, sealed = part(Source(twice), test_fraction=0.25, seed=0)
    assert sealed.size == 60
    seen = []
    sealed.judge(0, {}, lambda images: seen.append(images.copy()) or np.zeros(len(images)))
    test = Dataset("test", seen[0], np.zeros(60, np.int32), NAMES)
    assert not numbers(pool) & numbers(test)
    assert len(numbers(pool)) == len(pool)
    assert numbers(pool) | numbers(test) == numbers(once)


def test_a_sources_validation_split_is_drawn_from():
    first, second, third = (numbered().take(np.arange(i, 120, 3)) for i in range(3))
    pool, sealed = part(Source(first, third, second), test_fraction=0.25, seed=0)
    assert numbers(pool) == numbers(first) | numbers(second)
    assert sealed.size == len(third)
