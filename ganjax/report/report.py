"""One page that answers the question: what `results.json` says, in words, charts and pictures."""

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ganjax.report import answer, confidence, evidence, joint, page, samples, words


def build(results: Mapping[str, Any], pictures: Mapping[str, np.ndarray] | None = None) -> str:
    """Return the report as one self-contained HTML page: no scripts, nothing to be fetched.

    Args:
      results: what `results.json` holds, schema 1; a part that is missing is left out of the page.
      pictures: `real` and `generated`, uint8 `[classes, n, height, width, channels]`; of samples
        that were thrown away `dropped`, uint8 `[k, height, width, channels]`, `dropped_labels`,
        `dropped_copies` (bool) and `nearest`, the training images nearest to those.

    Returns:
      The page.
    """
    r = {"classes": [], "arms": {}, "classifier": {}, "counts": {}, **results}
    decisive = answer.decisive(r)
    found = {
        "r": r,
        "answer": answer.answer(r, decisive),
        "without": decisive.get("baseline", "classical"),
        "with": decisive.get("arm", "both"),
        "arms": answer.arms(r),
        "comparisons": [own for metric in words.METRICS if (own := answer.comparisons(r, metric))],
        "pictures": evidence.pictures(r, pictures or {}),
        "kept": samples.kept(r, pictures or {}),
        "copies": samples.copies(r, pictures or {}),
        "leaks": samples.leaks(r),
        "gan": evidence.gan(r),
        "curves": evidence.classifier_curves(r),
        "joint": joint.joint(r),
        "confusions": evidence.confusions(r, decisive),
        "by_class": evidence.by_class(r, decisive),
        "chosen": evidence.chosen(r),
        "validation": evidence.validation(r),
        "confidence": confidence.confidence(r, decisive),
        "cost": evidence.cost(r),
        "environment": evidence.flat(r.get("environment") or {}),
        "config": json.dumps(r["config"], indent=2) if r.get("config") else "",
    }
    return page.templates().get_template("template.html").render(found)


def write(
    path: str | os.PathLike,
    results: Mapping[str, Any],
    pictures: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write the report to a file, all of it or nothing.

    Args:
      path: the file; one that is there is replaced.
      results: as in `build`.
      pictures: as in `build`.
    """
    page.keep(path, build(results, pictures))
