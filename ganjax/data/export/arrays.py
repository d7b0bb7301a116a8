"""A set as one .npz file, written piece by piece: its images are never in memory all at once."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ganjax.data.export.contents import Contents
from ganjax.data.export.stores import PixelFile

NAME = "images.npz"


def write_npz(
    path: Path, contents: Contents, pixels: PixelFile, tick: Callable[[int], None]
) -> None:
    """Write `images`, `labels`, `class_names` and `generated` (false for real images) as .npz.

    Nothing is compressed and nothing dated: the same arrays are the same bytes on any machine.

    Args:
      path: of the file.
      contents: of the set.
      pixels: its images.
      tick: told how many are written.
    """
    generated = np.arange(len(contents)) >= contents.real
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        with archive.open(_member("images"), "w", force_zip64=True) as file:
            shape = (len(contents), *contents.shape)
            described = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, described)
            done = 0
            for batch in pixels.images():
                file.write(batch.data)
                done += len(batch)
                tick(done)
        for name, array in {
            "labels": contents.labels.astype("<i4"),
            "class_names": np.array(contents.class_names, "<U"),
            "generated": generated,
        }.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
            archive.writestr(_member(name), content.getvalue())


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    return info
