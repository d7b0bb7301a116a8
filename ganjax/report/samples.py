"""What was done with generated images before classifiers saw them, and what was found of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganjax.report import plots
from ganjax.report.evidence import CLASSES_PICTURED
from ganjax.report.plots import Mark, Row
from ganjax.report.words import percent

PICTURED = 8
"""Images of a class side by side."""

COPIES_PICTURED = 8

NEARER = -3.0
"""The z of C_T below which it is told."""

RANKED_BY = {
    "agreement": "a classifier of the training images is surest of",
    "discriminator": "the discriminator takes for the most real",
}
VERDICTS = {
    "leaks": "samples carry it",
    "does not leak": "samples do not carry it",
    "cannot tell": "cannot tell",
    "cannot be seen": "the detector cannot see it",
}


def _replicates(r: Mapping[str, Any], part: str) -> list[dict[str, Any]]:
    """Return a part of what is known of each replicate's samples; empty where nothing is."""
    found = (r.get("samples") or {}).get("replicates") or []
    return [(own or {}).get(part) or {} for own in found]


def kept(r: Mapping[str, Any], given: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """Lay out which samples were used and which were thrown away, with pictures of both."""
    rows = _replicates(r, "selection")
    if not any(rows):
        return None
    dropped = {
        reason: sum(sum(row.get(f"{reason}_dropped") or []) for row in rows)
        for reason in ("copies", "unselected")
    }
    return {
        "sham": not any("kept" in row for row in rows),
        "how": _how(r, rows),
        "dropped": dropped,
        "rows": [
            {
                "filter": _short_name(row),
                "kept": f"{sum(row.get('kept') or []):,}",
                "copies": f"{sum(row.get('copies_dropped') or []):,}",
                "unselected": f"{sum(row.get('unselected_dropped') or []):,}",
            }
            for row in rows
        ],
        "notes": [
            (number, note) for number, row in enumerate(rows, 1) for note in row.get("notes") or []
        ],
        "chosen": _chosen(rows),
        "pictures": _pictures(r, given),
    }


def _how(r: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    """Say which samples were let in."""
    asked = (r.get("samples") or {}).get("select") or "none"
    if asked == "validation":
        return (
            "Which samples to keep was chosen in each replicate on its validation images, among "
            "the ways in the second table"
        )
    if asked == "none":
        return (
            "All samples were used, except those that lie as near to one training image as a copy"
        )
    fraction = next((row["keep_fraction"] for row in rows if row.get("keep_fraction")), None)
    if fraction is None:
        return "Those were kept that a classifier of the training images takes for their class"
    return f"Of each class, the {percent(fraction, 0)} were kept that {RANKED_BY[asked]}"


def _short_name(row: Mapping[str, Any]) -> str:
    by, fraction = row.get("by") or "none", row.get("keep_fraction")
    if by == "none":
        return "all"
    return f"{by}, the best {percent(fraction, 0)}" if fraction else f"{by} with the label"


def _chosen(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Lay out the score of every filter in every replicate, where validation chose among them."""
    tables = [row.get("scores") or [] for row in rows]
    names = list(dict.fromkeys(_short_name(score) for table in tables for score in table))
    if not names:
        return None
    scores = [{_short_name(score): score.get("score") for score in table} for table in tables]
    return {
        "replicates": len(rows),
        "rows": [
            (
                name,
                [
                    {
                        "text": percent(own.get(name)),
                        "best": bool(own) and name == _short_name(row),
                    }
                    for own, row in zip(scores, rows, strict=True)
                ],
            )
            for name in names
        ],
    }


def _pictures(r: Mapping[str, Any], given: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """Lay out samples that were kept beside dropped ones of their class."""
    images, labels, copies = (
        given.get(name) for name in ("dropped", "dropped_labels", "dropped_copies")
    )
    generated = given.get("generated")
    if images is None or labels is None or copies is None or generated is None or not len(images):
        return None
    kinds = {"Not selected": ~copies, "Called a copy": copies}
    kinds = {name: where for name, where in kinds.items() if where.any()}
    classes = [i for i in range(len(generated)) if (labels == i).any()]
    return {
        "kinds": ["Kept", *kinds],
        "rows": [
            {
                "name": _class_name(r, i),
                "cells": [
                    _strip(generated[i]),
                    *(_strip(images[where & (labels == i)]) for where in kinds.values()),
                ],
            }
            for i in classes[:CLASSES_PICTURED]
        ],
        "of": len(classes),
        "pixelated": max(generated.shape[2:4]) <= 40,
    }


def _class_name(r: Mapping[str, Any], label: int) -> str:
    names = r.get("classes") or []
    return str(names[label]) if label < len(names) else str(label)


def _strip(images: np.ndarray) -> dict[str, Any] | None:
    """Put images side by side, as large as they would be among `PICTURED`."""
    if not len(images):
        return None
    picture = plots.sprite(images, most=PICTURED)
    step = picture.width / min(len(images), PICTURED)
    return {
        "picture": picture,
        "width": round(min(100 * picture.width / (PICTURED * step), 100), 2),
    }


def copies(r: Mapping[str, Any], given: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """Say of each replicate whether its samples are copies of training images, with pairs."""
    rows = [row for row in _replicates(r, "copies") if row]
    if not rows:
        return None
    audited = [row for row in rows if "looked_at" in row]
    held = sum(bool(row.get("holds_copies")) for row in audited)
    found = {
        "audited": len(audited),
        "held": held,
        "nearer": sum((row.get("copying_z") or 0) < NEARER for row in audited),
        "lines": [_in_words(row) for row in rows],
        "pairs": _pairs(given),
        "pixelated": max(np.shape(given.get("nearest", ()))[1:3], default=0) <= 40,
    }
    reasons = {row.get("not_audited") for row in rows if "looked_at" not in row}
    return {**found, "why": "; ".join(sorted(filter(None, reasons)))}


def _in_words(row: Mapping[str, Any]) -> str:
    """Say in a sentence what an audit found."""
    if "looked_at" not in row:
        return f"Not looked into: {row.get('not_audited')}."
    chance = round(row["false_alarms"] * row["looked_at"])
    said = (
        f"{row['called_copies']:,} of {row['looked_at']:,} samples lie as near to one training "
        f"image as a copy; of as many new real images it would be about {chance:,}"
    )
    nearer = ""
    if (row.get("copying_z") or 0) < NEARER:
        statistic = f"{row['copying']:.1f}".replace("-", "−")
        nearer = (
            " On the whole they lie nearer to the training images than validation images "
            f"do (C_T = {statistic}; arXiv 2004.05675)."
        )
    least = f"a share of {percent(row['smallest_share'])} would have shown"
    if row.get("holds_copies"):
        return f"{said}. They hold copies: about {percent(row.get('share'))} ({least}).{nearer}"
    return f"{said}. No sign of copies; {least}.{nearer}"


def _pairs(given: Mapping[str, np.ndarray]) -> dict[str, Any] | None:
    """Put dropped copies above the training images that they are nearest to."""
    images, which, nearest = (given.get(n) for n in ("dropped", "dropped_copies", "nearest"))
    if images is None or which is None or nearest is None or not len(nearest):
        return None
    pairs = {"Samples": images[which], "Nearest": nearest}
    return {name: _strip(own[:COPIES_PICTURED]) for name, own in pairs.items()}


def leaks(r: Mapping[str, Any]) -> dict[str, Any] | None:
    """Lay out which share of the first replicate's samples carries each transform of T(x)."""
    block = next((row for row in _replicates(r, "leaks") if row), None)
    if block is None:
        return None
    transforms = block.get("transforms") or []
    if not transforms:
        return {"why": block.get("not_looked_for") or "nothing is known", "rows": []}
    ends = [row["high"] for row in transforms if row.get("seen")]
    axis = plots.scale(0.0, max(0.2, *ends, 0.0), lambda x: f"{100 * x:.4g}%", count=5)
    return {
        "axis": axis,
        "rows": [_leak(row, axis) for row in transforms],
        "leaking": [_plus_minus(row) for row in transforms if row.get("verdict") == "leaks"],
        "unseen": sum(not row.get("seen") for row in transforms),
        "looked_at": block.get("looked_at"),
        "held_out": block.get("held_out"),
    }


def _leak(row: Mapping[str, Any], axis: plots.Scale) -> Row:
    said = VERDICTS.get(row.get("verdict") or "", "")
    if not row.get("seen"):
        return Row(_plus_minus(row), ("–",), note=said)
    share, low, high = (row[name] for name in ("share", "low", "high"))
    mark = Mark(axis.at(share), axis.at(low), axis.at(high), 2 if row["verdict"] == "leaks" else 1)
    text = f"{percent(share, 0)} ({100 * low:.0f} to {100 * high:.0f})"
    return Row(_plus_minus(row), (text,), (mark,), strong=row["verdict"] == "leaks", note=said)


def _plus_minus(row: Mapping[str, Any]) -> str:
    return str(row.get("transform")).replace("+-", "±")
