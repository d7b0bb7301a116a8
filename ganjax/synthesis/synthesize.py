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
from ganjax.synthesis.sample import labels_in_turn, sampled
from ganjax.synthesis.trained import Trained, load
from ganjax.synthesis.wish import Wish, in_turn, of_each, to_balance
from ganjax.training import GANState
from ganjax.training.watch import sampling_variables

REAL_AT_A_TIME = 256


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
    classes take turns as they do for a count. Real images are read only where the wish needs them.

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
    wanted = _wanted(wish, folder, gan.description, progress)
    real = _real(folder, gan.description, progress) if wish.include_real else None
    contents = _contents(gan, wanted, real, wish.seed, facts={"command": wish.command(run)})
    _warn_of_empty(contents, progress)
    make = _maker(gan, contents, real, wish.seed)
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


def _real(folder: Path, description: Description, progress: Progress) -> Dataset | Unread:
    """Return the real images, if they are those that the generator knows."""
    if description.classes is None:
        raise UserError(
            "--include-real: this GAN was trained without labels (--no-conditional), so its images "
            "cannot join the real ones' classes"
        )
    images = trained_on.real_images(folder, progress)
    shape = images.take(np.zeros(1, np.int64)).images.shape[1:]
    counts = np.bincount(images.labels, minlength=len(images.class_names))
    recorded = trained_on.recorded_counts(folder)
    if (
        tuple(images.class_names) != description.class_names
        or shape != (description.size, description.size, description.channels)
        or (recorded is not None and not np.array_equal(counts, recorded))
    ):
        raise UserError(
            f"--include-real: {quoted(description.source)} has changed since the GAN was trained "
            "on it (other classes, sizes or numbers of images): leave --include-real out"
        )
    return images


def _contents(
    gan: Trained, wanted: np.ndarray, real: Dataset | Unread | None, seed: int, facts: dict
) -> Contents:
    description = gan.description
    labels = labels_in_turn(wanted)
    return Contents(
        class_names=description.class_names or ("all",),
        shape=(description.size, description.size, description.channels),
        labels=labels if real is None else np.concatenate([real.labels, labels]),
        real=0 if real is None else len(real),
        digest="" if real is None else _digest(real),
        seed=seed,
        model=weights_checksum(gan.state),
        configuration={
            "jax": environment.version("jax"),
            "jaxlib": environment.version("jaxlib"),
            "backend": jax.default_backend(),
        },
        facts={
            **facts,
            "trained_on": description.source,
            "updates": gan.update,
            "gan": asdict(description.config),
        },
    )


def weights_checksum(state: GANState) -> str:
    """Return the SHA-256 of all that images are drawn from, in hexadecimal.

    It is that of, for each array by the order of its path, the line `PATH DTYPE SHAPE` and the
    array's bytes.
    """
    found = hashlib.sha256()
    leaves = jax.tree_util.tree_leaves_with_path(sampling_variables(state))
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
    for name, leaf in sorted(named.items()):
        array = np.asarray(leaf, order="C")
        shape = "x".join(map(str, array.shape))
        found.update(f"{name} {array.dtype} {shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _real_batches(real: Dataset | Unread, first: int) -> Iterator[Dataset]:
    for start in range(first, len(real), REAL_AT_A_TIME):
        yield real.take(np.arange(start, min(start + REAL_AT_A_TIME, len(real))))


def _digest(real: Dataset | Unread) -> str:
    found = hashlib.sha256()
    for batch in _real_batches(real, 0):
        found.update(np.ascontiguousarray(batch.images).data)
        found.update(np.ascontiguousarray(batch.labels, "<i4").data)
    return found.hexdigest()


def _maker(gan: Trained, contents: Contents, real: Dataset | Unread | None, seed: int) -> Make:
    """Return what makes a set's images from any number on: the real ones, then the others."""
    key = jax.random.key(seed)
    own = contents.labels[contents.real :]

    def make(first: int) -> Iterator[Images]:
        if real is not None:
            for batch in _real_batches(real, first):
                yield Images(batch.images, files=batch.files)
        skipped = max(first - contents.real, 0)
        for drawn in sampled(gan.gan, gan.state, key, own, first=skipped, scored=True):
            yield Images(drawn.images, scores=drawn.scores)

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
