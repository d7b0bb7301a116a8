"""`ganjax synthesize`."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from ganjax.errors import UserError, quoted
from ganjax.terminal import Terminal


@dataclass(frozen=True, kw_only=True)
class Synthesize:
    """Write labelled images from a trained GAN, every one marked as generated, and a manifest.

    Run again, the same command goes on where it stopped, and ends with the same bytes. Image i is
    the same whatever the count. Copies of training images are dropped and replaced; the manifest
    tells. Where the training images are not at hand, no copies are looked for, and it says so.

    Examples:
      ganjax synthesize runs/gan --count 1000 --out images
      ganjax synthesize runs/digits --per-class 500 --out images
      ganjax synthesize runs/gan --per-class 3=200 8=50 --format npz --out images
      ganjax synthesize runs/gan --balance --include-real --out augmented
      ganjax synthesize runs/gan --select agreement --keep-fraction 0.5 --out selected
    """

    run_folder: Positional[Path]
    """The --out of a `ganjax train` or `ganjax study`, or STUDY/replicates/N."""
    out: Path
    """A new folder for the images."""
    count: int | None = None
    """How many images, over all classes in turn; 1000 where nothing else says how many."""
    per_class: tuple[str, ...] = ()
    """How many of each class; or CLASS=N, for some classes only."""
    balance: bool = False
    """As many of each class as it has fewer training images than the largest class."""
    include_real: bool = False
    """Write the training images too, as the GAN saw them: one augmented set."""
    form: Annotated[Literal["folder", "npz", "tfds"], arg(name="format")] = "folder"
    """Class folders of PNG files, one .npz file, or a prepared set of TensorFlow Datasets."""
    seed: int = 0
    """Of the latents."""
    select: Literal["none", "agreement", "discriminator"] = "none"
    """Keep samples that a classifier of the training images, or the discriminator, likes best."""
    keep_fraction: float | None = None
    """How many of each class are selected; by default half, or those the classifier agrees with."""
    truncation: float | None = None
    """Largest absolute value of a latent's numbers, such as 0.7: more typical, less varied."""
    expansion: float | None = None
    """Factor of a latent's numbers, such as 1.5: more varied; best with --select agreement."""
    keep_copies: bool = False
    """Keep copies of training images."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax.synthesis.synthesize import synthesize
        from ganjax.synthesis.wish import Wish

        wish = Wish(
            count=self.count,
            per_class=_per_class(self.per_class),
            balance=self.balance,
            include_real=self.include_real,
            form=self.form,
            seed=self.seed,
            select=self.select,
            keep_fraction=self.keep_fraction,
            truncation=self.truncation,
            expansion=self.expansion,
            keep_copies=self.keep_copies,
        )
        written = synthesize(self.run_folder, self.out, wish, command=command, progress=Terminal())
        total = written.real + written.generated
        parts = f" ({written.real} real, {written.generated} generated)" if written.real else ""
        there = "" if written.anew else ", all there already"
        print(f"{quoted(self.out)}: {total} images and manifest.json{parts}{there}")
        print(f"Read it as: {shlex.quote(self._source())}{self._data_dir()}")

    def _source(self) -> str:
        sources = {
            "folder": f"folder:{self.out}",
            "npz": f"npz:{self.out / 'images.npz'}",
            "tfds": "tfds:ganjax_images",
        }
        return sources[self.form]

    def _data_dir(self) -> str:
        return f" --data-dir {shlex.quote(str(self.out))}" if self.form == "tfds" else ""


def _per_class(words: tuple[str, ...]) -> int | dict[str, int] | None:
    """Read `N`, or `CLASS=N` for some classes, whose names may hold any sign."""
    if not words:
        return None
    named = [word.rpartition("=") for word in words]
    if not all(number.isdecimal() for _, _, number in named):
        raise UserError(f"--per-class takes N or CLASS=N, not {quoted(' '.join(words))}")
    if len(words) == 1 and not named[0][1]:
        return int(words[0])
    if not all(sign for _, sign, _ in named):
        raise UserError(
            f"--per-class takes one N, or CLASS=N for each class, not {quoted(' '.join(words))}"
        )
    if len({name for name, _, _ in named}) < len(named):
        raise UserError(f"--per-class names a class twice: {quoted(' '.join(words))}")
    return {name: int(number) for name, _, number in named}
