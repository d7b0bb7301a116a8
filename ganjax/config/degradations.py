"""The words in which a person says what degrades images: `noise:25`, `blur:1.6+noise:5-15`.

    NAME:AMOUNT            the same for every image
    NAME:LOW-HIGH          drawn for every image
    ONE+OTHER              both, in an order drawn for every image
    PRESET                 one of `PRESETS`

What the words do is in `ganjax.ops.degrade`.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from ganjax.errors import UserError, quoted

__all__ = ["KINDS", "MOST_AT_ONCE", "PRESETS", "DegradationSpec", "Kind", "in_words", "parse"]


class Kind(NamedTuple):
    """A degradation that may be asked for.

    Attributes:
      least: the smallest amount, and
      most: the largest.
      amount: what the amount is.
      example: of an amount.
      words: what to call it, `{}` for the amount.
      nothing: whether the least amount does nothing; then not all images may have it.
      whole: whether only whole numbers are amounts.
      percent: whether the amount is a fraction that reads better in percent.
    """

    least: float
    most: float
    amount: str
    example: str
    words: str
    nothing: bool = True
    whole: bool = False
    percent: bool = False


KINDS: dict[str, Kind] = {
    "noise": Kind(0, 255, "sigma in grey levels of 0 to 255", "25", "Gaussian noise of sigma {}"),
    "poisson": Kind(
        1,
        10_000,
        "the mean photon count of white",
        "30",
        "Poisson noise at {} photons for white",
        nothing=False,
    ),
    "salt-pepper": Kind(
        0,
        0.9,
        "the fraction of values replaced",
        "0.1",
        "salt and pepper on {} of the values",
        percent=True,
    ),
    "blur": Kind(0, 10, "sigma in pixels", "1.6", "Gaussian blur of sigma {} pixels"),
    "motion": Kind(
        1,
        64,
        "the length in pixels",
        "9",
        "motion blur over {} pixels in a random direction",
    ),
    "down": Kind(1, 8, "the factor", "2", "{}-fold smaller and back, bicubically"),
    "box": Kind(
        0, 0.9, "the fraction of the image", "0.25", "a box over {} of the image", percent=True
    ),
    "strokes": Kind(
        0,
        0.9,
        "the fraction of the image",
        "0.2",
        "brush strokes over {} of the image",
        percent=True,
    ),
    "jpeg": Kind(
        1, 100, "the quality", "10", "JPEG compression at quality {}", nothing=False, whole=True
    ),
}
"""Every degradation by name."""

PRESETS: dict[str, str] = {
    "denoise": "noise:25",
    "deblur": "blur:1.6",
    "inpaint": "strokes:0.2",
    "super-resolve": "down:2",
    "deblock": "jpeg:10",
}
"""One degradation for each customary task of restoration."""

MOST_AT_ONCE = 6
"""Degradations joined at most: of n, about n^2 are computed."""

_NUMBER = r"\d+(?:\.\d*)?|\.\d+"
_RANGE = re.compile(rf"({_NUMBER})(?:-({_NUMBER}))?", re.ASCII)


@dataclass(frozen=True)
class DegradationSpec:
    """One degradation and how strong it is.

    Attributes:
      name: one of `KINDS`.
      low: the least amount, in the unit of its kind.
      high: the largest; every image's is drawn from between. Equal to `low` where it is fixed.
    """

    name: str
    low: float
    high: float

    def __post_init__(self):
        if self.name not in KINDS:
            raise _unknown(self.name)
        kind = KINDS[self.name]
        for amount in (self.low, self.high):
            if not kind.least <= amount <= kind.most:  # nor where it is no number
                raise _wrong(
                    self.name, f"from {kind.least:g} to {kind.most:g}, not {_plain(amount)}"
                )
            if kind.whole and amount != int(amount):
                raise _wrong(self.name, f"a whole number, not {_plain(amount)}")
        if self.low > self.high:
            raise _wrong(self.name, f"from low to high, not {_plain(self.low)}-{_plain(self.high)}")
        if kind.nothing and self.high == kind.least:
            raise _wrong(self.name, f"above {kind.least:g}, which degrades nothing")

    def __str__(self) -> str:
        """Return what to type for it."""
        low, high = (_plain(amount) for amount in (self.low, self.high))
        amounts = low if low == high else f"{low}-{high}"
        return f"{self.name}:{amounts}"


def parse(text: str) -> tuple[DegradationSpec, ...]:
    """Reads what a person typed.

    Args:
      text: degradations or presets, joined by `+`; spaces around them do not matter.

    Returns:
      At least one degradation, in the order typed. `"+".join(map(str, ...))` is its plain form.

    Raises:
      UserError: it cannot be read, is unknown or out of range; one line says what is allowed.
    """
    parts = [part.strip() for part in text.split("+")]
    if not all(parts):
        raise UserError(
            f"a degradation is missing in {quoted(repr(text))}: write for example noise:25, "
            f"blur:1.6+noise:5-15, or one of {', '.join(PRESETS)}"
        )
    if len(parts) > MOST_AT_ONCE:
        raise UserError(f"at most {MOST_AT_ONCE} degradations may be joined, not {len(parts)}")
    return tuple(_parse_one(PRESETS.get(part, part)) for part in parts)


def in_words(specs: Iterable[DegradationSpec]) -> str:
    """Says what degradations do.

    Args:
      specs: at least one.

    Returns:
      For example "Gaussian blur of sigma 1.6 pixels and Gaussian noise of sigma 5 to 15, in random
      order".
    """
    phrases = [_phrase(spec) for spec in specs]
    if len(phrases) == 1:
        return phrases[0]
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}, in random order"


def _parse_one(text: str) -> DegradationSpec:
    """Read `NAME:AMOUNT` or `NAME:LOW-HIGH`."""
    name, colon, amounts = (part.strip() for part in text.partition(":"))
    if name in PRESETS:
        meant = PRESETS[name]
        raise UserError(f"{name} is short for {meant}: write {meant.partition(':')[0]}:AMOUNT")
    if name not in KINDS:
        raise _unknown(name)
    found = _RANGE.fullmatch(amounts)
    if not found:
        given = f"not {quoted(repr(amounts))}" if colon else "and none is given"
        raise _wrong(name, f"a number from {KINDS[name].least:g} to {KINDS[name].most:g}, {given}")
    low, high = found.groups()
    return DegradationSpec(name, float(low), float(high or low))


def _phrase(spec: DegradationSpec) -> str:
    kind = KINDS[spec.name]
    amounts = (spec.low, spec.high)
    if kind.percent:
        amounts = (100 * spec.low, 100 * spec.high)
    text = " to ".join(f"{amount:g}" for amount in dict.fromkeys(amounts))
    return kind.words.format(f"{text} %" if kind.percent else text)


def _plain(amount: float) -> str:
    """All digits of a number, as the grammar reads them."""
    return f"{Decimal(repr(amount)):f}".removesuffix(".0")


def _unknown(name: str) -> UserError:
    near = difflib.get_close_matches(name, [*KINDS, *PRESETS], n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    kinds = ", ".join(f"{known}:{kind.example}" for known, kind in KINDS.items())
    return UserError(
        f"there is no degradation {quoted(repr(name))}{guess}; there are {kinds}, "
        f"several joined by + (blur:1.6+noise:5-15), and {', '.join(PRESETS)}"
    )


def _wrong(name: str, said: str) -> UserError:
    kind = KINDS[name]
    return UserError(
        f"{name}:AMOUNT is {kind.amount} and must be {said}; for example {name}:{kind.example}"
    )
