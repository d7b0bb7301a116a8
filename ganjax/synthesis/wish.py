"""What a person wants of a generator: how many images of which classes, and in which form."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ganjax.config.checks import check_seed, one_of
from ganjax.data.export import FORMATS, Format
from ganjax.errors import UserError, quoted
from ganjax.synthesis.select import Filter

SELECTIONS = ("none", "agreement", "discriminator")

COUNT = 1000
"""Images where nothing is said about how many."""


@dataclass(frozen=True)
class Wish:
    """What is to be written from a trained GAN.

    At most one of `count`, `per_class` and `balance` is given; without any, it is 1000 images.

    Attributes:
      count: how many to generate, over all classes in turn.
      per_class: how many of each class, or of some by their names.
      balance: as many of each class as its training images fall short of the largest class's.
      include_real: write the training images too, before the generated ones.
      form: "folder" (PNG files in class folders), "npz" or "tfds" (array_record).
      seed: of the latents.
      select: how samples are selected: "none", "agreement" (with a classifier of the training
        images) or "discriminator".
      keep_fraction: of each class, the part of the samples that is selected; by default half, and
        for "agreement" those that the classifier takes for their class.
      truncation: the largest absolute value of a latent's numbers; None for any.
      expansion: factor of a latent's numbers, above 1 for more varied images; None for 1.
      keep_copies: keep copies of training images, which are dropped otherwise.
    """

    count: int | None = None
    per_class: int | Mapping[str, int] | None = None
    balance: bool = False
    include_real: bool = False
    form: Format = "folder"
    seed: int = 0
    select: str = "none"
    keep_fraction: float | None = None
    truncation: float | None = None
    expansion: float | None = None
    keep_copies: bool = False

    def __post_init__(self):
        check_seed(self.seed)
        one_of("format", self.form, FORMATS)
        one_of("select", self.select, SELECTIONS)
        if self.keep_fraction is not None and not 0 < self.keep_fraction <= 1:
            raise UserError(
                f"--keep-fraction must be above 0 and at most 1, not {self.keep_fraction}"
            )
        if self.keep_fraction is not None and self.select == "none":
            raise UserError("--keep-fraction needs --select agreement or discriminator")
        if self.truncation is not None and not self.truncation > 0:
            raise UserError(f"--truncation must be above 0, such as 0.7, not {self.truncation}")
        if self.expansion is not None and not 0 < self.expansion < float("inf"):
            raise UserError(f"--expansion must be above 0, such as 1.5, not {self.expansion}")
        if self.truncation is not None and self.expansion is not None:
            raise UserError("give only one of --truncation and --expansion: one undoes the other")
        given = ["--count"] * (self.count is not None)
        given += ["--per-class"] * (self.per_class is not None) + ["--balance"] * self.balance
        if len(given) > 1:
            raise UserError(f"give only one of {' and '.join(given)}: each says how many images")
        if not given:
            object.__setattr__(self, "count", COUNT)
        if self.count is not None and self.count < 1:
            raise UserError(f"--count must be at least 1, not {self.count}")

    @property
    def filter(self) -> Filter:
        """How samples are selected."""
        return Filter(self.select, self.keep_fraction)  # type: ignore[arg-type]

    def command(self, run: Path) -> str:
        """Return the command line that makes the same set in a folder DIR."""
        words = ["ganjax", "synthesize", str(run)]
        if self.count is not None:
            words += ["--count", str(self.count)]
        elif isinstance(self.per_class, int):
            words += ["--per-class", str(self.per_class)]
        elif self.per_class is not None:
            words += ["--per-class", *(f"{name}={n}" for name, n in self.per_class.items())]
        words += ["--balance"] * self.balance + ["--include-real"] * self.include_real
        if self.select != "none":
            words += ["--select", self.select]
        if self.keep_fraction is not None:
            words += ["--keep-fraction", str(self.keep_fraction)]
        if self.truncation is not None:
            words += ["--truncation", str(self.truncation)]
        if self.expansion is not None:
            words += ["--expansion", str(self.expansion)]
        words += ["--keep-copies"] * self.keep_copies
        return shlex.join([*words, "--format", self.form, "--seed", str(self.seed), "--out", "DIR"])


def in_turn(count: int, classes: int) -> np.ndarray:
    """Return how many images each class gets of `count` in turn: int `[classes]`."""
    return count // classes + (np.arange(classes) < count % classes)


def of_each(class_names: tuple[str, ...], per_class: int | Mapping[str, int]) -> np.ndarray:
    """Return how many images each class gets: int `[classes]`.

    Raises:
      UserError: a class is none of these, or no image is wanted.
    """
    if isinstance(per_class, int):
        per_class = dict.fromkeys(class_names, per_class)
    found = np.zeros(len(class_names), np.int64)
    for name, number in per_class.items():
        if name not in class_names:
            known = ", ".join(map(quoted, class_names[:10]))
            more = ", ..." if len(class_names) > 10 else ""
            raise UserError(f"--per-class {quoted(name)}: no such class; there are {known}{more}")
        if number < 0:
            raise UserError(f"--per-class must be at least 0, not {number}")
        found[class_names.index(name)] = number
    if not found.any():
        raise UserError("--per-class asks for no image at all: give at least 1")
    return found


def to_balance(counts: np.ndarray) -> np.ndarray:
    """Return how many images each class falls short of the largest one: int `[classes]`.

    Raises:
      UserError: none does.
    """
    if counts.min() == counts.max():
        raise UserError(
            f"every class has {counts[0]} training images, so nothing is to be balanced: give "
            "--count or --per-class"
        )
    return counts.max() - counts
