"""What a person names: a source of images, or the folder of a run, which generates them."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ganjax.config import Reading
from ganjax.data import sources
from ganjax.data.dataset import Dataset, Source
from ganjax.data.duplicates import check_leakage
from ganjax.data.reading import tell
from ganjax.errors import UserError, quoted
from ganjax.progress import Progress
from ganjax.synthesis import trained_on
from ganjax.synthesis.sample import labels_in_turn, sample_images
from ganjax.synthesis.synthesize import weights_checksum
from ganjax.synthesis.trained import Trained, load

PER_CLASS = 500
"""Images of each class that a run makes as the real side."""


@dataclass(frozen=True)
class Reader:
    """How all images are read.

    Attributes:
      data_dir: where prepared TFDS sets are.
      reading: what size and channels images are brought to.
      cache: keep decoded images in the cache folder, and take them from there.
      progress: where to tell how far it is.
    """

    data_dir: str | None
    reading: Reading
    cache: bool
    progress: Progress

    def read(self, source: str, like: Source | None = None) -> Source:
        """Read a source, without padding its images.

        Args:
          source: as of `ganjax.data.sources`.
          like: a source whose size and channels its images are brought to.

        Raises:
          UserError: it cannot be used, its test images are among its training images, or it cannot
            be brought to that size.
        """
        reading = self.reading if like is None else _reading_like(like, self.reading)
        with self.progress.stage(f"read {quoted(source)}", 0, "images") as tick:
            found = sources.load(
                source,
                data_dir=self.data_dir,
                reading=reading,
                cache=self.cache,
                tell=lambda done, total: tick(done),
                say=self.progress.say,
            )
        tell(found, self.progress)
        if like is None:
            for line in check_leakage(found, reading):
                self.progress.say(line)
        elif found.train.images.shape[1:] != like.train.images.shape[1:]:
            raise UserError(
                f"{quoted(source)} has images of {_words(found.train)}, "
                f"{quoted(like.train.name)} of {_words(like.train)}: bring both to one size "
                "with --size"
            )
        return found


def is_source(name: str) -> bool:
    """Say whether a name is that of a source, right or wrong; else it is that of a folder."""
    kind, colon, _ = name.partition(":")
    return name == "digits" or (bool(colon) and not Path(name).is_dir()) or kind in sources.KINDS


@dataclass(frozen=True)
class Run:
    """A trained generator.

    Attributes:
      name: as it was given.
      folder: of the generator.
      gan: the generator.
    """

    name: str
    folder: Path
    gan: Trained

    @property
    def facts(self) -> dict[str, Any]:
        """What is to be known of it, as JSON values."""
        return {
            "trained_on": self.gan.description.source,
            "update": self.gan.update,
            "sha256": weights_checksum(self.gan.state),
        }

    def generate(self, counts: np.ndarray, seed: int, progress: Progress) -> Dataset:
        """Generate images.

        Args:
          counts: of each of its classes, int `[classes]`; `[1]` for a generator without labels.
          seed: of the latents.
          progress: where to tell how far it is.

        Returns:
          Labelled images; without class names where the generator knows none.
        """
        labels = labels_in_turn(counts)
        gan = self.gan
        with progress.stage(f"generate with {quoted(self.name)}", len(labels), "images") as tick:
            images = sample_images(gan.gan, gan.state, jax.random.key(seed), labels, tick=tick)
        return Dataset(self.name, images, labels, gan.description.class_names)

    def training_images(self, progress: Progress) -> np.ndarray | None:
        """Find the images again that it was trained on; None, saying so, where they are gone."""
        try:
            found = trained_on.parts(self.folder, progress)
            seen = [own for own in (found.fit, found.unlabelled) if own is not None]
            return np.concatenate([own.take(np.arange(len(own))).images for own in seen])
        except UserError as error:
            progress.say(str(error))
            return None


def find_run(name: str, progress: Progress) -> Run:
    """Load the generator of a run.

    Args:
      name: folder of a training, of a study's replicate, or of a study: then its first replicate.
      progress: where to say what else a person should know.

    Raises:
      UserError: there is no such folder, or it holds no generator.
    """
    path = Path(name).expanduser()
    if not path.is_dir():
        raise UserError(
            f"{quoted(name)} is neither a source nor the folder of a run: give {sources.GRAMMAR}, "
            "or the --out of a 'ganjax train' or 'ganjax study'"
        )
    folder = path
    if not (path / "generator.json").exists():
        replicates = [
            own.parent
            for own in path.glob("replicates/*/generator.json")
            if own.parent.name.isdecimal()
        ]
        if replicates:
            folder = min(replicates, key=lambda own: int(own.name))
            progress.say(f"{quoted(name)} is a study: the GAN is that of {quoted(folder)}")
    return Run(name, folder, load(folder, say=progress.say))


def as_source(run: Run, seed: int, progress: Progress) -> Source:
    """Let a run stand for the real side: what it makes of each class in turn."""
    classes = run.gan.description.classes
    if classes is None:
        raise UserError(
            f"{quoted(run.name)} was trained without labels (--no-conditional): it cannot be the "
            "real side"
        )
    return Source(run.generate(np.full(classes, PER_CLASS), seed, progress))


def check_size(run: Run, real: Dataset) -> None:
    """Refuse a generator of another size than the real images."""
    size, channels = run.gan.description.size, run.gan.description.channels
    if real.images.shape[1:] != (size, size, channels):
        raise UserError(
            f"{quoted(run.name)} makes images of {size}x{size} pixels and {channels} "
            f"channel{'s' if channels > 1 else ''}, {quoted(real.name)} has {_words(real)}: give "
            f"--size {size} --channels {channels}, as the run was trained"
        )


def split_of(run: Run) -> dict[str, Any]:
    """Return the `test_fraction` and `seed` by which a study sealed its test; else nothing."""
    try:
        config = json.loads((trained_on.run_of(run.folder) / "config.json").read_text())
        return {name: config[name] for name in ("test_fraction", "seed")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _reading_like(like: Source, reading: Reading) -> Reading:
    """Return how images are read that are to be compared with others."""
    _, height, width, channels = like.train.images.shape
    side = height if height == width else reading.size
    return replace(reading, size=side, channels=channels)


def _words(images: Dataset) -> str:
    _, height, width, channels = images.images.shape
    return f"{width}x{height} pixels and {channels} channel{'s' if channels > 1 else ''}"
