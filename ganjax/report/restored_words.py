"""Methods of restoration, their numbers and intervals as the page writes them."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

Method = Mapping[str, Any]
Told = Mapping[str, float | None]

DEGRADED, CLASSICAL, PLAIN, ADVERSARIAL, CLEAN = 0, (5, 4, 6), 1, 2, 3
"""The numbers of their colours."""

DASH = "–"


def there(value: Any) -> TypeGuard[Any]:
    """Return whether a value is a finite number, or an interval whose mean is one."""
    if isinstance(value, Mapping):
        return there(value.get("mean"))
    return isinstance(value, int | float) and math.isfinite(value)


def restorers(r: Mapping[str, Any]) -> list[Method]:
    """Return the restorers, the plain one first, then by their adversarial weight."""
    found = [own for own in r.get("methods") or [] if own.get("kind") == "restored"]
    return sorted(found, key=lambda own: own.get("weight") or 0.0)


def names(r: Mapping[str, Any]) -> dict[str, str]:
    """Return what each method is called on the page."""
    several = len(restorers(r)) > 1
    return {own["name"]: _name(own, several) for own in r.get("methods") or []}


def _name(own: Method, several: bool) -> str:
    if own.get("kind") == "degraded":
        return "Degraded"
    if own.get("kind") == "classical":
        return str(own["name"])[:1].upper() + str(own["name"])[1:]
    if not several:
        return "Restored"
    return f"Restored, weight {weight(own)}" if own.get("weight") else "Restored, plain"


def weight(own: Method) -> str:
    """Write an adversarial weight."""
    return f"{own.get('weight') or 0:.4g}"


def colours(r: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of each method's colour."""
    found, classical = {}, iter(CLASSICAL)
    for own in r.get("methods") or []:
        kind = own.get("kind")
        if kind == "classical":
            found[own["name"]] = next(classical, CLASSICAL[-1])
        elif kind == "restored":
            found[own["name"]] = ADVERSARIAL if own.get("weight") else PLAIN
        else:
            found[own["name"]] = DEGRADED
    return found


def decibel(value: float) -> str:
    """Write a PSNR."""
    return f"{value:.2f}".replace("-", "−")


def similarity(value: float) -> str:
    """Write an SSIM."""
    return f"{value:.3f}".replace("-", "−")


def hundredth(value: float) -> str:
    """Write a part of 1 in percent, without its sign."""
    return f"{100 * value:.1f}".replace("-", "−")


def distance(value: float) -> str:
    """Write a distance, to three digits."""
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:,.0f}"


def signed(form: Callable[[float], str]) -> Callable[[float], str]:
    """Return what writes a difference with its sign."""

    def written(value: float) -> str:
        found, none = form(value), form(0.0)
        if found.lstrip("−") == none:
            return none
        return found if value < 0 else f"+{found}"

    return written


def spread(told: Told | None, form: Callable[[float], str]) -> str:
    """Write an interval: "28.4 to 28.7"; nothing where there is none."""
    ends = [(told or {}).get(end) for end in ("low", "high")]
    return (
        " to ".join(form(end) for end in ends if end is not None) if all(map(there, ends)) else ""
    )


def whole(told: Told | None, form: Callable[[float], str], unit: str = "") -> str:
    """Write a mean with its interval: "28.6 dB (28.4 to 28.7)"; a dash where there is none."""
    mean = (told or {}).get("mean")
    if mean is None or not there(mean):
        return DASH
    found = spread(told, form)
    return form(mean) + unit + (f" ({found})" if found else "")


def joined(parts: Sequence[str]) -> str:
    """Join names as a sentence does."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
