"""Scatter charts as numbers: dots that carry a label, the rings behind them, and a line through.

As in `ganjax.report.plots`, everything stands in percent of a box. Where labels would lie on each
other, they are put on another side of their dots.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ganjax.report import plots
from ganjax.report.plots import Format, Scale, Tick

LARGEST_LINEAR = 10.0
"""Ratio of the largest to the smallest value from which an axis counts in factors."""

LABEL = (5.5, 8.0)
"""Width and height of a label in percent of the box, about."""

DOT = (2.0, 4.5)
SIDES = {"right": (1, 0), "above": (0, 1), "left": (-1, 0), "below": (0, -1)}


class Point(NamedTuple):
    """A mean over replicates, `x` and `y`, with its label and the replicates themselves."""

    label: str
    x: float
    y: float
    replicates: Sequence[tuple[float, float]] = ()


class Series(NamedTuple):
    """Points that a line joins, in their order."""

    name: str
    colour: int
    points: Sequence[Point]


@dataclass(frozen=True)
class Dot:
    """A labelled dot: its place in percent, upwards, the side of its label, and its rings."""

    label: str
    x: float
    y: float
    side: str
    rings: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Group:
    """The dots of one series."""

    name: str
    colour: int
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Scatter:
    """Dots over two axes; `factors` where the horizontal one counts in factors."""

    title: str
    x: Scale
    y: Scale
    factors: bool
    groups: tuple[Group, ...]
    summary: str


def scatter(
    title: str, series: Sequence[Series], *, x_form: Format, y_form: Format
) -> Scatter | None:
    """Lay out series of points over common axes.

    Args:
      title: of the chart.
      series: all values finite; the horizontal ones at least 0.
      x_form: writes a horizontal value.
      y_form: writes a vertical one.

    Returns:
      The chart, or None without any point.
    """
    pairs = [pair for own in series for point in own.points for pair in _pairs(point)]
    if not pairs:
        return None
    xs, ys = zip(*pairs, strict=True)
    factors = min(xs) > 0 and max(xs) > LARGEST_LINEAR * min(xs)
    across = math.log10 if factors else float
    over = _factors(min(xs), max(xs)) if factors else plots.scale(min(xs), max(xs), pad=0.08)
    up = plots.scale(min(ys), max(ys), y_form, pad=0.12)

    def place(x: float, y: float) -> tuple[float, float]:
        return over.at(across(x)), up.at(y)

    centres = [place(point.x, point.y) for own in series for point in own.points]
    sides = iter(_sides(centres))
    groups = tuple(
        Group(
            own.name,
            own.colour,
            tuple(
                Dot(
                    point.label,
                    *place(point.x, point.y),
                    next(sides),
                    tuple(place(*pair) for pair in point.replicates),
                )
                for point in own.points
            ),
        )
        for own in series
    )
    summary = "; ".join(
        f"{own.name} {point.label}: {y_form(point.y)} at {x_form(point.x)}"
        for own in series
        for point in own.points
    )
    return Scatter(title, over, up, factors, groups, summary)


def _pairs(point: Point) -> Iterator[tuple[float, float]]:
    yield point.x, point.y
    yield from point.replicates


def _factors(low: float, high: float) -> Scale:
    """Return an axis of logarithms, with ticks at 1, 2 and 5 times the powers of ten."""
    bottom, top = math.log10(low), math.log10(high)
    room = 0.08 * (top - bottom)
    bare = Scale(bottom - room, top + room)
    powers = range(math.floor(bare.low), math.ceil(bare.high) + 1)
    each = (1, 2, 5) if top - bottom < 2 else (1,)
    values = [m * 10.0**power for power in powers for m in each]
    ticks = [
        Tick(bare.at(math.log10(v)), f"{v:,.10g}")
        for v in values
        if bare.low <= math.log10(v) <= bare.high
    ]
    return Scale(bare.low, bare.high, tuple(ticks))


def _sides(centres: Sequence[tuple[float, float]]) -> list[str]:
    """Choose the side of each dot's label: the first on which it lies on nothing."""
    taken = [(x, y, *DOT) for x, y in centres]
    chosen = []
    for x, y in centres:
        boxes = {
            name: (x + i * (LABEL[0] + DOT[0]) / 2, y + j * (LABEL[1] + DOT[1]) / 2, *LABEL)
            for name, (i, j) in SIDES.items()
        }
        side = min(boxes, key=lambda name: _hidden(boxes[name], taken))
        taken.append(boxes[side])
        chosen.append(side)
    return chosen


def _hidden(
    box: tuple[float, float, float, float], taken: Sequence[tuple[float, float, float, float]]
) -> float:
    """Return how much of a box lies on others, or outside the chart."""
    x, y, width, height = box
    inside = _common(x, width, 50, 100) * _common(y, height, 50, 100)
    shared = sum(_common(x, width, u, w) * _common(y, height, v, h) for u, v, w, h in taken)
    return round(shared + width * height - inside, 6)


def _common(one: float, size: float, other: float, other_size: float) -> float:
    """Return the length that two intervals, given by middle and length, have in common."""
    low = max(one - size / 2, other - other_size / 2)
    high = min(one + size / 2, other + other_size / 2)
    return max(0.0, high - low)
