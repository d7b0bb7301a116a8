"""From the records of replicates to `results.json`: accuracies, intervals, the verdict in words."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ganjax.metrics import (
    Interval,
    class_accuracy,
    confusion_matrix,
    crossed_interval,
    decide,
    holm,
    p_value,
    replicates_to_tell,
)
from ganjax.study.arms import ARMS, WITH, WITHOUT, Candidate
from ganjax.study.record import Record

SCHEMA = 1
METRICS = ("test_accuracy", "balanced_accuracy")


def arm_results(
    arm: str,
    records: Sequence[Record],
    candidates: Sequence[Candidate],
    classes: int,
    *,
    updates: int,
    batch_size: int,
) -> dict[str, Any]:
    """Collect what one arm scored on the test set, replicate by replicate, and what it chose."""
    labels = records[0].labels
    correct = correctness(arm, records)
    # [replicates, seeds, classes]; absent classes are NaN and stay out of the balanced mean
    by_class = np.array(
        [
            [class_accuracy(labels, predictions, classes) for predictions in _predictions(arm, r)]
            for r in records
        ]
    ).mean(axis=1)
    confusion = sum(
        confusion_matrix(labels, predictions, classes) / len(_predictions(arm, record))
        for record in records
        for predictions in _predictions(arm, record)
    )
    mean = crossed_interval(correct)
    return {
        "test_accuracy": correct.mean(axis=1).tolist(),
        "balanced_accuracy": np.nanmean(by_class, axis=1).tolist(),
        "class_accuracy": [[None if np.isnan(x) else x for x in row] for row in by_class.tolist()],
        "confusion": np.asarray(confusion).tolist(),
        "accuracy": {
            "mean": mean.estimate, "low": mean.low, "high": mean.high, "level": mean.level,
        },
        "updates": updates,
        "examples": updates * batch_size,
        "chosen": [
            {
                **candidates[record.entries[arm].candidate]._asdict(),
                "update": record.entries[arm].update,
                "validation_accuracy": record.entries[arm].accuracy,
                "validation_probability": record.entries[arm].probability,
            }
            for record in records
        ],
    }  # fmt: skip


def comparisons(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Compare all pairs of arms; the first is the one that the verdict rests on.

    The others are descriptive: their p-values are corrected together by Holm's method.
    """
    pairs = [(WITH, WITHOUT)]
    pairs += [
        (arm, baseline) for baseline, arm in combinations(ARMS, 2) if (arm, baseline) not in pairs
    ]
    rows, p_values = [], []
    for metric in METRICS:
        for arm, baseline in pairs:
            interval = difference(arm, baseline, records, balanced=metric == "balanced_accuracy")
            decisive = (arm, baseline, metric) == (WITH, WITHOUT, "test_accuracy")
            if not decisive:
                p_values.append(p_value(interval))
            rows.append(
                {
                    "arm": arm,
                    "baseline": baseline,
                    "metric": metric,
                    "difference": interval.estimate,
                    "low": interval.low,
                    "high": interval.high,
                    "level": interval.level,
                    "decisive": decisive,
                }
            )
    corrected = iter(holm(p_values))
    for row in rows:
        if not row["decisive"]:
            row["p_value_holm"] = float(next(corrected))
    return rows


def difference(
    arm: str, baseline: str, records: Sequence[Record], *, balanced: bool = False
) -> Interval:
    """Return the interval of an arm's accuracy minus a baseline's, paired image by image."""
    values = correctness(arm, records) - correctness(baseline, records)
    return crossed_interval(values, labels=records[0].labels if balanced else None)


def correctness(arm: str, records: Sequence[Record]) -> np.ndarray:
    """Return how often each test image was right, `[replicates, images]`, mean over seeds."""
    return np.stack([(_predictions(arm, r) == r.labels).mean(axis=0) for r in records])


def verdict(records: Sequence[Record], candidates: Sequence[Candidate], smallest_gain: float):
    """Say in words whether generated images help: yes, no, or that this study cannot tell.

    Returns:
      A dict: `helps` (true, false, null), `text`, `details`, `smallest_gain`,
      `replicates_to_tell`.
    """
    interval = difference(WITH, WITHOUT, records)
    helps = decide(interval, smallest_gain=smallest_gain)
    needed = None
    if helps is None:
        needed = replicates_to_tell(interval, smallest_gain=smallest_gain)
    text = {
        True: "Generated images help",
        False: "Generated images do not help",
        None: "This study cannot tell whether generated images help",
    }[helps]
    return {
        "helps": helps,
        "text": f"{text}: {_gain_in_words(interval)}.",
        "details": [
            *_reasons(helps, interval, smallest_gain, needed),
            *_choices(records, candidates),
        ],
        "smallest_gain": smallest_gain,
        "replicates_to_tell": needed,
    }


def _gain_in_words(interval: Interval) -> str:
    return (
        f"the best arm with them scored {100 * interval.estimate:+.1f} points of accuracy against "
        f"the best arm without ({interval.level:.0%} interval {100 * interval.low:+.1f} to "
        f"{100 * interval.high:+.1f})"
    )


def _reasons(
    helps: bool | None, interval: Interval, smallest_gain: float, needed: int | None
) -> list[str]:
    gain = f"{100 * smallest_gain:.3g} point{'s' if smallest_gain != 0.01 else ''}"
    if helps and interval.estimate < smallest_gain:
        return [f"The gain is real but smaller than {gain}, the least you said is worth having."]
    if helps:
        return ["The whole interval lies above zero."]
    if helps is False:
        return [f"The whole interval lies below {gain}, the smallest gain counted as worth having."]
    room = f"The interval leaves room both for no gain and for one of {gain} or more."
    if needed is None:
        return [room, "More replicates alone would not settle it: the test set is too small."]
    return [
        room,
        f"If the difference stays what it is, about {needed} replicates would tell: "
        f"--replicates {needed} with a new --out.",
    ]


def _choices(records: Sequence[Record], candidates: Sequence[Candidate]) -> list[str]:
    left_out = sum(candidates[r.entries[WITH].candidate].ratio == 0 for r in records)
    if not left_out:
        return []
    return [
        f"In {left_out} of {len(records)} replicates validation itself preferred to leave the "
        "generated images out."
    ]


def _predictions(arm: str, record: Record) -> np.ndarray:
    return record.predictions[list(record.entries).index(arm)]
