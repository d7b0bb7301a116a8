"""What generated images do for the classes with few images, where a study draws a long tail."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganjax.metrics import crossed_interval
from ganjax.study.arms import CONTROL, RESAMPLED, WITH, WITHOUT, without_prefix
from ganjax.study.record import Record
from ganjax.study.results import correctness


def fewest(counts: Sequence[int]) -> np.ndarray:
    """Return the labels of the half of the classes that have the fewest images."""
    return np.argsort(counts, kind="stable")[: len(counts) // 2]


def minority(
    records: Sequence[Record], counts: Sequence[int], class_names: Sequence[str]
) -> dict[str, Any] | None:
    """Compare arms on the half of the classes that have the fewest images to train on.

    Args:
      records: of all replicates.
      counts: training images of each class.
      class_names: their names.

    Returns:
      A dict: `classes`, the names; `comparisons` of the best arm with generated images with the
      best without, with class-balanced resampling alone, and with noise in their place where that
      was tried, `baseline`, `difference`, `low`, `high`, `level`, of the mean over those classes'
      accuracies; `text`. None where classes were not drawn unequally, or none of them is in the
      test set.
    """
    if RESAMPLED not in records[0].entries:
        return None
    small = fewest(counts)
    labels = records[0].labels
    of_these = np.isin(labels, small)
    if not of_these.any():
        return None
    rows: list[dict[str, Any]] = []
    names = {
        WITHOUT: "the best arm without generated images",
        RESAMPLED: "class-balanced resampling alone",
        CONTROL: without_prefix(CONTROL),
    }
    for baseline in (own for own in names if own in records[0].entries):
        values = (correctness(WITH, records) - correctness(baseline, records))[:, of_these]
        found = crossed_interval(values, labels=labels[of_these])
        rows.append(
            {
                "arm": WITH,
                "baseline": baseline,
                "difference": found.estimate,
                "low": found.low,
                "high": found.high,
                "level": found.level,
            }
        )
    told = " and ".join(
        f"{100 * row['difference']:+.1f} points against {names[row['baseline']]} "
        f"({row['level']:.0%} interval {100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
        for row in rows
    )
    whom = "class" if len(small) == 1 else f"{len(small)} classes"
    return {
        "classes": [class_names[label] for label in sorted(small)],
        "comparisons": rows,
        "text": f"On the {whom} with the fewest images the best arm with generated images scored "
        f"{told}; these are descriptive.",
    }
