"""Holes are as large as asked for, elsewhere for each key, and grey."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from ganjax.ops import masks

KEYS = jax.random.split(jax.random.key(0), 40)
SIDES = (28, 31)


@pytest.fixture(scope="module")
def draw():
    """Holes of all keys, `[key, height, width]`."""

    def of(hole):
        each = jax.vmap(lambda key, amount: hole(key, SIDES, amount), in_axes=(0, None))
        return jax.jit(each)

    compiled = {hole: of(hole) for hole in (masks.box_hole, masks.stroke_hole)}
    return lambda hole, amount: np.asarray(compiled[hole](KEYS, amount))[..., 0]


@pytest.mark.parametrize("amount", [0.05, 0.25, 0.5, 0.9])
def test_a_box_is_one_rectangle_of_about_its_area(draw, amount):
    for hole in draw(masks.box_hole, amount):
        rows, columns = hole.any(axis=1), hole.any(axis=0)
        np.testing.assert_array_equal(hole, rows[:, None] & columns[None, :])
        assert ndimage.label(hole)[1] == 1
        tall, wide = rows.sum(), columns.sum()
        assert abs(tall * wide - amount * hole.size) <= (tall + wide) / 2 + 0.25
        assert 1 / 2.5 < (tall / SIDES[0]) / (wide / SIDES[1]) < 2.5


def test_boxes_lie_anywhere(draw):
    holes = draw(masks.box_hole, 0.05)
    centres = [np.argwhere(hole).mean(axis=0) for hole in holes]
    quarters = {(row > 13.5, column > 15) for row, column in centres}
    assert len(quarters) == 4
    assert holes.mean(axis=0).max() < 0.5
    tall, wide = holes.any(axis=2).sum(axis=1), holes.any(axis=1).sum(axis=1)
    assert (tall > wide).any()
    assert (wide > tall).any()


@pytest.mark.parametrize("amount", [0.05, 0.2, 0.6])
def test_strokes_cover_what_is_asked_for(draw, amount):
    holes = draw(masks.stroke_hole, amount)
    covered = holes.mean(axis=(1, 2))
    assert (covered >= amount).all()
    assert covered.max() < amount + 0.02
    assert len({hole.tobytes() for hole in holes}) == len(holes)


def test_strokes_are_few_connected_pieces_and_no_boxes(draw):
    holes = draw(masks.stroke_hole, 0.2)
    pieces = [ndimage.label(hole, structure=np.ones((3, 3)))[1] for hole in holes]
    assert max(pieces) <= 6
    boxes = [hole.any(axis=1).sum() * hole.any(axis=0).sum() for hole in holes]
    assert np.median(boxes) > 1.5 * 0.2 * holes[0].size


@pytest.mark.parametrize("hole", [masks.box_hole, masks.stroke_hole])
def test_nothing_and_everything(draw, hole):
    assert not draw(hole, 0.0).any()
    assert draw(hole, 1.0).all()


@pytest.mark.parametrize(
    ("op", "hole"), [(masks.box, masks.box_hole), (masks.strokes, masks.stroke_hole)]
)
def test_a_hole_is_grey_and_where_it_is_said_to_be(op, hole):
    image = jnp.full((*SIDES, 3), 0.5)

    def half_square(x):
        cut = op(KEYS[0], x, 0.25)
        return jnp.sum(jnp.square(cut)) / 2, (cut, hole(KEYS[0], SIDES, 0.25))

    slope, (cut, hidden) = jax.jit(jax.grad(half_square, has_aux=True))(image)
    expected = np.where(hidden, 0.0, 0.5) * np.ones(3)
    np.testing.assert_array_equal(cut, expected)
    np.testing.assert_array_equal(slope, expected)
