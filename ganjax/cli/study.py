"""`ganjax study`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from rich.table import Table
from tyro.conf import Positional, arg

from ganjax.cli.verb import console, only
from ganjax.config import Reading, Select, StudyConfig, Upkeep
from ganjax.terminal import Terminal


@dataclass(frozen=True, kw_only=True)
class Study(StudyConfig, Upkeep):
    """Say whether generated images would help a classifier trained on few labelled images.

    Trains it on real images, with classical transforms, with generated images and with both, from
    fresh draws, and judges each once on a sealed test set. Leaves results.json and report.html.
    Run again, the same command goes on where it stopped.

    Examples:
      ganjax study digits --out runs/digits
      ganjax study digits --out runs/first-look --preset quick
      ganjax study tfds:fashion_mnist --data-dir ~/tensorflow_datasets --per-class 100 --out runs/f
      ganjax study folder:photos --out runs/photos --classifier.flip --dry-run
      ganjax study digits --out runs/selected --select agreement --keep-fraction 0.5
      ganjax study digits --out runs/few --per-class 10 --unlabelled rest --arms semi-supervised
    """

    source: Positional[str]
    """Where the images come from: digits, tfds:NAME, folder:PATH, zip:PATH or npz:PATH."""
    reading: Annotated[Reading, arg(name="")] = field(default_factory=Reading)
    """How the images are read."""
    out: Path
    """The study's folder; created, or continued."""
    select: Select = "none"
    """Train on samples that a classifier of the training images, or the discriminator, likes best;
    validation chooses among such filters. Copies of training images are dropped either way."""
    keep_fraction: float | None = None
    """How many of each class are selected; by default half, or those the classifier agrees with."""
    leak_detector: bool = True
    """Look for transforms of T(x) in the first replicate's samples."""
    side_by_side: int | None = None
    """Replicates to run at a time, spread over the devices: the time changes, not the answer. By
    default all of them on several devices or an accelerator, one after another on a single CPU."""
    dry_run: bool = False
    """Only print what would be done: configuration, parameters, memory, numbers of updates."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax import study

        config = only(StudyConfig, self)
        if self.dry_run:
            lines = study.dry_run(config, self.out, Terminal(), side_by_side=self.side_by_side)
            print("\n".join(lines))
            return
        found = study.study(
            config,
            self.out,
            side_by_side=self.side_by_side,
            upkeep=only(Upkeep, self),
            command=command,
            progress=Terminal(),
        )
        _write_report(self.out, found)
        _print_study(found)
        print(f"\n{self.out / 'report.html'}\n{self.out / 'results.json'}")


def _write_report(out: Path, found: dict[str, Any]) -> None:
    import numpy as np

    from ganjax import report

    with np.load(out / "pictures.npz", allow_pickle=False) as pictures:
        report.write(out / "report.html", found, dict(pictures))


def _print_study(found: dict[str, Any]) -> None:
    table = Table(title=f"Test accuracy, mean of {found['replicates']} replicates (95 % interval)")
    for column in ("arm", "accuracy", "interval", "balanced", "validation chose"):
        table.add_column(column)
    for arm, scores in found["arms"].items():
        accuracy = scores["accuracy"]
        balanced = sum(scores["balanced_accuracy"]) / len(scores["balanced_accuracy"])
        chosen = list(dict.fromkeys(map(_choice, scores["chosen"])))
        table.add_row(
            arm,
            f"{accuracy['mean']:.1%}",
            f"{accuracy['low']:.1%} to {accuracy['high']:.1%}",
            f"{balanced:.1%}",
            ", ".join(sorted(chosen)[:2]) + (", ..." if len(chosen) > 2 else ""),
        )
    screen = console()
    screen.print(table)
    screen.print(found["verdict"]["text"], style="bold", markup=False)
    for line in found["verdict"]["details"]:
        screen.print(line, markup=False)
    seconds = found["seconds"]
    parts = ", ".join(f"{name} {value:.0f}" for name, value in seconds.items() if name != "total")
    screen.print(f"{seconds['total']:.0f} s ({parts})", style="dim", markup=False)


def _choice(chosen: dict[str, Any]) -> str:
    """Say what validation chose for an arm in one replicate."""
    if "ratio" not in chosen:  # trained together with a GAN
        return f"weight {chosen['weight']:g}"
    return f"{chosen['ratio']:.0%} generated, strength {chosen['strength']:g}"
