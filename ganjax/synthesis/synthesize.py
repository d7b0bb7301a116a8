"""`ganjax synthesize`: a labelled set of generated images, alone or with the real ones."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from ganjax import environment
from ganjax.data.export import Contents, Images, check_free, write_set
from ganjax.data.export.writing import Make
from ganjax.data.sources import Dataset, Unread
from ganjax.errors import UserError, quoted
from ganjax.progress import Progress, Silent
from ganjax.synthesis import trained_on
from ganjax.synthesis.description import Description
from ganjax.synthesis.judge import checksum
from ganjax.synthesis.latents import expanded, truncated
from ganjax.synthesis.sample import labels_in_turn, sampled
from ganjax.synthesis.screening import Screening, screening
from ganjax.synthesis.sift import sifted
from ganjax.synthesis.trained import Trained, load
from ganjax.synthesis.trained_on import Parts
from ganjax.synthesis.wish import Wish, in_turn, of_each, to_balance
from ganjax.training import GANState

REAL_AT_A_TIME = 256

COLUMNS = ("candidate", "copies_dropped", "unselected_dropped")
"""Of each image that was screened: which of its group's candidates it is (below 128 the one that
would have been made without a screen), and how many were dropped before it."""


class Written(NamedTuple):
    """What was written.

    Attributes:
      real: how many real images.
      generated: how many generated ones.
      anew: whether anything was: not where the set was there already.
    """

    real: int
    generated: int
    anew: bool


def synthesize(
    run: Path,
    out: Path,
    wish: Wish,
    *,
    command: str = "",
    progress: Progress | None = None,
) -> Written:
    """Write labelled images from a trained GAN, with a manifest; cut off, the same call goes on.

    The same wish is the same bytes. Image i of a seed is the same however many there are, where
    classes take turns as they do for a count. Copies of training images are dropped and replaced,
    unless the wish is to keep them; where the training images cannot be read again, the manifest
    says so.

    Args:
      run: folder of a training, of a study's replicate, or of a study: then its first replicate.
      out: a new folder, outside the run.
      wish: how many images, and in which form.
      command: what is being run, for others that want the same folder.
      progress: where to tell how far it is.

    Raises:
      UserError: `run` holds no GAN, `out` cannot be used, or there are no such images.
      Interrupted: a signal asked to stop; the same call goes on.
    """
    progress = progress or Silent()
    run, out = Path(run), Path(out).resolve()
    if not (out / "manifest.json").exists():
        check_free(out)
    folder = _generator_folder(run, progress)
    _check_place(out, folder)
    gan = load(folder, say=progress.say)
    if wish.truncation is not None:
        gan = truncated(gan, wish.truncation)
    if wish.expansion is not None:
        gan = expanded(gan, wish.expansion)
    wanted = _wanted(wish, folder, gan.description, progress)
    images = _images(folder, gan.description, progress)
    real = _real(images, gan.description) if wish.include_real else None
    passed = screening(gan, wish.filter, wish.keep_copies, images, wish.seed, progress)
    contents = _contents(gan, wanted, real, wish, run, passed)
    _warn_of_empty(contents, progress)
    make = _maker(gan, contents, real, wish.seed, passed)
    anew = write_set(out, contents, make, form=wish.form, command=command, progress=progress)
    return Written(contents.real, len(contents) - contents.real, anew)


def _generator_folder(run: Path, progress: Progress) -> Path:
    """Return the folder of a run's generator; of a study, of its first replicate."""
    if (run / "generator.json").exists():
        return run
    replicates = [path.parent for path in run.glob("replicates/*/generator.json")]
    first = min(
        (path for path in replicates if path.name.isdecimal()),
        key=lambda path: int(path.name),
        default=None,
    )
    if first is None:
        return run  # whose loading says what is missing
    progress.say(f"{quoted(run)} is a study: the GAN is that of {quoted(first)}")
    return first


def _check_place(out: Path, folder: Path) -> None:
    """Refuse a place within the run, or within the folder that it learnt from."""
    run = trained_on.run_of(folder)
    if out.is_relative_to(run):
        raise UserError(
            f"--out {quoted(out)} is inside the run {quoted(run)}: give a folder outside it"
        )
    try:
        source = json.loads((folder / "generator.json").read_text())["source"]
        kind, _, place = source.partition(":")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return  # which the loading says
    if kind == "folder" and out.is_relative_to(Path(place).expanduser().resolve()):
        raise UserError(
            f"--out {quoted(out)} is inside {quoted(place)}, whose images the GAN was trained on: "
            "give a folder outside it"
        )


def _wanted(wish: Wish, folder: Path, description: Description, progress: Progress) -> np.ndarray:
    """Return how many images of each class are to be generated: int `[classes]`."""
    classes = description.classes or 1
    if wish.count is not None:
        return in_turn(wish.count, classes)
    if description.classes is None:
        raise UserError("this GAN was trained without labels (--no-conditional): give --count")
    if wish.per_class is not None:
        return of_each(description.class_names, wish.per_class)
    counts = trained_on.class_counts(folder, progress)
    if len(counts) != classes:
        raise UserError(
            f"--balance: the GAN knows {classes} classes, {quoted(description.source)} has "
            f"{len(counts)} now: give --per-class"
        )
    return to_balance(counts)


def _images(folder: Path, description: Description, progress: Progress) -> Parts | str:
    """Return the real images, if they are those that the generator knows; or why there are none."""
    try:
        found = trained_on.parts(folder, progress)
        if trained_on.is_as_recorded(found.fit, folder, description):
            return found
    except (UserError, OSError) as error:
        return str(error)
    return (
        f"{quoted(description.source)} has changed since the GAN was trained on it (other classes, "
        "sizes or numbers of images)"
    )


def _real(images: Parts | str, description: Description) -> Dataset | Unread:
    """Return the training images that are to be exported with the generated ones."""
    if description.classes is None:
        raise UserError(
            "--include-real: this GAN was trained without labels (--no-conditional), so its images "
            "cannot join the real ones' classes"
        )
    if isinstance(images, str):
        raise UserError(f"--include-real: {images}: leave --include-real out")
    return images.fit


def _contents(
    gan: Trained,
    wanted: np.ndarray,
    real: Dataset | Unread | None,
    wish: Wish,
    run: Path,
    passed: Screening,
) -> Contents:
    description = gan.description
    labels = labels_in_turn(wanted)
    return Contents(
        class_names=description.class_names or ("all",),
        shape=(description.size, description.size, description.channels),
        labels=labels if real is None else np.concatenate([real.labels, labels]),
        real=0 if real is None else len(real),
        digest="" if real is None else _digest(real),
        seed=wish.seed,
        model=weights_checksum(gan.state),
        configuration={
            "jax": environment.version("jax"),
            "jaxlib": environment.version("jaxlib"),
            "backend": jax.default_backend(),
            "truncation": wish.truncation,
            "expansion": wish.expansion,
            **passed.configuration,
        },
        facts={
            "command": wish.command(run),
            "trained_on": description.source,
            "updates": gan.update,
            "gan": asdict(description.config),
            **passed.facts,
        },
        columns=COLUMNS if passed.screen else (),
        totals=COLUMNS[1:] if passed.screen else (),
    )


def weights_checksum(state: GANState) -> str:
    """Return the SHA-256 of all that images are drawn from, in hexadecimal, by `checksum`."""
    return checksum(state.ema_generator)


def _real_batches(real: Dataset | Unread, first: int) -> Iterator[Dataset]:
    for start in range(first, len(real), REAL_AT_A_TIME):
        yield real.take(np.arange(start, min(start + REAL_AT_A_TIME, len(real))))


def _digest(real: Dataset | Unread) -> str:
    found = hashlib.sha256()
    for batch in _real_batches(real, 0):
        found.update(np.ascontiguousarray(batch.images).data)
        found.update(np.ascontiguousarray(batch.labels, "<i4").data)
    return found.hexdigest()


def _maker(
    gan: Trained, contents: Contents, real: Dataset | Unread | None, seed: int, passed: Screening
) -> Make:
    """Return what makes a set's images from any number on: the real ones, then the others."""
    key = jax.random.key(seed)
    own = contents.labels[contents.real :]

    def make(first: int) -> Iterator[Images]:
        if real is not None:
            for batch in _real_batches(real, first):
                yield Images(batch.images, files=batch.files)
        skipped = max(first - contents.real, 0)
        if passed.screen is None:
            for drawn in sampled(gan.gan, gan.state, key, own, first=skipped, scored=True):
                yield Images(drawn.images, scores=drawn.scores)
            return
        for kept in sifted(
            gan.gan, gan.state, key, own, passed.screen,
            first=skipped, class_names=contents.class_names,
        ):  # fmt: skip
            numbers = (kept.candidates, kept.copies, kept.unselected)
            columns = dict(zip(COLUMNS, numbers, strict=True))
            yield Images(kept.images, scores=kept.scores, numbers=columns)

    return make


def _warn_of_empty(contents: Contents, progress: Progress) -> None:
    counts = np.bincount(contents.labels, minlength=len(contents.class_names))
    empty = [quoted(contents.class_names[label]) for label in np.flatnonzero(counts == 0)]
    if empty:
        shown = ", ".join(empty[:5]) + (", ..." if len(empty) > 5 else "")
        progress.say(
            f"{len(empty)} of {len(counts)} classes get no image ({shown}): some readers of class "
            "folders refuse empty ones"
        )
