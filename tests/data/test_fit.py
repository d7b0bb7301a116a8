"""Images of any size and mode become one size and one number of channels, by a stated rule."""

import numpy as np
import pytest

from ganjax.config import Reading
from ganjax.data.decode import Header
from ganjax.data.fit import Shape, choose, fit_all, headers_of, notes


def headers(*sizes: tuple[int, int], mode: str = "RGB") -> list[Header]:
    return [Header(width, height, mode) for width, height in sizes]


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ([(28, 28)], Shape(28, 28, 3, None)),
        ([(100, 60)] * 3, Shape(60, 100, 3, None)),
        ([(200, 200)], Shape(128, 128, 3, 128)),
        ([(40, 50), (50, 40)], Shape(32, 32, 3, 32)),
        ([(64, 70), (64, 64), (640, 480)], Shape(64, 64, 3, 64)),
        ([(3, 5), (4, 4)], Shape(8, 8, 3, 8)),
        ([(4000, 3000), (3000, 4000)], Shape(128, 128, 3, 128)),
    ],
)
def test_one_size_stays_and_several_become_a_power_of_two(sizes, shape):
    assert choose(headers(*sizes), Reading()) == shape


def test_the_size_asked_for_is_taken():
    assert choose(headers((40, 50)), Reading(size=20)) == Shape(20, 20, 3, 20)
    assert choose(headers((20, 20)), Reading(size=20)) == Shape(20, 20, 3, None)
    assert choose(headers((20, 30)), Reading(size=20)) == Shape(20, 20, 3, 20)


def test_grey_only_where_all_are():
    grey, colour = headers((8, 8), mode="L"), headers((8, 8))
    assert choose(grey * 3, Reading()).channels == 1
    assert choose([*grey * 3, *colour], Reading()).channels == 3
    assert choose(colour, Reading(channels=1)).channels == 1
    assert choose(grey, Reading(channels=3)).channels == 3


def test_what_is_done_is_said():
    mixed = [*headers((40, 50), (60, 30)), *headers((16, 16), mode="I;16")]
    said = notes(mixed, choose(mixed, Reading()))
    assert said == (
        "images of 3 sizes, 16x16 to 40x50, are cropped to the square in their middle and resized "
        "to 16x16 (--size)",
        "1 of 3 images are grey; all are read as colour (--channels 1 for grey)",
        "1 images of 16 bits a channel are read as 8 bits",
    )
    assert notes(headers((28, 28)), Shape(28, 28, 3, None)) == ()
    assert "read as grey" in notes(headers((8, 8)), Shape(8, 8, 1, None))[0]


def test_arrays_that_fit_are_left_alone():
    images = np.zeros((3, 28, 28, 1), np.uint8)
    assert fit_all(images, choose(headers_of(images), Reading())) is images


def test_arrays_are_fitted_as_files_are():
    images = np.full((2, 20, 30, 1), 7, np.uint8)
    fitted = fit_all(images, choose(headers_of(images), Reading(size=16, channels=3)))
    assert fitted.shape == (2, 16, 16, 3)
    assert (fitted == 7).all()
