"""A labelled set on disk from arrays in memory."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.data.export.claim import check_free, partial_folder
from ganjax.data.export.contents import Contents, Format, Images
from ganjax.data.export.writing import write_set
from ganjax.progress import Progress

AT_A_TIME = 256


def write_labelled_images(
    out: Path,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    *,
    generated: bool = False,
    form: Format = "folder",
    facts: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> None:
    """Write images and labels as an ordinary labelled set, all of it or nothing.

    Class folders of PNG read back as `folder:OUT`, an .npz as `npz:OUT/images.npz`, a prepared set
    as `tfds:ganjax_images` with the data folder OUT.

    Args:
      out: missing, or an empty folder.
      images: uint8 `[n, height, width, channels]`, 1 or 3 channels.
      labels: int32 `[n]`.
      class_names: what the labels mean.
      generated: whether a generator made them: they get its mark.
      form: "folder" (PNG files in class folders), "npz" or "tfds" (array_record).
      facts: further JSON values for the manifest.
      progress: where to tell how far it is.

    Raises:
      UserError: `out` is in use or cannot be written.
    """
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    check_free(Path(out))
    images, labels = np.asarray(images, np.uint8), np.asarray(labels, np.int32)
    contents = Contents(
        class_names=tuple(class_names),
        shape=images.shape[1:],
        labels=labels,
        real=0 if generated else len(labels),
        digest=digest(images, labels),
        facts=facts or {},
    )

    def make(first: int):
        for start in range(first, len(images), AT_A_TIME):
            yield Images(images[start : start + AT_A_TIME])

    try:
        write_set(out, contents, make, form=form, progress=progress)
    except BaseException:
        shutil.rmtree(partial_folder(out), ignore_errors=True)
        raise


def digest(images: np.ndarray, labels: np.ndarray) -> str:
    """Return the SHA-256 of images and labels, in hexadecimal."""
    found = hashlib.sha256(f"{images.shape}".encode())
    for start in range(0, len(images), AT_A_TIME):
        found.update(np.ascontiguousarray(images[start : start + AT_A_TIME]).data)
    found.update(np.ascontiguousarray(labels, "<i4").data)
    return found.hexdigest()
