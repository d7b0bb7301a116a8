"""What steps draw is read from wherever it lies: the rows of a resident set, in the same order."""

import sys
import threading
from functools import partial
from itertools import islice

import jax
import numpy as np
import pytest

from ganjax.data import loader
from ganjax.data.dataset import Unread
from ganjax.data.stream import BLOCK, Stream, open_array
from ganjax.errors import UserError

KEY = jax.random.key(7)
COUNT, BATCH = 53, 8


def read(array, labels, rows):
    return array.read(rows), labels[rows]


def labels_of(labels):
    return labels


@pytest.fixture
def file(tmp_path):
    """A file whose image i is made of the number i."""
    images = np.broadcast_to(
        np.arange(COUNT, dtype=np.uint8)[:, None, None, None], (COUNT, 3, 2, 1)
    )
    np.save(tmp_path / "images.npy", images)
    return tmp_path / "images.npy"


@pytest.fixture
def unread(file):
    labels = np.arange(COUNT, dtype=np.int32) % 5
    rows = np.arange(COUNT)
    names = tuple("abcde")
    return Unread(
        "toy", names, rows, partial(labels_of, labels), partial(read, open_array(file), labels)
    )


@pytest.fixture(params=["grain", "threads"])
def reader(request, monkeypatch):
    """Grain, and what there is without it."""
    if request.param == "threads":
        monkeypatch.setitem(sys.modules, "grain", None)  # an import of it fails
    return request.param


def test_a_file_gives_the_rows_asked_for_in_their_order(file):
    array = open_array(file)
    assert (len(array), array.shape) == (COUNT, (COUNT, 3, 2, 1))
    found = array.read(np.array([50, 2, 2, 0]))
    assert (found.shape, found.dtype) == ((4, 3, 2, 1), np.uint8)
    assert found[:, 1, 1, 0].tolist() == [50, 2, 2, 0]
    assert array.read(np.zeros(0, int)).shape == (0, 3, 2, 1)


def test_a_file_that_is_no_set_of_images_is_refused(file, tmp_path):
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(UserError, match=r"images\.npy cannot be read"):
        open_array(file)
    file.write_bytes(b"")
    with pytest.raises(UserError, match=r"images\.npy cannot be read"):
        open_array(file)
    with pytest.raises(UserError, match=r"none\.npy cannot be read"):
        open_array(tmp_path / "none.npy")
    for wrong in (np.zeros((2, 3, 3, 1)), np.zeros((2, 3), np.uint8)):
        np.save(file, wrong)
        with pytest.raises(UserError, match=r"images\.npy holds .* uint8 \[n, height"):
            open_array(file)


def test_a_file_that_is_cut_short_later_says_so_when_it_is_read(file):
    array = open_array(file)
    file.write_bytes(file.read_bytes()[:-1])
    assert array.read(np.array([COUNT - 2]))[0, 0, 0, 0] == COUNT - 2
    with pytest.raises(UserError, match=rf"images\.npy ends before its image {COUNT - 1}"):
        array.read(np.array([COUNT - 1]))


@pytest.mark.parametrize(("parts", "own"), [(1, (0,)), (4, (1, 2))])
def test_each_step_draws_what_it_draws_of_a_resident_set(unread, reader, parts, own):
    order = loader.shuffled_order(COUNT, KEY)
    resident = loader.to_device(unread.take(order))
    draw = jax.jit(partial(loader.sample_batch, batch_size=BATCH))
    stream = Stream(unread, order, BATCH, parts=parts, own=own, ahead=3)
    first, last = BLOCK - 3, BLOCK + 4  # rows are drawn in blocks
    steps = stream.steps(KEY, first, last)
    for step in range(first, last):
        drawn = next(steps)
        expected = draw(loader.keys_of_step(KEY, step)[0], resident)
        images = loader.to_uint8(expected.images).reshape(parts, BATCH // parts, 3, 2, 1)
        np.testing.assert_array_equal(drawn.images, images[own, :])
        np.testing.assert_array_equal(drawn.labels, expected.labels.reshape(parts, -1)[own, :])
    assert list(steps) == []


def test_reading_may_begin_at_any_step(unread, reader):
    stream = Stream(unread, np.arange(COUNT), BATCH, ahead=2)
    whole = [drawn.images for drawn in stream.steps(KEY, 0, 9)]
    rest = [drawn.images for drawn in stream.steps(KEY, 5, 9)]
    np.testing.assert_array_equal(rest, whole[5:])
    other = next(stream.steps(jax.random.key(8), 5, 9)).images
    assert (other != whole[5]).any()


def test_no_more_is_read_than_is_to_be_read_ahead(unread, reader):
    asked = []

    def counted(rows):
        asked.append(rows)
        return unread.read(rows)

    watched = Unread(unread.name, unread.class_names, unread.rows, unread.labels_of, counted)
    steps = Stream(watched, np.arange(COUNT), BATCH, ahead=4).steps(KEY, 0, 1000)
    for _ in range(10):
        next(steps)
    close(steps)
    assert len(asked) <= 10 + 4 + 1


def close(steps):
    """Close, and wait for the threads that read: they end by themselves."""
    steps.close()
    for thread in threading.enumerate():
        if thread.name.startswith(("grain-prefetch", "ganjax-read")):
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_a_file_that_vanishes_is_named_and_the_threads_end(unread, file, reader):
    steps = Stream(unread, np.arange(COUNT), BATCH, ahead=2).steps(KEY, 0, 1000)
    next(steps)
    file.unlink()
    with pytest.raises(UserError, match=r"toy: .*images\.npy'\. Put it right .* last checkpoint"):
        list(islice(steps, 10))
    close(steps)


def test_processes_read_what_threads_read_and_report_what_they_cannot(unread, file):
    order = loader.shuffled_order(COUNT, KEY)
    expected = [d.images for d in Stream(unread, order, BATCH, ahead=2).steps(KEY, 0, 6)]
    steps = Stream(unread, order, BATCH, ahead=2, workers=2).steps(KEY, 0, 1000)
    for images in expected:
        np.testing.assert_array_equal(next(steps).images, images)
    file.unlink()
    with pytest.raises(UserError, match=r"toy: .*images\.npy"):
        list(islice(steps, 30))
    close(steps)


def test_processes_need_grain(unread, monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    stream = Stream(unread, np.arange(COUNT), BATCH, workers=1)
    with pytest.raises(UserError, match="--workers 1 needs Grain: pip install grain"):
        stream.steps(KEY, 0, 1)


def test_images_in_memory_are_not_sent_to_processes(unread):
    whole = unread.take(np.arange(COUNT))
    assert Stream(whole, np.arange(COUNT), BATCH, workers=2).workers == 0
