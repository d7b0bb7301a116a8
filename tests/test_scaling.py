"""The scaling benchmark reads programs rightly, and its conditions hold on eight devices."""

import pytest

from experiments.benchmarks import scaling

PROGRAM = """
  %a = (f32[4,4,3,8]{3,2,1,0}, f32[], /*index=2*/bf16[2,3]{1,0}) all-reduce(%x, %y, %z)
  %b = f32[64,8]{1,0} all-gather(%c), channel_id=2
  %d = f32[64,8]{1,0} add(%b, %b), metadata={op_name="all-reduce(not one)"}
"""


def test_bytes_of_collectives_are_counted():
    assert scaling.collective_bytes(PROGRAM) == {"all-reduce": 4 * 384 + 4 + 12, "all-gather": 2048}
    assert scaling.largest_exchange(PROGRAM) == 2048


def test_what_does_not_hold_is_named():
    row = {
        "devices": 1, "state": "copied", "flops": 100.0, "collectives": {}, "largest_exchange": 0,
        "gradient_bytes": 100, "statistics_bytes": 10, "largest_parameter_bytes": 40,
        "state_bytes": 200, "placed_bytes": 200,
    }  # fmt: skip
    assert scaling.check([row, {**row, "devices": 8, "collectives": {"all-reduce": 120}}]) == []
    broken = {
        "flops": 103.0,
        "collectives": {"all-reduce": 122},
        "largest_exchange": 1,
        "state_bytes": 220,
    }
    for name, value in broken.items():
        (failure,) = scaling.check([row, {**row, "devices": 8, name: value}])
        assert failure.startswith("8 devices, state copied: ")
    spread = {**row, "state": "spread", "largest_exchange": 41}
    assert len(scaling.check([spread])) == 1


@pytest.mark.parametrize("state", ["copied", "spread"])
def test_it_holds_on_eight_devices(state):
    rows = [scaling.in_a_process(devices, state, width=8) for devices in (1, 8)]
    assert scaling.check(rows) == []
    one, eight = rows
    assert sum(one["collectives"].values()) == 0
    assert sum(eight["collectives"].values()) >= eight["gradient_bytes"]
    if state == "spread":
        assert eight["state_bytes"] < one["state_bytes"] / 4
