import base64
import io

import numpy as np
import pytest
from PIL import Image

from ganjax.report import plots


def opened(picture):
    return Image.open(io.BytesIO(base64.b64decode(picture.uri.split(",", 1)[1])))


@pytest.mark.parametrize(
    ("span", "count", "step"),
    [(10, 5, 2), (1, 5, 0.2), (0.03, 5, 0.01), (100, 4, 50), (7, 5, 2), (0, 5, 1)],
)
def test_steps_are_1_2_or_5_times_a_power_of_ten(span, count, step):
    assert plots.nice_step(span, count) == pytest.approx(step)


def test_a_scale_holds_its_ends_and_puts_ticks_at_round_numbers():
    scale = plots.scale(0.0, 10.0)
    assert [tick.label for tick in scale.ticks] == ["0", "2", "4", "6", "8", "10"]
    assert [tick.at for tick in scale.ticks] == [0, 20, 40, 60, 80, 100]
    assert scale.at(5) == 50
    assert scale.at(-1) == 0
    assert scale.at(11) == 100


def test_ticks_have_the_same_decimals_and_true_minus_signs():
    labels = [tick.label for tick in plots.scale(-0.5, 1.0).ticks]
    assert labels == ["−0.4", "−0.2", "0.0", "0.2", "0.4", "0.6", "0.8", "1.0"] or labels == [
        "−0.5", "0.0", "0.5", "1.0",
    ]  # fmt: skip


@pytest.mark.parametrize(("low", "high"), [(3.0, 3.0), (0.0, 0.0), (np.nan, 1.0), (-np.inf, 1.0)])
def test_a_scale_of_nothing_is_still_a_scale(low, high):
    scale = plots.scale(low, high)
    assert scale.high > scale.low
    assert scale.ticks


def test_ticks_are_no_nearer_than_the_least_step():
    assert len(plots.scale(0.0, 0.002, least=0.001).ticks) == 3


def test_a_path_turns_values_into_percent_downwards_and_breaks_at_holes():
    axis = plots.Scale(0, 10)
    assert plots.path([0, 10], [0, 10], axis, axis) == "M0.00 100.00L100.00 0.00"
    holed = plots.path([0, 2, 4, 6, 8], [0, 0, None, 0, 0], axis, axis)
    assert holed.count("M") == 2
    assert plots.path([], [], axis, axis) == ""


def test_a_path_keeps_its_ends_when_thinned():
    axis = plots.Scale(0, 1000)
    x = np.arange(1001)
    found = plots.path(x, x, axis, axis, most=50)
    assert found.count("L") == 49
    assert found.startswith("M0.00 100.00")
    assert found.endswith("L100.00 0.00")


def test_several_runs_get_their_mean():
    runs = [([0, 1, 2], [0.0, 2.0, None]), ([0, 1, 2], [2.0, 4.0, 5.0])]
    chart = plots.line_chart("losses", [plots.Curve("one", 1, runs)])
    assert chart is not None
    (line,) = chart.lines
    assert len(line.paths) == 3
    mean = [(0, 1.0), (1, 3.0), (2, 5.0)]
    x, y = zip(*mean, strict=True)
    assert line.paths[-1] == plots.path(x, y, chart.x, chart.y)


def test_no_chart_without_two_points():
    curves = [plots.Curve("one", 0, [([1], [0.5])]), plots.Curve("two", 1, [([1, 2], [None, 0.5])])]
    assert plots.line_chart("nothing", curves) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sprite_shows_the_images_with_gaps(channels):
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, channels), np.uint8)
    picture = plots.sprite(images)
    pixels = np.asarray(opened(picture))
    assert pixels.shape == (8, 3 * 8 + 2, 4) == (picture.height, picture.width, 4)
    np.testing.assert_array_equal(pixels[:, 9:17, 0], images[1, ..., 0])
    np.testing.assert_array_equal(pixels[:, 9:17, 2], images[1, ..., -1])
    assert (pixels[:, 8, 3] == 0).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_made_smaller(channels):
    picture = plots.sprite(np.full((2, 128, 128, channels), 9, np.uint8))
    assert picture.height == 64
    assert np.asarray(opened(picture))[0, 0, :3].tolist() == [9, 9, 9]


def test_a_heat_picture_separates_right_from_wrong():
    pixels = np.asarray(opened(plots.heat(np.array([[1.0, 0.0], [0.5, 0.5]]))))
    assert pixels[0, 0, 3] == 255
    assert pixels[0, 1, 3] == 0
    assert pixels[1, 0, :3].tolist() != pixels[1, 1, :3].tolist()
