"""How the time to a quality is read from two curves."""

import pytest

from experiments.benchmarks.time_to_quality import empty_curve, note, outcome, stays_under


def curve(*distances, seconds_per_look=10.0):
    found = empty_curve()
    for look, distance in enumerate(distances, start=1):
        note(found, look * seconds_per_look, look * 100, {"test": distance, "train": distance + 1})
    return found


def test_one_lucky_look_does_not_count():
    assert stays_under(curve(9, 4, 6, 4, 3, 4, 4), 5.0) == 40.0
    assert stays_under(curve(9, 4, 6, 4, 3), 5.0) is None
    assert stays_under(empty_curve(), 5.0) is None


def test_the_ratio_is_of_training_times():
    peer = curve(30, 20, 9, 12, 10, seconds_per_look=120.0)
    found = outcome(peer, curve(20, 9, 8, 7), compilation=20.0)
    assert found["distance"] == 10
    assert found["seconds"] == 20
    assert found["ratio"] == pytest.approx(600 / 20)
    assert found["ratio_with_compilation"] == pytest.approx(600 / 40)
    assert found["peer_first_seconds"] == 360  # it was as good before
    assert found["ratio_to_peer_first"] == pytest.approx(360 / 20)


def test_without_reaching_it_there_is_no_ratio():
    found = outcome(curve(10.0), curve(12, 11), compilation=1.0)
    assert found["seconds"] is None
    assert "ratio" not in found
