"""Scatter charts: dots where they belong, labels that hide nothing, axes that hold all."""

import pytest

from ganjax.report.scatter import Point, Series, scatter


def drawn(*points, **replicates):
    own = [Point(str(i), x, y, replicates.get(f"r{i}", ())) for i, (x, y) in enumerate(points)]
    return scatter("chart", [Series("one", 4, own)], x_form="{:g}".format, y_form="{:g}".format)


def test_dots_stand_in_the_order_of_their_values():
    chart = drawn((1, 0.2), (2, 0.8), (4, 0.5))
    (group,) = chart.groups
    xs, ys = [dot.x for dot in group.dots], [dot.y for dot in group.dots]
    assert xs == sorted(xs)
    assert ys[0] < ys[2] < ys[1]
    assert xs[2] - xs[1] == pytest.approx(2 * (xs[1] - xs[0]), abs=0.01)
    assert not chart.factors
    assert chart.summary == "one 0: 0.2 at 1; one 1: 0.8 at 2; one 2: 0.5 at 4"


def test_the_axes_hold_the_replicates_too():
    chart = drawn((2, 0.5), (3, 0.6), r0=[(1, 0.1), (3, 0.9)])
    rings = chart.groups[0].dots[0].rings
    assert all(0 < place < 100 for ring in rings for place in ring)
    assert rings[0] < rings[1]


def test_distances_far_apart_are_counted_in_factors():
    chart = drawn((1, 0.5), (10, 0.5), (100, 0.5))
    xs = [dot.x for dot in chart.groups[0].dots]
    assert chart.factors
    assert xs[2] - xs[1] == pytest.approx(xs[1] - xs[0], abs=0.01)
    assert {tick.label: tick.at for tick in chart.x.ticks}["10"] == xs[1]
    assert not drawn((0, 0.5), (100, 0.5)).factors


def test_labels_of_near_dots_lie_on_different_sides():
    apart = drawn((1, 0.1), (9, 0.9))
    assert [dot.side for dot in apart.groups[0].dots] == ["right", "right"]
    near = drawn((1, 0.1), (5, 0.5), (5.2, 0.5), (9, 0.9))
    _, one, other, _ = near.groups[0].dots
    assert one.side != "right"
    assert one.side != other.side


def test_nothing_gives_no_chart_and_one_point_gives_one():
    assert scatter("chart", [], x_form=str, y_form=str) is None
    assert drawn((3, 0.5)).groups[0].dots[0].x == 50
