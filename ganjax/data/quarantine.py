"""Images that cannot be used: left out and listed, or a reason to stop."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganjax.config import Reading
from ganjax.data.atomic import write_json_atomically
from ganjax.data.listing import Bad
from ganjax.errors import UserError, quoted

MOST_LOST = 0.1
"""Part of a class that may be left out: with more, something is wrong with the set, not a file."""

FILE = "quarantine.json"


def settle(
    bad: Sequence[Bad],
    counts: np.ndarray,
    class_names: Sequence[str],
    reading: Reading,
    name: str,
    *,
    unlabelled: int = 0,
) -> None:
    """Return where bad images may be left out.

    Args:
      bad: what cannot be used.
      counts: images of each class with the bad ones, over all splits: int `[classes]`.
      class_names: what the labels mean.
      reading: says whether any may be left out.
      name: of the source.
      unlabelled: images of its part without labels, with the bad ones.

    Raises:
      UserError: none may, or a class, or the part without labels, would lose more than 10 % of its
        images.
    """
    if not bad:
        return
    first = bad[0]
    if reading.on_bad == "fail":
        more = f", and {len(bad) - 1:,} more" if len(bad) > 1 else ""
        raise UserError(
            f"{quoted(name)}: {sentence(first)}{more}: repair or remove it, or give --on-bad skip"
        )
    hidden = [b for b in bad if b.split == "unlabelled"]
    if len(hidden) > MOST_LOST * unlabelled:
        raise UserError(
            f"{quoted(name)}: {len(hidden):,} of its {unlabelled:,} images without labels cannot "
            f"be used, more than {MOST_LOST:.0%}; the first: {sentence(hidden[0])}. Repair or "
            "remove them"
        )
    unknown = [b for b in bad if b.label < 0 and b.split != "unlabelled"]
    if len(unknown) > MOST_LOST * (counts.sum() + len(unknown)):
        raise UserError(
            f"{quoted(name)}: {len(unknown):,} of its images have no class and cannot be used, "
            f"more than {MOST_LOST:.0%}; the first: {sentence(unknown[0])}. Repair or remove them"
        )
    lost = np.bincount([b.label for b in bad if b.label >= 0], minlength=len(counts))
    for label in np.flatnonzero(lost > MOST_LOST * counts).tolist():
        example = next(b for b in bad if b.label == label)
        raise UserError(
            f"{quoted(name)}: {lost[label]:,} of the {counts[label]:,} images of class "
            f"{quoted(class_names[label])} cannot be used, more than {MOST_LOST:.0%}; the first: "
            f"{sentence(example)}. Repair or remove them"
        )


def sentence(bad: Bad) -> str:
    """Return a bad image's file and reason as one printable line."""
    return f"{quoted(bad.file)} {quoted(bad.reason)}"


def summary(bad: Sequence[Bad]) -> str:
    """Say in one line what was left out."""
    what = "1 image was" if len(bad) == 1 else f"{len(bad):,} images were"
    return f"{what} left out ({sentence(bad[0])}{', ...' if len(bad) > 1 else ''})"


def to_json(bad: Sequence[Bad]) -> list[dict[str, str | int]]:
    """Return bad images as plain JSON values, their names as they print."""
    return [
        {"split": b.split, "label": b.label, "file": quoted(b.file), "reason": quoted(b.reason)}
        for b in bad
    ]


def write(folder: Path, bad: Sequence[Bad]) -> None:
    """Write FOLDER/quarantine.json, the list of what was left out, where anything was."""
    if bad:
        write_json_atomically(Path(folder) / FILE, to_json(bad))
