"""Charts as numbers: scales, ticks, paths and pictures.

A chart is a box that the page stretches to any width. Everything in it therefore stands in percent
of the box, 0 at its left and at its top, and text keeps its size on a narrow screen.
"""

import base64
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Format = Callable[[float], str]


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it stands, in percent, and what is written there."""

    at: float
    label: str


@dataclass(frozen=True)
class Scale:
    """A linear axis from `low` (0 %) to `high` (100 %) with its ticks."""

    low: float
    high: float
    ticks: tuple[Tick, ...] = ()

    def at(self, value: float) -> float:
        """Return where a value stands, in percent; what lies outside stands at the edge."""
        part = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(part, 0.0), 1.0), 3)


@dataclass(frozen=True)
class Mark:
    """A value on an axis with its interval, all in percent, and the number of its colour."""

    at: float
    low: float | None = None
    high: float | None = None
    colour: int = 0


@dataclass(frozen=True)
class Row:
    """One line of a forest chart: values on an axis, their intervals, and what they came from.

    Attributes:
      name: what the line is about.
      values: the numbers of each mark, in words.
      marks: where they stand.
      dots: the places of single replicates.
      strong: whether it is the line that counts.
      note: a second line of text under the name.
    """

    name: str
    values: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    dots: tuple[float, ...] = ()
    strong: bool = False
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One entry of a line chart's legend and the SVG paths that it stands for.

    Attributes:
      name: what the legend says.
      paths: in a box of 100 by 100, downwards; the last one is drawn strongest.
      colour: the number of a colour of the page.
      last: the last value, in words.
    """

    name: str
    paths: tuple[str, ...]
    colour: int
    last: str = ""


@dataclass(frozen=True)
class LineChart:
    """Lines over a common axis."""

    title: str
    x: Scale
    y: Scale
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Curve:
    """What a `Line` is drawn from: a name, a colour and `(x, y)` per replicate."""

    name: str
    colour: int
    runs: Sequence[tuple[ArrayLike, ArrayLike]] = field(default_factory=tuple)


def nice_step(span: float, count: int = 5) -> float:
    """Return the step of 1, 2 or 5 times a power of ten that gives about `count` ticks."""
    if not (math.isfinite(span) and span > 0):
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    return next((m * power for m in (1, 2, 5) if span / (m * power) <= count), 10 * power)


def scale(
    low: float,
    high: float,
    form: Format | None = None,
    *,
    count: int = 5,
    pad: float = 0.0,
    least: float = 0.0,
) -> Scale:
    """Return an axis that holds `low` and `high`, with ticks at round numbers.

    Args:
      low: the smallest value to hold.
      high: the largest.
      form: writes a tick's value; by default with as many decimals as the ticks need.
      count: about how many ticks.
      pad: room beside both ends, as a part of their distance.
      least: the smallest step between ticks.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    if high - low < 1e-9 * max(1.0, abs(low)):
        room = abs(low) * 0.05 or 0.5
        low, high = low - room, high + room
    room = pad * (high - low)
    bare = Scale(low - room, high + room)
    step = max(nice_step(bare.high - bare.low, count), least)
    form = form or decimals(step)
    first, last = math.ceil(bare.low / step - 1e-9), math.floor(bare.high / step + 1e-9)
    ticks = (k * step for k in range(first, last + 1))
    return Scale(bare.low, bare.high, tuple(Tick(bare.at(t), form(t)) for t in ticks))


def decimals(step: float) -> Format:
    """Return what writes multiples of a step, all with the same number of decimals."""
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return lambda value: f"{value + 0.0:,.{digits}f}".replace("-", "−")


def path(x: ArrayLike, y: ArrayLike, over: Scale, up: Scale, *, most: int = 240) -> str:
    """Return the SVG path of a curve; it breaks where a value is not finite.

    Args:
      x: float `[points]`.
      y: float `[points]`, NaN where there is none.
      over: the horizontal axis.
      up: the vertical axis.
      most: points to keep at most, evenly spaced.
    """
    xs, ys = numbers(x), numbers(y)
    count = min(len(xs), len(ys))
    kept: Any = np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)) if count else []
    parts, pen = [], "M"
    for i in kept:
        if not (math.isfinite(xs[i]) and math.isfinite(ys[i])):
            pen = "M"
            continue
        parts.append(f"{pen}{over.at(xs[i]):.2f} {100 - up.at(ys[i]):.2f}")
        pen = "L"
    return "".join(parts)


def line_chart(
    title: str,
    curves: Sequence[Curve],
    *,
    y_form: Format | None = None,
    within: Sequence[float] = (),
) -> LineChart | None:
    """Lay out curves over common axes; where there are several runs, their mean is drawn strongest.

    Args:
      title: of the chart.
      curves: what is drawn.
      y_form: writes a vertical value.
      within: what the vertical axis holds beside the curves, so that charts can share it.

    Returns:
      The chart, or None if no curve has two finite points.
    """
    curves = [Curve(c.name, c.colour, _usable(c.runs)) for c in curves]
    curves = [curve for curve in curves if curve.runs]
    if not curves:
        return None
    xs = np.concatenate([x for curve in curves for x, _ in curve.runs])
    ys = np.concatenate([*(y for curve in curves for _, y in curve.runs), numbers(within)])
    over = scale(np.nanmin(xs), np.nanmax(xs))
    up = scale(np.nanmin(ys), np.nanmax(ys), y_form, pad=0.06)
    lines = []
    for curve in curves:
        runs = [*curve.runs, *_mean(curve.runs)]
        ys = np.asarray(runs[-1][1])
        last = (y_form or decimals(0.01))(float(ys[np.isfinite(ys)][-1]))
        paths = tuple(path(x, y, over, up) for x, y in runs)
        lines.append(Line(curve.name, paths, curve.colour, last))
    return LineChart(title, over, up, tuple(lines))


def numbers(values: Any) -> np.ndarray:
    """Return values as float64, NaN for None and for what is infinite."""
    found = np.array([np.nan if v is None else v for v in np.asarray(values, object).ravel()])
    found = found.astype(np.float64).reshape(np.shape(np.asarray(values, object)))
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(frozen=True)
class Picture:
    """A PNG as a data URI with its size in pixels."""

    uri: str
    width: int
    height: int


def sprite(images: np.ndarray, *, most: int = 8, size: int = 64) -> Picture:
    """Put images side by side into one PNG, with transparent gaps.

    Args:
      images: uint8 `[n, height, width, channels]`, 1 or 3 channels.
      most: how many to keep.
      size: sides above this are made smaller by a whole factor.
    """
    images = np.asarray(images, np.uint8)[:most]
    factor = -(-max(images.shape[1:3]) // size)
    if factor > 1:
        images = np.stack([_reduced(image, factor) for image in images])
    count, height, width, _ = images.shape
    images = np.broadcast_to(images[..., :3], (count, height, width, 3))
    gap = max(1, width // 10)
    sheet = np.zeros((height, count * (width + gap) - gap, 4), np.uint8)
    for i, image in enumerate(images):
        left = i * (width + gap)
        sheet[:, left : left + width, :3] = image
        sheet[:, left : left + width, 3] = 255
    return png(sheet)


def heat(matrix: np.ndarray) -> Picture:
    """Draw a confusion matrix, one pixel per cell: what is right in blue, mistakes in vermilion.

    Args:
      matrix: float `[classes, classes]`, the share of each row, in [0, 1].
    """
    right = np.eye(len(matrix), dtype=bool)
    worst = max(float(matrix[~right].max(initial=0)), 1e-9)
    sheet = np.zeros((*matrix.shape, 4), np.uint8)
    sheet[..., :3] = np.where(right[..., None], (0, 114, 178), (213, 94, 0))
    strength = np.where(right, matrix, np.sqrt(np.clip(matrix / worst, 0, 1)))
    sheet[..., 3] = np.round(255 * np.clip(strength, 0, 1)).astype(np.uint8)
    return png(sheet)


def png(pixels: np.ndarray) -> Picture:
    """Return uint8 `[height, width, 4]` as a PNG in a data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG", optimize=True)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Picture(f"data:image/png;base64,{text}", pixels.shape[1], pixels.shape[0])


def _reduced(image: np.ndarray, factor: int) -> np.ndarray:
    from PIL import Image

    squeezed = image[..., 0] if image.shape[-1] == 1 else image
    small = np.asarray(Image.fromarray(squeezed).reduce(factor))
    return small.reshape(*small.shape[:2], image.shape[-1])


def _usable(runs: Sequence[tuple[ArrayLike, ArrayLike]]) -> list[tuple[np.ndarray, np.ndarray]]:
    found = []
    for x, y in runs:
        xs, ys = numbers(x), numbers(y)
        count = min(len(xs), len(ys))
        if np.isfinite(ys[:count]).sum() > 1:
            found.append((xs[:count], ys[:count]))
    return found


def _mean(
    runs: Sequence[tuple[ArrayLike, ArrayLike]],
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the mean of runs over the same x, as a list of one; nothing where there is none."""
    first = np.asarray(runs[0][0])
    if len(runs) < 2 or any(not np.array_equal(first, np.asarray(x)) for x, _ in runs):
        return []
    ys = np.stack([np.asarray(y) for _, y in runs])
    there = np.isfinite(ys)
    total = np.where(there, ys, 0).sum(axis=0)
    return [(first, np.where(there.any(axis=0), total / np.maximum(there.sum(axis=0), 1), np.nan))]
