"""How a source's images become arrays of one shape, and what is done about the bad ones."""

from dataclasses import dataclass
from typing import Literal, get_args

from ganjax.config.checks import at_least, one_of
from ganjax.errors import UserError

BadRule = Literal["skip", "fail"]

SMALLEST_SIDE, LARGEST_SIDE = 8, 128
"""Sides in pixels that the networks work on, in powers of two."""


@dataclass(frozen=True)
class Reading:
    """How images are read. It decides what the training sees, so it is part of a run's identity.

    Attributes:
      size: side in pixels that every image is resized to (its shorter side) and centre-cropped to.
        By default images of one size stay as they are, and others are brought to the largest power
        of two that is at most their median shorter side, from 8 to 128.
      channels: 1 (grey) or 3 (colour). By default grey only where every image is.
      on_bad: what is done about files that are no image: "skip" leaves them out and lists them (but
        refuses a set that would lose more than 10 % of a class), "fail" stops at once.
      allow_leakage: go on where images of the test part are in the training part too.
    """

    size: int | None = None
    channels: int | None = None
    on_bad: BadRule = "skip"
    allow_leakage: bool = False

    def __post_init__(self):
        one_of("on_bad", self.on_bad, get_args(BadRule))
        if self.size is not None:
            at_least(self, SMALLEST_SIDE, "size")
            if self.size > LARGEST_SIDE:
                raise UserError(f"--size must be at most {LARGEST_SIDE}, not {self.size}")
        if self.channels not in (None, 1, 3):
            raise UserError(f"--channels must be 1 (grey) or 3 (colour), not {self.channels}")
