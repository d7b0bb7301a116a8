"""The originals of an evaluation: images that no restorer was trained on, and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganjax.data import quarantine
from ganjax.data.few import random_stream
from ganjax.data.natural import NaturalImages, find_natural
from ganjax.errors import UserError, quoted
from ganjax.metrics.image import SMALLEST_SIDE
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
      choosers: patches of other images, for what a classical method has to choose.
      classes_from: the source whose classes the labels are of; None without labels.
      within: whether they are a part of `classes_from`'s training images.
      notes: what a person should know, a line each.
    """

    images: tuple[np.ndarray, ...]
    files: tuple[str, ...]
    labels: np.ndarray | None
    choosers: tuple[np.ndarray, ...]
    classes_from: str | None
    notes: tuple[str, ...]
    within: bool = False


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
    if images is not None and images < 1:
        raise UserError(f"--images must be at least 1, not {images}")
    about = read_about(run)
    same = same_source(source, about.source)
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
            to_grey=channels == 1 and same,  # as they were trained on
            class_names=names,
            tell=lambda done, total: tick(done),
            say=progress.say,
        )
    notes = list(found.notes)
    if found.bad:
        notes.append(
            f"{quarantine.summary(found.bad)}; the first: {quarantine.sentence(found.bad[0])}"
        )
    patch = about.watched.shape[1:3]
    choosers = tuple(about.watched[:CHOOSERS])
    # A whole source holds the split that was trained on too
    shared = None in (found.split, about.split) or found.split == about.split
    if shared := shared and same:
        held_out = np.isin(found.files, about.held_out)
        choosers = _middles(found.only(np.flatnonzero(~held_out)), patch)
        others = np.flatnonzero(held_out)
        if not len(others):
            raise UserError(
                f"no image of {quoted(source)} is left that was not trained on: give others"
            )
        found = found.only(others)
        notes.append(f"of {quoted(source)}, the {len(others):,} images that were not trained on")
    small = found.shorter_sides < SMALLEST_SIDE
    if small.any():
        said = f"less than {SMALLEST_SIDE} pixels a side, of which SSIM says nothing"
        if small.all():
            raise UserError(f"{quoted(source)}: all images have {said}: give larger ones")
        found = found.only(np.flatnonzero(~small))
        notes.append(f"left out: {small.sum():,} images of {said}")
    if images is not None and images < len(found):
        order = random_stream(seed, "restoration", "evaluate").permutation(len(found))
        found = found.only(np.sort(order[:images]))
    one_size = len({image.shape for image in found.images}) == 1
    told = bool(names) and one_size and bool((found.labels >= 0).all())
    return Originals(
        found.images,
        found.files,
        found.labels if told else None,
        choosers,
        labelled_by if told else None,
        tuple(notes),
        within=shared,
    )


def _middles(images: NaturalImages, sides: Sequence[int]) -> tuple[np.ndarray, ...]:
    """Cut a patch out of the middle of a few images, of those that are large enough."""
    tall, wide = sides
    rows = [r for r, i in enumerate(images.images) if i.shape[0] >= tall and i.shape[1] >= wide]
    some = np.linspace(0, len(rows) - 1, min(CHOOSERS, len(rows))).astype(int)
    found = []
    for image in (images.images[rows[place]] for place in some):
        top, left = (image.shape[0] - tall) // 2, (image.shape[1] - wide) // 2
        found.append(image[top : top + tall, left : left + wide])
    return tuple(found)
