"""What an evaluation must know of the images that a run's restorers were trained on.

RUN/images.json   the source, which split of it, and the images that were not trained on
RUN/watched.npz   patches of those, which the training was watched by
"""

import io
import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.errors import UserError, quoted

WORDS, PATCHES = "images.json", "watched.npz"


class About(NamedTuple):
    """What a run was trained on.

    Attributes:
      source: by the grammar of `ganjax.data.sources`.
      data_dir: where prepared TFDS sets were.
      split: of the source; None where it was taken whole.
      held_out: files of it that were not trained on.
      watched: patches of these, uint8 `[n, patch, patch, channels]`.
    """

    source: str
    data_dir: str | None
    split: str | None
    held_out: tuple[str, ...]
    watched: np.ndarray


def same_source(one: str, other: str) -> bool:
    """Say whether two names are of one source: paths that lead to one place are."""
    return resolved(one) == resolved(other)


def resolved(source: str) -> str:
    """Return a source by its whole path, so that it is found from any folder."""
    kind, _, path = source.partition(":")
    if kind in ("folder", "zip", "npz"):
        return f"{kind}:{Path(path).expanduser().resolve()}"
    return source


def write_about(run: Path, about: About) -> None:
    """Write it into a run's folder."""
    patches = io.BytesIO()
    np.savez_compressed(patches, watched=about.watched)
    write_bytes_atomically(run / PATCHES, patches.getvalue())
    words = {name: value for name, value in about._asdict().items() if name != "watched"}
    write_json_atomically(run / WORDS, words)


def read_about(run: Path) -> About:
    """Read what `write_about` wrote.

    Raises:
      UserError: it is not there, or damaged.
    """
    try:
        words = json.loads((Path(run) / WORDS).read_text())
        with np.load(Path(run) / PATCHES, allow_pickle=False) as file:
            watched = file["watched"]
        return About(**{**words, "held_out": tuple(words["held_out"])}, watched=watched)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{quoted(run)} does not tell what it was trained on ({error}): run its 'ganjax "
            "restore train' again"
        ) from None
