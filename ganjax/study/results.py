"""From the records of replicates to `results.json`: accuracies, intervals, the verdict in words."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ganjax.metrics import (
    Interval,
    against_all,
    class_accuracy,
    confusion_matrix,
    crossed_interval,
    decide,
    holm,
    p_value,
    replicates_to_tell,
)
from ganjax.study.arms import (
    ARMS,
    CONTROL,
    WITH,
    WITHOUT,
    Candidate,
    has_to_be_beaten,
    without_prefix,
)
from ganjax.study.record import Record

SCHEMA = 1
METRICS = ("test_accuracy", "balanced_accuracy")
TEMPERED = ("before", "after")


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
        "chosen": [_chosen(arm, record, candidates) for record in records],
    }  # fmt: skip


def _chosen(arm: str, record: Record, candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Tell what validation chose for an arm, and how good that was there."""
    if arm in record.joint:
        own = dict(record.joint[arm]["kept"])
        accuracy, probability = own.pop("accuracy"), own.pop("probability")
    else:
        entry = record.entries[arm]
        own = {**candidates[entry.candidate]._asdict(), "update": entry.update}
        accuracy, probability = entry.accuracy, entry.probability
    return {**own, "validation_accuracy": accuracy, "validation_probability": probability}


def calibration(arms: Sequence[str], records: Sequence[Record]) -> dict[str, Any]:
    """Say how far each arm's confidence is from its accuracy on the test images.

    Args:
      arms: their names; those that no record tells of are left out.
      records: of all replicates; records of earlier versions tell nothing, which is null.

    Returns:
      By arm: `temperature` per replicate, and for `before` and `after` it `error` per replicate,
      its `mean`, and `reliability`, the bins of confidence of all replicates together.
    """
    found = {}
    for arm in arms:
        told = [record.calibration.get(arm) for record in records]
        if any(told):
            found[arm] = {
                "temperature": [own and own["temperature"] for own in told],
                **{name: _errors([own and own[name] for own in told]) for name in TEMPERED},
            }
    return found


def _errors(told: Sequence[dict[str, Any] | None]) -> dict[str, Any]:
    there = [own for own in told if own]
    return {
        "error": [own and own["error"] for own in told],
        "mean": float(np.mean([own["error"] for own in there])),
        "reliability": _pooled_bins(there),
    }


def _pooled_bins(told: Sequence[dict[str, Any]]) -> dict[str, list]:
    """Put the images of several replicates into the same bins of confidence."""
    counts = np.array([own["counts"] for own in told])
    total = counts.sum(axis=0)
    found: dict[str, list] = {}
    for name in ("confidence", "accuracy"):
        values = np.array([own[name] for own in told], np.float64)  # null becomes NaN
        sums = np.nansum(values * counts, axis=0)
        found[name] = [s / n if n else None for s, n in zip(sums.tolist(), total, strict=True)]
    return {**found, "counts": total.tolist()}


def comparisons(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Compare all pairs of arms; the first is the one that the verdict rests on.

    The others are descriptive: their p-values are corrected together by Holm's method. Arms that
    were trained together with a GAN are compared with the best arm without generated images, and
    with the best arm with them.
    """
    pairs = [(WITH, WITHOUT)]
    pairs += [
        (arm, baseline) for baseline, arm in combinations(ARMS, 2) if (arm, baseline) not in pairs
    ]
    pairs += [(arm, baseline) for arm in records[0].joint for baseline in (WITHOUT, WITH)]
    rows, p_values = [], []
    for metric in METRICS:
        for arm, baseline in pairs:
            decisive = (arm, baseline, metric) == (WITH, WITHOUT, "test_accuracy")
            if decisive:
                interval = gain(records)
            else:
                interval = difference(arm, baseline, records, balanced=metric != "test_accuracy")
                p_values.append(p_value(interval))
            rows.append(
                {
                    "arm": arm,
                    "baseline": baseline,
                    "metric": metric,
                    **_in_numbers(interval),
                    "level": interval.level,
                    "decisive": decisive,
                }
            )
    corrected = iter(holm(p_values))
    for row in rows:
        if not row["decisive"]:
            row["p_value_holm"] = float(next(corrected))
    rows[0]["rivals"] = [
        {"baseline": name, **_in_numbers(own)} for name, own in against_rivals(records).items()
    ]
    return rows


def _in_numbers(interval: Interval) -> dict[str, float]:
    return {"difference": interval.estimate, "low": interval.low, "high": interval.high}


def gain(records: Sequence[Record]) -> Interval:
    """Return what the verdict rests on: accuracy with generated images minus the best without.

    The estimate is against what validation chose without them, and the interval holds against the
    best of all that was tried without them.
    """
    return against_all(difference(WITH, WITHOUT, records), tuple(against_rivals(records).values()))


def against_rivals(records: Sequence[Record]) -> dict[str, Interval]:
    """Return the interval against each way to train without generated images, by its name.

    Noise in their place is one of them, where there is such a control. Records of earlier versions
    name none: there what validation chose was the only one.
    """
    return {
        name: difference(WITH, name, records)
        for name in records[0].entries
        if has_to_be_beaten(name)
    }


def difference(
    arm: str, baseline: str, records: Sequence[Record], *, balanced: bool = False
) -> Interval:
    """Return the interval of an arm's accuracy minus a baseline's, paired image by image."""
    values = correctness(arm, records) - correctness(baseline, records)
    return crossed_interval(values, labels=records[0].labels if balanced else None)


def correctness(arm: str, records: Sequence[Record]) -> np.ndarray:
    """Return how often each test image was right, `[replicates, images]`, mean over seeds."""
    return np.stack([(_predictions(arm, r) == r.labels).mean(axis=0) for r in records])


def verdict(records: Sequence[Record], smallest_gain: float, seed: int) -> dict[str, Any]:
    """Say in words whether generated images help: yes, no, or that this study cannot tell.

    Args:
      records: of the replicates.
      smallest_gain: the least that is worth having.
      seed: of the study's draws.

    Returns:
      A dict: `helps` (true, false, null), `text`, `details`, `smallest_gain`,
      `replicates_to_tell`.
    """
    chosen, rivals = difference(WITH, WITHOUT, records), against_rivals(records)
    interval = against_all(chosen, tuple(rivals.values()))
    helps = decide(interval, smallest_gain=smallest_gain)
    needed = None
    if helps is None:
        needed = replicates_to_tell(interval, tuple(rivals.values()), smallest_gain=smallest_gain)
    text = {
        True: "Generated images help",
        False: "Generated images do not help",
        None: "This study cannot tell whether generated images help",
    }[helps]
    return {
        "helps": helps,
        "text": f"{text}: {_gain_in_words(interval)}.",
        "details": [
            *_reasons(helps, interval, rivals, smallest_gain, needed, seed),
            *_lowest(interval, chosen, rivals),
            *_against_noise(rivals, smallest_gain),
            *_preferred(records),
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
    helps: bool | None,
    interval: Interval,
    rivals: Mapping[str, Interval],
    smallest_gain: float,
    needed: int | None,
    seed: int,
) -> list[str]:
    least = _least(smallest_gain)
    if helps and interval.estimate < smallest_gain:
        return [f"The gain is real but smaller than {least}, the least you said is worth having."]
    if helps:
        return ["The whole interval lies above zero."]
    if helps is False:
        return [
            f"The whole interval lies below {least}, the smallest gain counted as worth having."
        ]
    room = f"The interval leaves room both for no gain and for one of {least} or more."
    worth_having = interval.estimate >= smallest_gain
    unbeaten = [name for name, own in rivals.items() if own.estimate <= 0]
    if needed is None and worth_having and unbeaten:
        another = (
            "noise in their place" if unbeaten == [CONTROL] else "without them another strength"
        )
        return [
            room,
            "More replicates would not settle it if the differences stay what they are: "
            f"{another} did as well.",
        ]
    if needed is None:
        return [room, "More replicates alone would not settle it: the test set is too small."]
    return [
        room,
        f"If the difference stays what it is, about {needed} replicates of other draws would tell: "
        f"--replicates {needed} --seed {seed + 1} with a new --out.",
    ]


def _lowest(interval: Interval, chosen: Interval, rivals: Mapping[str, Interval]) -> list[str]:
    """Say so where what validation chose is not the hardest to beat, by a tenth of a point."""
    if f"{100 * interval.low:+.1f}" == f"{100 * chosen.low:+.1f}":
        return []
    name = min(rivals, key=lambda name: rivals[name].low)
    own = rivals[name]
    if name == CONTROL:  # told beside
        return [
            "The lower end is that against noise in their place; against what validation chose "
            f"without them it would be {100 * chosen.low:+.1f}."
        ]
    return [
        f"The lower end is that against {without_prefix(name)}, the hardest to beat "
        f"without generated images ({100 * own.estimate:+.1f}, "
        f"{100 * own.low:+.1f} to {100 * own.high:+.1f}); against what validation chose it "
        f"would be {100 * chosen.low:+.1f}."
    ]


def _against_noise(rivals: Mapping[str, Interval], smallest_gain: float) -> list[str]:
    """Say what generated images are worth against noise, where that was tried."""
    if CONTROL not in rivals:
        return []
    own = rivals[CONTROL]
    ruled_out = f"; a gain over it of {_least(smallest_gain)} or more is ruled out"
    return [
        f"Against the same training with noise in their place: {100 * own.estimate:+.1f} points "
        f"({100 * own.low:+.1f} to {100 * own.high:+.1f})"
        f"{ruled_out if own.high < smallest_gain else ''}."
    ]


def _least(smallest_gain: float) -> str:
    return f"{100 * smallest_gain:.3g} point{'s' if smallest_gain != 0.01 else ''}"


def joint_in_words(records: Sequence[Record]) -> list[str]:
    """Say how the arms that were trained together with a GAN did, a short sentence each."""
    return [
        f"Arm {arm}: {100 * found.estimate:+.1f} points against the best arm without "
        f"({100 * found.low:+.1f} to {100 * found.high:+.1f}); this is descriptive."
        for arm in records[0].joint
        for found in [difference(arm, WITHOUT, records)]
    ]


def _preferred(records: Sequence[Record]) -> list[str]:
    """Say so where validation was surer without generated images, by a tenth of a point or more."""
    without, mixed = (
        round(100 * float(np.mean([own.entries[arm].probability for own in records])), 1)
        for arm in (WITHOUT, WITH)
    )
    if without <= mixed:
        return []
    return [
        "The validation images alone would have left them out: there the right class got "
        f"{without:.1f} % of the probability without them, {mixed:.1f} % with them."
    ]


def _predictions(arm: str, record: Record) -> np.ndarray:
    return record.predictions[record.arms.index(arm)]
