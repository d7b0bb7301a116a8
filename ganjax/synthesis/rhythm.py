"""What happens how often in a training: by its configuration alone, so that it repeats."""

from typing import NamedTuple

CALLS = 40
"""Compiled calls that a training is cut into, at least: as often it tells how far it is."""

MOST_STEPS_PER_CALL = 50
"""So that a call takes seconds at most, and a signal to stop is heard soon."""

LOOKS = 20
"""Times that a training is looked at, if its calls allow."""

ANCHORS = 5
"""States on the way that a lost training may go back to."""


class Rhythm(NamedTuple):
    """What happens how often in a training, in updates."""

    steps_per_call: int
    look_every: int
    anchor_every: int


def rhythm_of(updates: int) -> Rhythm:
    """Return what happens how often in a training of so many updates."""
    steps = max(1, min(updates // CALLS, MOST_STEPS_PER_CALL))

    def calls(times: int) -> int:
        return max(1, round(updates / times / steps)) * steps

    return Rhythm(steps, calls(LOOKS), calls(ANCHORS))
