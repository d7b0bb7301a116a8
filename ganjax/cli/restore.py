"""`ganjax restore`: train, apply, evaluate."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from ganjax.cli.verb import only
from ganjax.config import RestorationConfig, Upkeep
from ganjax.errors import quoted
from ganjax.terminal import Terminal

if TYPE_CHECKING:
    from ganjax.restoration.trained import TrainedRestorer

USAGE = """usage: ganjax restore VERB ...

A degraded image in, a better one out; always compared with the original.

  ganjax restore train SOURCE --degradation noise:25 --out RUN   learn to undo a degradation
  ganjax restore apply RUN SOURCE --out DIR                      restore images; originals stay
  ganjax restore evaluate RUN SOURCE                             degrade, restore, compare

SOURCE is any folder of images (folder:PATH), zip:PATH, npz:PATH, tfds:NAME (--data-dir) or digits.
Help on a verb:  ganjax restore train --help
"""


@dataclass(frozen=True, kw_only=True)
class Train(RestorationConfig, Upkeep):
    """Train restorers that undo a degradation: one by pixel loss alone, and against adversaries.

    Any folder of images will do: originals are degraded as they are drawn, other random numbers
    each time. Degradations are noise:25, noise:5-55 (drawn for each image), poisson:30,
    salt-pepper:0.1, blur:1.6, motion:9, down:2, box:0.25, strokes:0.2, jpeg:10, or several joined
    (blur:1.6+noise:5), or denoise, deblur, inpaint, super-resolve, deblock. Run again, the same
    command goes on where it stopped.

    Examples:
      ganjax restore train folder:photos --degradation noise:25 --out runs/denoise
      ganjax restore train digits --degradation blur:1 --restorer.updates 1000 --out runs/digits
      ganjax restore train folder:photos --degradation deblock --adversarial-weights --out runs/jpeg
    """

    source: Positional[str]
    """Where the originals come from: folder:PATH, zip:PATH, npz:PATH, tfds:NAME or digits. Labels
    are not needed."""
    degradation: str
    """What is to be undone."""
    out: Path
    """The run's folder; created, or continued."""
    devices: int | None = None
    """Devices that each batch is spread over; by default all that JAX sees."""
    shard_state: bool = False
    """Spread the parameters and the optimizers' state over the devices too."""
    dry_run: bool = False
    """Only print what would be done."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax.progress import Silent
        from ganjax.restoration import train_run
        from ganjax.training import distributed, sharding

        config = only(RestorationConfig, self)
        if self.dry_run:
            print("\n".join(train_run.dry_run(config, self.out, Terminal())))
            return
        found = train_run.train(
            config,
            self.out,
            mesh=sharding.make_mesh(self.devices),
            shard_state=self.shard_state,
            upkeep=only(Upkeep, self),
            command=command,
            progress=Terminal() if distributed.is_first() else Silent(),
        )
        if not distributed.is_first():
            return
        for own in found:
            print(_in_words(own))
        run = shlex.quote(str(self.out))
        print(f"{quoted(self.out)}: trained. Next: ganjax restore evaluate {run} SOURCE")
        print(f"or: ganjax restore apply {run} folder:PATH --out restored")


def _in_words(own: "TrainedRestorer") -> str:
    signs, weight = own.signs, own.description.weight
    against = f"against an adversary of weight {weight:g}" if weight else "without an adversary"
    if not signs["update"]:
        return against
    after, before = signs["psnr"][-1], signs["degraded_psnr"][-1]
    return f"{against}: other images' patches have {after:.2f} dB, degraded {before:.2f} dB"


@dataclass(frozen=True, kw_only=True)
class Apply:
    """Restore images into a folder. The originals are never touched.

    Folders and names stay, all are written as PNG. Run again, the same command goes on.

    Examples:
      ganjax restore apply runs/denoise folder:scans --out restored
      ganjax restore apply runs/denoise folder:scans --out plain --weight 0
    """

    run_folder: Annotated[Positional[Path], arg(metavar="RUN")]
    """The --out of a `ganjax restore train`."""
    source: Annotated[Positional[str], arg(metavar="SOURCE")]
    """The degraded images: folder:PATH, zip:PATH, npz:PATH, tfds:NAME or digits."""
    out: Path
    """Where the restored images go: a new folder, or one that the same command began."""
    weight: float | None = None
    """By which restorer: that of this adversarial weight. By default the largest that RUN has; 0
    invents least."""
    split: Literal["train", "validation", "test", "unlabelled"] | None = None
    """Restore only this split of the source."""
    data_dir: str | None = None
    """Where prepared TFDS sets are."""
    on_bad: Literal["skip", "fail"] = "skip"
    """What is done about what cannot be restored: left out and listed in quarantine.json, or
    stop."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax.data.quarantine import summary
        from ganjax.restoration.apply import restore_source
        from ganjax.restoration.trained import load

        progress = Terminal()
        restorer = load(self.run_folder, self.weight, say=progress.say)
        done = restore_source(
            restorer.as_network(),
            self.source,
            self.out,
            model=restorer.checksum(),
            facts=restorer.facts(),
            data_dir=self.data_dir,
            split=self.split,
            on_bad=self.on_bad,
            command=command,
            progress=progress,
        )
        for line in done.notes:
            print(line)
        there = f", {done.before:,} were there" if done.before else ""
        print(f"{quoted(self.out)}: {done.restored:,} images restored{there}")
        print(f"by the restorer {restorer.in_words()}")
        if done.bad:
            print(f"{summary(done.bad)}: all in {quoted(self.out / 'quarantine.json')}")


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """Degrade originals, restore them, and say how near the originals they are.

    PSNR, SSIM and a distance of features, each with its interval over images, beside the degraded
    images and classical methods; with labels, what it is worth to a classifier. Writes a
    report with pictures, and results.json.

    Examples:
      ganjax restore evaluate runs/denoise folder:other-photos
      ganjax restore evaluate runs/fashion tfds:fashion_mnist --data-dir ~/tensorflow_datasets
    """

    run_folder: Annotated[Positional[Path], arg(metavar="RUN")]
    """The --out of a `ganjax restore train`."""
    source: Annotated[Positional[str], arg(metavar="SOURCE")]
    """The originals; of the source that was trained on, those that were not trained on count."""
    out: Path | None = None
    """Folder for report.html and results.json; by default RUN/evaluation."""
    degradation: str | None = None
    """By default what the run was trained to undo."""
    split: Literal["train", "validation", "test", "unlabelled"] | None = None
    """Only this split; by default "test" where the source has one."""
    images: int | None = None
    """So many of the images, drawn by the seed; by default all."""
    classical: bool = True
    """Compare with classical methods too; they need scikit-image."""
    data_dir: str | None = None
    """Where prepared TFDS sets are."""
    seed: int = 0
    """Of the degradation's random numbers."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax.report import restoration as report
        from ganjax.restoration.evaluate_run import evaluate
        from ganjax.restoration.results import in_words

        out = self.out or self.run_folder / "evaluation"
        found = evaluate(
            self.run_folder,
            self.source,
            out,
            degradation=self.degradation,
            split=self.split,
            images=self.images,
            classical=self.classical,
            data_dir=self.data_dir,
            seed=self.seed,
            command=command,
            progress=Terminal(),
        )
        report.write(out / "report.html", found.results, found.pictures)
        for line in in_words(found.results):
            print(line)
        print(f"the report: {quoted(out / 'report.html')}")


VERBS: dict[str, type] = {"train": Train, "apply": Apply, "evaluate": Evaluate}
