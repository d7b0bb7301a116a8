"""The answer of a study: the verdict in words, what to do next, and the arms that it rests on."""

import re
import shlex
from collections import Counter
from typing import Any

from ganjax.report import plots
from ganjax.report.plots import Mark, Row
from ganjax.report.words import METRICS, colour, note, percent, points, short, title

DECISIVE = "the best with generated images, minus the best without"
NOISE = "noise in their place"
"""How the name of a study's negative control ends, as in `ganjax.study.arms`."""
WAYS = ("no", "one", "two", "three", "four", "five", "six", "seven")
ONLY_GENERATED = (
    "All this is about generated images as an addition to a training set. How the classifiers did "
    "that were trained together with a GAN is told below: they were no part of the question."
)
ANSWERS = {
    True: ("yes", "Yes, they help"),
    False: ("no", "No, they do not help"),
    None: ("unclear", "Cannot tell"),
}


def decisive(r: dict[str, Any]) -> dict[str, Any]:
    """Return the comparison that the verdict rests on; empty if there is none."""
    return next((row for row in r.get("comparisons") or [] if row.get("decisive")), {})


def answer(r: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Put the verdict together: the word, the difference with its interval, what to do next."""
    verdict = r.get("verdict") or {}
    helps = verdict.get("helps")
    kind, word = ANSWERS[helps]
    gain = verdict.get("smallest_gain") or 0.01
    found: dict[str, Any] = {
        "kind": kind,
        "word": word,
        "text": verdict.get("text") or word,
        "gain": gain,
        "details": [_minus(text) for text in verdict.get("details") or []],
        "next": [*_advice(r, row), *([ONLY_GENERATED] if r.get("joint") else [])],
        "command": "",
        "row": row,
        "noise": against_noise(row),
    }
    if helps is None and verdict.get("replicates_to_tell"):
        seed = (r.get("seed") or 0) + 1
        found["command"] = repeat(r.get("command") or "", verdict["replicates_to_tell"], seed)
    if row:
        low, high = min(row["low"], 0), max(row["high"], gain)
        span = high - low  # room for the words beside the two lines, on a narrow screen too
        low, high = min(low, -0.35 * span), max(high, gain + 0.5 * span)
        axis = plots.scale(low, high, points, count=6, pad=0.05, least=0.001)
        found |= {
            "axis": axis, "thousand": _of_a_thousand(row), "zero": axis.at(0),
            "worth": axis.at(gain),
            "mark": Mark(axis.at(row["difference"]), axis.at(row["low"]), axis.at(row["high"])),
        }  # fmt: skip
    return found


def against_noise(row: dict[str, Any]) -> bool:
    """Whether noise in the place of generated images had to be beaten too."""
    return any(rival["baseline"].endswith(NOISE) for rival in row.get("rivals") or [])


def _minus(text: str) -> str:
    """Write the minus signs of numbers as such; an option such as --replicates keeps its dashes."""
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)


def _of_a_thousand(row: dict[str, Any]) -> str:
    """Say a difference of accuracies as a number of images."""

    def count(value: float) -> str:
        images = round(1000 * value)
        return f"{abs(images)} {'more' if images > 0 else 'fewer'}" if images else "just as many"

    return (
        f"Of 1,000 new images, {count(row['difference'])} would be recognised; anything from "
        f"{count(row['low'])} to {count(row['high'])} fits what was measured."
    )


def _advice(r: dict[str, Any], row: dict[str, Any]) -> list[str]:
    chosen = ((r.get("arms") or {}).get(row.get("arm", "both")) or {}).get("chosen") or []
    verdict = r.get("verdict") or {}
    helps, needed = verdict.get("helps"), verdict.get("replicates_to_tell")
    mixes = Counter((c["ratio"], c["strength"]) for c in chosen if c.get("ratio"))
    if helps:
        advice = ["Use them, made and mixed as here."]
        if row and row["difference"] < (verdict.get("smallest_gain") or 0.01):
            advice = ["The gain is small: weigh it against the cost of training a GAN."]
        if mixes:
            (ratio, strength), times = mixes.most_common(1)[0]
            often = (
                "" if times == len(chosen) else f" most often ({times} of {len(chosen)} replicates)"
            )
            advice.append(
                f"Validation chose this mix{often}: {percent(ratio, 0)} of each batch generated, "
                f"classical transforms at strength {short(strength)}."
            )
        return [
            *advice,
            "Before much depends on it, confirm it on images that no one has used yet.",
        ]
    if helps is False:
        return [
            "Leave these generated images out; train on the real ones, with classical transforms.",
            "More labelled images are the surest way to a better classifier. If the generated "
            "images below look poor, a GAN trained longer or on more images is a new question, "
            "and worth a new study.",
        ]
    if needed:
        return [
            f"Run a study of {needed} replicates on other draws, and take that answer whatever it "
            "is: repeating until one says yes is how false findings are made.",
            "Until then, the simpler way is to leave the generated images out.",
        ]
    worth_having = row and row["difference"] >= (verdict.get("smallest_gain") or 0.01)
    unbeaten = [rival["baseline"] for rival in row.get("rivals") or [] if rival["difference"] <= 0]
    if worth_having and unbeaten:
        another = (
            "noise in their place did as well: what helps is that it regularises."
            if all(name.endswith(NOISE) for name in unbeaten)
            else "another strength of the classical transforms did as well without them."
        )
        return [f"Leave the generated images out: {another}"]
    return [
        "Collect more test images: with these, no number of replicates would settle it.",
        "Until then, the simpler way is to leave the generated images out.",
    ]


def repeat(command: str, replicates: int, seed: int) -> str:
    """Return a command with another number of replicates, other draws and another folder."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    kept, out = [], "runs/study"
    words = [part for word in words for part in _option(word)]
    while words:
        word = words.pop(0)
        if word in ("--replicates", "--seed", "--out") and words:
            value = words.pop(0)
            out = value if word == "--out" else out
        else:
            kept.append(word)
    if not kept:
        return ""
    out = f"{out.rstrip('/')}-{replicates}"
    new = ["--replicates", str(replicates), "--seed", str(seed), "--out", out]
    return shlex.join([*kept, *new])


def _option(word: str) -> list[str]:
    own = ("--out=", "--replicates=", "--seed=")
    return word.split("=", 1) if word.startswith(own) else [word]


def arms(r: dict[str, Any]) -> dict[str, Any] | None:
    """Lay out the accuracy of each arm with its interval and its replicates."""
    arms = r.get("arms") or {}
    values = [x for arm in arms.values() for x in arm.get("test_accuracy") or []]
    for arm in arms.values():
        values += [arm["accuracy"][end] for end in ("low", "high")] if arm.get("accuracy") else []
    if not values:
        return None
    axis = plots.scale(min(values), max(values), lambda x: f"{100 * x:.4g}%", count=5, pad=0.05)
    rows = []
    for name, arm in arms.items():
        a = arm.get("accuracy") or {}
        marks: tuple[Mark, ...] = ()
        text = "no interval"
        if a:
            marks = (Mark(axis.at(a["mean"]), axis.at(a["low"]), axis.at(a["high"]), colour(name)),)
            text = f"{percent(a['mean'])} ({100 * a['low']:.1f} to {100 * a['high']:.1f})"
        dots = tuple(axis.at(x) for x in arm.get("test_accuracy") or [])
        rows.append(Row(title(name), (text,), marks, dots, note=note(name)))
    level = next((a["accuracy"]["level"] for a in arms.values() if a.get("accuracy")), 0.95)
    joint = r.get("joint") or {}
    updates = {
        own["updates"] for name, own in arms.items() if own.get("updates") and name not in joint
    }
    return {
        "axis": axis, "rows": rows, "level": level,
        "ways": WAYS[len(rows)] if len(rows) < len(WAYS) else len(rows),
        "updates": updates.pop() if len(updates) == 1 else None,
    }  # fmt: skip


def comparisons(r: dict[str, Any], metric: str) -> dict[str, Any] | None:
    """Lay out the differences between arms by one metric, the decisive one apart."""
    found = [row for row in r.get("comparisons") or [] if row["metric"] == metric]
    if not found:
        return None
    rivals = [{**rival, "arm": row["arm"]} for row in found for rival in row.get("rivals") or []]
    every = [*found, *rivals]
    low, high = min(row["low"] for row in every), max(row["high"] for row in every)
    axis = plots.scale(min(low, 0), max(high, 0), points, count=6, pad=0.05, least=0.001)

    def line(row: dict[str, Any], against: str, note: str) -> Row:
        return Row(
            f"{title(row['arm'])} − {against}",
            (f"{points(row['difference'])} ({points(row['low'])} to {points(row['high'])})",),
            (Mark(axis.at(row["difference"]), axis.at(row["low"]), axis.at(row["high"]),
                  colour(row["arm"])),),
            strong=bool(row.get("decisive")),
            note=note,
        )  # fmt: skip

    rows = [
        line(row, title(row["baseline"]), DECISIVE if row.get("decisive") else _corrected(row))
        for row in found
    ]
    return {
        "rivals": [line(row, row["baseline"].partition(", ")[2], "") for row in rivals],
        "noise": any(map(against_noise, found)),
        "corrected": any("p_value_holm" in row for row in found),
        "metric": METRICS[metric], "axis": axis, "zero": axis.at(0), "level": found[0]["level"],
        "decisive": [row for row in rows if row.strong],
        "others": [row for row in rows if not row.strong],
    }  # fmt: skip


def _corrected(row: dict[str, Any]) -> str:
    """Write a comparison's p-value, corrected for the number of comparisons; nothing without."""
    p = row.get("p_value_holm")
    return "" if p is None else "corrected p " + ("< 0.001" if p < 0.001 else f"= {p:.2g}")
