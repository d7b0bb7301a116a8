"""How far the classifiers' confidence can be trusted: their calibration, laid out."""

from typing import Any

from ganjax.report import plots
from ganjax.report.plots import Curve
from ganjax.report.words import percent, title

FEWEST = 10
"""Images of a bin that a mean is shown of."""


def confidence(r: dict[str, Any], decisive: dict[str, Any]) -> dict[str, Any] | None:
    """Lay out each arm's calibration errors, and the reliability of the arm that is advised.

    Args:
      r: what `results.json` holds.
      decisive: its comparison that the verdict rests on.
    """
    told = r.get("calibration") or {}
    if not told:
        return None
    helps = (r.get("verdict") or {}).get("helps")
    advised = decisive.get("arm", "both") if helps else decisive.get("baseline", "classical")
    arm = advised if advised in told else next(iter(told))
    return {
        "rows": [
            {
                "arm": name,
                "temperature": _range([t for t in own["temperature"] if t is not None]),
                "before": percent(own["before"]["mean"]),
                "after": percent(own["after"]["mean"]),
            }
            for name, own in told.items()
        ],
        "arm": arm,
        "chart": _diagram(arm, told[arm]),
        "fewest": FEWEST,
    }


def _range(values: list[float]) -> str:
    low, high = f"{min(values):.2f}", f"{max(values):.2f}"
    return low if low == high else f"{low} to {high}"


def _diagram(arm: str, told: dict[str, Any]) -> plots.LineChart | None:
    """Draw how often images were right, by how sure the classifier was of them, in percent."""
    runs = {name: _shown(told[name]["reliability"]) for name in ("before", "after")}
    ends = [x for xs, _ in runs.values() for x in xs]
    if not ends:
        return None
    equal = [min(ends), max(ends)]
    return plots.line_chart(
        f"{title(arm)}: accuracy by confidence, in percent",
        [
            Curve("as sure as it is right", 0, [(equal, equal)]),
            Curve("as it was trained", 1, [runs["before"]]),
            Curve("with its temperature", 2, [runs["after"]]),
        ],
    )


def _shown(bins: dict[str, list]) -> tuple[list[float], list[float]]:
    rows = zip(bins["confidence"], bins["accuracy"], bins["counts"], strict=True)
    found = [(100 * sure, 100 * right) for sure, right, count in rows if count >= FEWEST]
    return [x for x, _ in found], [y for _, y in found]
