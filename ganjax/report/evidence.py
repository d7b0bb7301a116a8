"""What stands behind the answer: pictures, losses, mistakes, choices and costs, laid out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganjax.report import plots
from ganjax.report.plots import Curve, LineChart, Mark, Row
from ganjax.report.words import colour, duration, percent, short, title

CLASSES_PICTURED, CLASSES_TABLED = 24, 20
LEFT_OUT_LISTED = 50
PARTS = {
    "data": "Reading and splitting the images",
    "gan": "Training the GANs, drawing and selecting images",
    "inspection": "Looking for copies and for T(x) in the images",
    "classifiers": "Training the classifiers and choosing among them",
    "joint": "Training GANs and classifiers together",
    "test": "Looking at the test images",
}


def pictures(r: dict[str, Any], given: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """Lay out real beside generated images, one strip per class and kind."""
    kinds = [kind for kind in ("real", "generated") if given.get(kind) is not None]
    if not kinds or not all(np.size(given[kind]) for kind in kinds):
        return None
    count = min(len(given[kind]) for kind in kinds)
    names = [str(name) for name in r["classes"]][:count] or [str(i) for i in range(count)]
    rows = [
        {"name": name, **{kind: plots.sprite(given[kind][i]) for kind in kinds}}
        for i, name in enumerate(names[:CLASSES_PICTURED])
    ]
    small = max(np.shape(given[kinds[0]])[2:4]) <= 40
    reading = r.get("reading") or {}
    return {
        "rows": rows, "kinds": kinds, "of": len(names), "pixelated": small,
        "notes": [str(line)[:1].upper() + str(line)[1:] for line in reading.get("notes") or []],
        "left_out": reading.get("left_out") or [], "most": LEFT_OUT_LISTED,
    }  # fmt: skip


def gan(r: dict[str, Any]) -> dict[str, Any] | None:
    """Lay out the losses and the scores of the GANs, a thin line per replicate."""
    block = r.get("gan") or {}
    runs = [run for run in block.get("history") or [] if run and run.get("update")]

    looks = [run for run in block.get("signs") or [] if run and run.get("update")]

    def chart(
        name: str, *curves: tuple[str, int, str], runs: list[dict[str, Any]] = runs
    ) -> LineChart | None:
        return plots.line_chart(
            name,
            [
                Curve(label, hue, [_numbers(run, key) for run in runs if run.get(key)])
                for label, hue, key in curves
            ],
        )

    charts = [
        chart(
            "Losses",
            ("the judge (discriminator)", 1, "discriminator_loss"),
            ("the maker (generator)", 2, "generator_loss"),
        ),
        chart(
            "The judge’s scores",
            ("for real images", 1, "real_logits"),
            ("for generated images", 2, "fake_logits"),
        ),
    ]
    watched = [
        chart(
            "Distance to held-out images",
            ("generated images, smaller is better", 1, "distance"),
            runs=looks,
        ),
        chart(
            "Variety, and learning by heart",
            ("variety within a class (real images: 1)", 1, "variety"),
            ("how much the judge knows its training images by heart", 2, "by_heart"),
            runs=looks,
        ),
    ]
    found = [c for c in charts if c]
    if not found:
        return None
    return {
        "charts": found,
        "watched": [c for c in watched if c],
        "kept": [f"{update:,}" for update in block.get("kept") or []],
        "runs": len(runs),
        "updates": block.get("updates"),
    }


def _numbers(run: dict[str, Any], key: str) -> tuple[list[float], list[float]]:
    """Return the updates and values of a curve, without those that were no finite numbers."""
    found = [(x, y) for x, y in zip(run["update"], run[key], strict=False) if y is not None]
    return [x for x, _ in found], [y for _, y in found]


def classifier_curves(r: dict[str, Any]) -> LineChart | None:
    """Lay out the validation accuracy of each arm's chosen candidate in replicate 0."""
    history = (r["classifier"] or {}).get("history") or {}
    return plots.line_chart(
        "Accuracy on the validation images",
        [
            Curve(title(arm), colour(arm), [(history.get("update") or [], values)])
            for arm, values in (history.get("arms") or {}).items()
        ],
        y_form=lambda x: f"{100 * x:.4g}%",
    )


def confusions(r: dict[str, Any], decisive: dict[str, Any]) -> list[dict[str, Any]]:
    """Lay out what was taken for what, the two arms of the verdict first."""
    first = [decisive.get("baseline", "classical"), decisive.get("arm", "both")]
    order = sorted(
        r["arms"], key=lambda arm: (arm not in first, first.index(arm) if arm in first else 0)
    )
    names = [str(name) for name in r["classes"]]
    return [
        {"main": arm in first, **_confusion(arm, r["arms"][arm]["confusion"], names)}
        for arm in order
        if r["arms"][arm].get("confusion")
    ]


def _confusion(arm: str, table: Any, names: list[str]) -> dict[str, Any]:
    counts = np.nan_to_num(plots.numbers(table))
    names = names if len(names) == len(counts) else [str(i) for i in range(len(counts))]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
    wrong = np.where(np.eye(len(share), dtype=bool), 0, share)
    worst = np.argsort(-wrong, axis=None, kind="stable")[:5]
    found: dict[str, Any] = {
        "arm": arm,
        "names": names,
        "mistakes": [
            (names[i], names[j], percent(wrong[i, j]))
            for i, j in (divmod(int(k), len(names)) for k in worst)
            if wrong[i, j] > 0
        ],
        "picture": None,
        "rows": [],
    }
    if len(names) > CLASSES_TABLED:
        return {**found, "picture": plots.heat(share)}
    top = max(float(wrong.max(initial=0)), 1e-9)
    for i, row in enumerate(share):
        cells = [
            {
                "text": _cell(x),
                "right": i == j,
                "depth": round(x if i == j else (x / top) ** 0.5, 3),
            }
            for j, x in enumerate(row)
        ]
        found["rows"].append((names[i], cells))
    return found


def _cell(share: float) -> str:
    if share == 0:
        return ""
    return "<1" if share < 0.005 else f"{100 * share:.0f}"


def by_class(r: dict[str, Any], decisive: dict[str, Any]) -> dict[str, Any] | None:
    """Lay out how well each class was recognised by the two arms of the verdict."""
    pair = [decisive.get("baseline", "classical"), decisive.get("arm", "both")]
    pair = [arm for arm in pair if (r["arms"].get(arm) or {}).get("class_accuracy")]
    if not pair:
        return None
    tables = [plots.numbers(r["arms"][arm]["class_accuracy"]) for arm in pair]
    everything = np.concatenate([table.ravel() for table in tables])
    if np.isnan(everything).all():
        return None
    low, high = float(np.nanmin(everything)), float(np.nanmax(everything))
    axis = plots.scale(low, high, lambda x: f"{100 * x:.4g}%", count=5, pad=0.04)
    names = [str(name) for name in r["classes"]]
    rows = []
    for i in range(min(table.shape[1] for table in tables)):
        marks, values = [], []
        for arm, table in zip(pair, tables, strict=True):
            column = table[:, i][~np.isnan(table[:, i])]
            if not column.size:
                values.append("no test image")
                continue
            mean, least, most = column.mean(), column.min(), column.max()
            marks.append(Mark(axis.at(mean), axis.at(least), axis.at(most), colour(arm)))
            values.append(f"{percent(mean, 0)} ({100 * least:.0f} to {100 * most:.0f})")
        rows.append(Row(names[i] if i < len(names) else str(i), tuple(values), tuple(marks)))
    return {"axis": axis, "rows": rows, "pair": pair, "many": len(rows) > CLASSES_TABLED}


def chosen(r: dict[str, Any]) -> list[dict[str, Any]]:
    """List what validation chose for each arm, replicate by replicate."""
    return [
        {
            "arm": arm,
            "weighed": any("weight" in choice for choice in block["chosen"]),
            "rows": [
                {
                    "ratio": percent(choice.get("ratio"), 0),
                    "strength": short(choice["strength"]) if "strength" in choice else "–",
                    "weight": short(choice["weight"]) if "weight" in choice else "–",
                    "best_after": _updates(choice),
                    "accuracy": percent(choice.get("validation_accuracy")),
                }
                for choice in block["chosen"]
            ],
        }
        for arm, block in r["arms"].items()
        if block.get("chosen")
    ]


def _updates(choice: dict[str, Any]) -> str:
    found = choice.get("updates", choice.get("update"))
    if found is None:
        return "–"
    return ", ".join(f"{u:,}" for u in (found if isinstance(found, list) else [found]))


def validation(r: dict[str, Any]) -> dict[str, Any] | None:
    """Average what chose on validation over replicates, by generated part and strength.

    That is the probability of the right class; results of earlier versions tell the accuracy alone.
    """
    block = r.get("validation") or {}
    values = block.get("probability") or block.get("accuracy")
    if not values:
        return None
    table = plots.numbers(values)
    there = np.isfinite(table)
    total = np.where(there, table, 0).sum(axis=0)
    means = np.where(there.any(axis=0), total / np.maximum(there.sum(axis=0), 1), np.nan)
    if np.isnan(means).all():
        return None
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    rows = [
        (
            percent(ratio, 0),
            [
                {
                    "text": percent(x),
                    "depth": 0 if np.isnan(x) else round((x - low) / max(high - low, 1e-9), 3),
                    "best": x == high,
                }
                for x in row
            ],
        )
        for ratio, row in zip(block["ratios"], means, strict=True)
    ]
    extra = len(rows) > 1 and there[:, 0].sum() > there[:, 1].sum()
    return {
        "strengths": [short(s) for s in block["strengths"]],
        "rows": rows,
        "extra": bool(extra),
        "once": bool(block.get("probability")),
    }


def cost(r: dict[str, Any]) -> dict[str, Any] | None:
    """Lay out the seconds of each part and its share of all."""
    seconds = {k: float(v) for k, v in (r.get("seconds") or {}).items() if v is not None}
    total = seconds.pop("total", sum(seconds.values()))
    if not total > 0:
        return None
    rest = total - sum(seconds.values())
    if rest > 0.01 * total:
        seconds["rest"] = rest
    rows = [
        {
            "name": PARTS.get(part, "Everything else" if part == "rest" else part),
            "time": duration(value),
            "share": round(100 * value / total, 1),
        }
        for part, value in seconds.items()
    ]
    return {"rows": rows, "total": duration(total)}


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """List nested values as dotted names and text."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += flat(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", "–" if value is None else str(value)))
    return found
