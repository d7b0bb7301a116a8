"""What generated images do for the classes with few images, where a study draws a long tail."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ganjax.metrics import crossed_interval
from ganjax.study.arms import RESAMPLED, WITH, WITHOUT
from ganjax.study.record import Record
from ganjax.study.results import correctness


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
      best without, and with class-balanced resampling alone, `baseline`, `difference`, `low`,
      `high`, `level`, of the mean over those classes' accuracies; `text`. None where classes were
      not drawn unequally, or none of them is in the test set.
    """
    if RESAMPLED not in records[0].entries:
        return None
    fewest = np.argsort(counts, kind="stable")[: len(counts) // 2]
    labels = records[0].labels
    of_these = np.isin(labels, fewest)
    if not of_these.any():
        return None
    rows: list[dict[str, Any]] = []
    for baseline in (WITHOUT, RESAMPLED):
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
    names = ("the best arm without generated images", "class-balanced resampling alone")
    told = " and ".join(
        f"{100 * row['difference']:+.1f} points against {name} ({row['level']:.0%} interval "
        f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f})"
        for row, name in zip(rows, names, strict=True)
    )
    whom = "class" if len(fewest) == 1 else f"{len(fewest)} classes"
    return {
        "classes": [class_names[label] for label in sorted(fewest)],
        "comparisons": rows,
        "text": f"On the {whom} with the fewest images the best arm with generated images scored "
        f"{told}; these are descriptive.",
    }
