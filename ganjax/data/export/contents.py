"""What a labelled set is to hold, known before any image of it is made."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from ganjax.data.export.names import folder_names
from ganjax.environment import version

Format = Literal["folder", "npz", "tfds"]
FORMATS: tuple[Format, ...] = get_args(Format)

MAKER = f"ganjax {version('ganjax')}"


class Images(NamedTuple):
    """Some images of a set, one after another.

    Attributes:
      pixels: uint8 `[k, height, width, channels]`.
      scores: float32 `[k]`, what the discriminator says of each, or None.
      files: `[k]`, the names of the files that they came from, or None.
      numbers: of generated ones, the values of each of the set's further columns, int `[k]` each.
    """

    pixels: np.ndarray
    scores: np.ndarray | None = None
    files: np.ndarray | None = None
    numbers: Mapping[str, np.ndarray] = MappingProxyType({})


Make = Callable[[int], Iterator[Images]]
"""Makes a set's images in order, from the one of a number on, as many at a time as it likes."""


@dataclass(frozen=True)
class Contents:
    """A labelled set, without its images: real ones first, if there are any, then generated ones.

    Attributes:
      class_names: what the labels mean.
      shape: height, width and channels of every image.
      labels: int32 `[n]`.
      real: how many of them, the first ones, are real.
      digest: SHA-256 of whatever else decides the real images; empty where there are none.
      seed: of the generated ones' latents, or None.
      model: SHA-256 of the generator's weights; empty where there is none.
      configuration: what else decides the bytes, as JSON values.
      facts: what else the manifest is to tell, as JSON values.
      columns: further columns of the table, whole numbers of each generated image.
      totals: those of them that the manifest adds up.
    """

    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    labels: np.ndarray
    real: int = 0
    digest: str = ""
    seed: int | None = None
    model: str = ""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """A safe name for each class, by label."""
        return tuple(folder_names(self.class_names))

    def counts(self, *, real: bool) -> list[int]:
        """Count the images of each class, of the real or of the generated ones."""
        own = self.labels[: self.real] if real else self.labels[self.real :]
        return np.bincount(own, minlength=len(self.class_names)).tolist()

    def origin(self, number: int) -> tuple[str, int]:
        """Return "real" or "generated", and the image's index among those."""
        if number < self.real:
            return "real", number
        return "generated", number - self.real

    def marks(self, number: int) -> dict[str, str]:
        """Return what is written into the file of an image: of a generated one, that it is one."""
        kind, index = self.origin(number)
        if kind == "real":
            return {}
        marks = {
            "Software": MAKER,
            "ganjax:generated": "1",
            "ganjax:seed": "" if self.seed is None else str(self.seed),
            "ganjax:index": str(index),
            "ganjax:label": str(self.labels[number]),
            "ganjax:model": self.model,
        }
        return {name: value for name, value in marks.items() if value}

    def identity(self, form: Format) -> dict[str, Any]:
        """Return all that decides a set's bytes, as JSON values to be compared."""
        packages = ("ganjax", "numpy", *(["tensorflow-datasets"] if form == "tfds" else []))
        return {
            "format": form,
            "images": len(self),
            "size": "x".join(map(str, self.shape)),
            "classes": list(self.class_names),
            "folders": list(self.folders),
            "generated": dict(zip(self.folders, self.counts(real=False), strict=True)),
            "real": dict(zip(self.folders, self.counts(real=True), strict=True)),
            "real_images": self.digest,
            "seed": self.seed,
            "model": self.model,
            "configuration": dict(self.configuration),
            "versions": {
                **{name: version(name) for name in packages},
                "zlib": zlib.ZLIB_RUNTIME_VERSION,
            },
        }
