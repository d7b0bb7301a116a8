"""The originals of an evaluation: images that no restorer was trained on, and their labels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganjax.data import quarantine
from ganjax.data.few import random_stream
from ganjax.data.natural import find_natural
from ganjax.errors import UserError, quoted
from ganjax.progress import Progress
from ganjax.restoration.about import read_about, same_source
from ganjax.restoration.seen import classes_of

CHOOSERS = 12
"""Images at most that choose the strengths of classical methods."""


@dataclass(frozen=True)
class Originals:
    """What is degraded, restored and compared.

    Attributes:
      images: uint8 `[height, width, channels]` each.
      files: what each is called.
      labels: int32 `[n]`; None where not all have one, or their classes are not known.
      choosers: other images, of those that the restorers were trained on, for what a classical
        method has to choose; empty where they are gone.
      classes_from: the source whose classes the labels are of; None without labels.
      notes: what a person should know, a line each.
    """

    images: tuple[np.ndarray, ...]
    files: tuple[str, ...]
    labels: np.ndarray | None
    choosers: tuple[np.ndarray, ...]
    classes_from: str | None
    notes: tuple[str, ...]


def find_originals(
    run: Path,
    source: str,
    channels: int,
    *,
    split: str | None,
    images: int | None,
    data_dir: str | None,
    seed: int,
    progress: Progress,
) -> Originals:
    """Find the originals of an evaluation.

    Args: as of `ganjax.restoration.evaluate_run.evaluate`, and
      channels: of the run's images.

    Raises:
      UserError: there is none that can be used.
    """
    about = read_about(run)
    data_dir = data_dir or about.data_dir
    labelled_by = about.source
    names = classes_of(labelled_by, data_dir, progress)
    with progress.stage("read the originals", 0, "images") as tick:
        found = find_natural(
            source,
            data_dir=data_dir,
            split=split,
            prefer="test",
            channels=channels,
            class_names=names,
            tell=lambda done, total: tick(done),
            say=progress.say,
        )
    notes = list(found.notes)
    if found.bad:
        notes.append(
            f"{quarantine.summary(found.bad)}; the first: {quarantine.sentence(found.bad[0])}"
        )
    # A whole source holds the split that was trained on too
    shared = None in (found.split, about.split) or found.split == about.split
    if shared and same_source(source, about.source):
        others = np.flatnonzero(np.isin(found.files, about.held_out))
        if not len(others):
            raise UserError(
                f"no image of {quoted(source)} is left that was not trained on: give others"
            )
        found = found.only(others)
        notes.append(f"of {quoted(source)}, the {len(others):,} images that were not trained on")
    if images is not None and images < len(found):
        order = random_stream(seed, "restoration", "evaluate").permutation(len(found))
        found = found.only(np.sort(order[:images]))
    told = bool(names) and bool((found.labels >= 0).all())
    return Originals(
        found.images,
        found.files,
        found.labels if told else None,
        tuple(about.watched[:CHOOSERS]),
        labelled_by if told else None,
        tuple(notes),
    )
