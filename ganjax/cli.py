"""The command line: one verb per subcommand; it parses, calls and prints, and decides nothing."""

import dataclasses
import inspect
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import tyro
from rich.console import Console
from rich.table import Table
from tyro.conf import FlagCreatePairsOff, Positional

from ganjax import interruption
from ganjax.config import Preset, StudyConfig, TrainConfig, Upkeep, study_preset
from ganjax.errors import SealedTestError, UserError
from ganjax.interruption import Interrupted
from ganjax.progress import Silent
from ganjax.terminal import Terminal

USAGE = """usage: ganjax VERB ...

Would generated images help your classifier?

  ganjax study SOURCE --out DIR        the answer: real, + classical, + generated, + both
  ganjax train SOURCE --out RUN        train a GAN alone
  ganjax synthesize RUN --out DIR      write labelled images from a trained GAN
  ganjax doctor [RUN]                  versions, devices, what is missing; or what of RUN is whole

SOURCE is digits, tfds:NAME (with --data-dir) or folder:PATH (one folder per class).
Begin with:  ganjax study digits --out runs/digits
Help on a verb:  ganjax study --help
"""


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
    """

    source: Positional[str]
    """Where the images come from: digits, tfds:NAME or folder:PATH."""
    out: Path
    """The study's folder; created, or continued."""
    side_by_side: int | None = None
    """Replicates to run at a time, spread over the devices: the time changes, not the answer. By
    default all of them on several devices or an accelerator, one after another on a single CPU."""
    dry_run: bool = False
    """Only print what would be done: configuration, parameters, memory, numbers of updates."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax import study

        config = _only(StudyConfig, self)
        if self.dry_run:
            lines = study.dry_run(config, self.out, Terminal(), side_by_side=self.side_by_side)
            print("\n".join(lines))
            return
        found = study.study(
            config,
            self.out,
            side_by_side=self.side_by_side,
            upkeep=_only(Upkeep, self),
            command=command,
            progress=Terminal(),
        )
        _write_report(self.out, found)
        _print_study(found)
        print(f"\n{self.out / 'report.html'}\n{self.out / 'results.json'}")


@dataclass(frozen=True, kw_only=True)
class Train(TrainConfig, Upkeep):
    """Train a GAN alone, in a folder that `ganjax synthesize` draws labelled images from.

    Run again, the same command goes on where it stopped.

    Examples:
      ganjax train digits --out runs/gan
      ganjax train folder:photos --out runs/photos --gan.updates 20000
    """

    source: Positional[str]
    """Where the images come from: digits, tfds:NAME or folder:PATH."""
    out: Path
    """The run's folder; created, or continued. Several processes must share it."""
    devices: int | None = None
    """Devices that each batch is spread over; by default all that JAX sees. They change the time,
    not the outcome: other devices may continue a run."""
    shard_state: bool = False
    """Spread the parameters and the optimizers' state over the devices too: for large networks."""
    distributed: str | None = None
    """Train with other processes: HOST:PORT of process 0, or auto under SLURM, Kubernetes, Open MPI
    and on TPU pods."""
    processes: int | None = None
    """How many processes there are, for --distributed HOST:PORT."""
    process_id: int | None = None
    """Which of them this one is, from 0."""
    heartbeat: float = 20.0
    """Seconds without a sign from another process after which this one ends, with code 75."""
    dry_run: bool = False
    """Only print what would be done: configuration, parameters, memory, numbers of updates."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax.synthesis import train_run
        from ganjax.training import distributed, sharding

        config = _only(TrainConfig, self)
        if self.dry_run:
            print("\n".join(train_run.dry_run(config, self.out, Terminal())))
            return
        together: AbstractContextManager[None] = nullcontext()
        if self.distributed is not None:
            together = distributed.session(
                self.distributed, self.processes, self.process_id, heartbeat=self.heartbeat
            )
        elif self.processes is not None or self.process_id is not None:
            raise UserError("--processes and --process-id need --distributed HOST:PORT")
        with together:
            first = distributed.is_first()
            train_run.train(
                config,
                self.out,
                mesh=sharding.make_mesh(self.devices),
                shard_state=self.shard_state,
                upkeep=_only(Upkeep, self),
                command=command,
                progress=Terminal() if first else Silent(),
            )
        if first:
            print(
                f"{self.out}: trained. Next: ganjax synthesize {self.out} --count 100 --out images"
            )


@dataclass(frozen=True, kw_only=True)
class Synthesize:
    """Write labelled images from a trained GAN: one folder per class, and a manifest.

    The images it was trained on are not needed. Image i is the same whatever the count.

    Examples:
      ganjax synthesize runs/gan --count 1000 --out images
      ganjax synthesize runs/digits/replicates/0 --count 100 --out images
    """

    run_folder: Positional[Path]
    """The --out of a `ganjax train`, or STUDY/replicates/N."""
    out: Path
    """A new folder for the images."""
    count: int = 1000
    """How many images, over all classes in turn."""
    seed: int = 0
    """Of the latents."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax.synthesis import train_run

        train_run.synthesize(
            self.run_folder,
            self.out,
            count=self.count,
            seed=self.seed,
            command=command,
            progress=Terminal(),
        )
        print(f"{self.out}: {self.count} images and manifest.json")


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Tell versions, devices and memory, and what is missing for what; or examine a run.

    Of a run it says what is whole, whether somebody works in it, and how to go on; nothing is
    changed. Exit code 1 if anything is damaged.

    Examples:
      ganjax doctor
      ganjax doctor runs/gan
    """

    run_folder: Positional[Path | None] = None
    """The --out of a train or study."""

    def run(self, command: str) -> None:
        """Do it."""
        if self.run_folder is not None:
            _print_examination(self.run_folder)
            return
        from ganjax import environment

        table = Table.grid(padding=(0, 2))
        facts = environment.describe()
        packages = facts.pop("packages")
        for name, value in {**facts, **packages, "cache": environment.cache_folder()}.items():
            table.add_row(name, "missing" if value is None else str(value))
        _console().print(table)
        for name, use in environment.missing().items():
            print(f"without {name}: no {use}")


VERBS: dict[str, type] = {
    "study": Study, "train": Train, "synthesize": Synthesize, "doctor": Doctor,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what the user can mend is printed as one line, with exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE)
        sys.exit(0 if arguments else 2)
    if arguments[0] == "--version":
        import ganjax

        print(ganjax.__version__)
        sys.exit(0)
    try:
        with interruption.honour_signals():
            _run(arguments)
    except (UserError, SealedTestError) as error:
        print(f"ganjax: error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"ganjax: error: {error}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as stop:
        again = shlex.join(["ganjax", *arguments])
        print(f"ganjax: stopped by {stop.signal}; to go on: {again}", file=sys.stderr)
        sys.exit(interruption.EXIT_CODE)


def _run(arguments: list[str]) -> None:
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        raise UserError(f"unknown verb {verb!r}: give {', '.join(VERBS)}")
    wanted = tyro.cli(
        VERBS[verb],
        args=rest,
        prog=f"ganjax {verb}",
        description=inspect.getdoc(VERBS[verb]),  # tyro's own reading leaves the examples out
        config=(FlagCreatePairsOff,),
        **_defaults(verb, rest),
    )
    from ganjax import environment

    environment.use_compilation_cache()
    if getattr(wanted, "deterministic", False):
        environment.be_deterministic()
    wanted.run(shlex.join(["ganjax", *arguments]))


def _defaults(verb: str, rest: list[str]) -> dict[str, Any]:
    """Return the defaults of `study` under the preset that the arguments name."""
    if verb != "study":
        return {}
    preset = "standard"
    for i, word in enumerate(rest):
        if word == "--preset" and i + 1 < len(rest):
            preset = rest[i + 1]
        elif word.startswith("--preset="):
            preset = word.partition("=")[2]
    if preset not in get_args(Preset):
        raise UserError(f"--preset must be one of {', '.join(get_args(Preset))}, not {preset!r}")
    values = dict(vars(study_preset(preset, source="")))  # type: ignore[arg-type]
    values |= {"source": tyro.MISSING, "out": tyro.MISSING}
    return {"default": Study(**values)}


def _only(kind: Callable, verb: Any) -> Any:
    """Return the configuration inside a verb."""
    return kind(**{f.name: getattr(verb, f.name) for f in dataclasses.fields(kind)})  # type: ignore[arg-type]


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
        chosen = {(row["ratio"], row["strength"]) for row in scores["chosen"]}
        table.add_row(
            arm,
            f"{accuracy['mean']:.1%}",
            f"{accuracy['low']:.1%} to {accuracy['high']:.1%}",
            f"{balanced:.1%}",
            ", ".join(f"{ratio:.0%} generated, strength {s:g}" for ratio, s in sorted(chosen)[:2])
            + (", ..." if len(chosen) > 2 else ""),
        )
    console = _console()
    console.print(table)
    console.print(found["verdict"]["text"], style="bold", markup=False)
    for line in found["verdict"]["details"]:
        console.print(line, markup=False)
    seconds = found["seconds"]
    parts = ", ".join(f"{name} {value:.0f}" for name, value in seconds.items() if name != "total")
    console.print(f"{seconds['total']:.0f} s ({parts})", style="dim", markup=False)


def _print_examination(run: Path) -> None:
    from ganjax.study.examine import examine

    found = examine(run)
    table = Table.grid(padding=(0, 2))
    for finding in found.findings:
        table.add_row(finding.what, finding.wrong or "whole")
    console = _console()
    console.print(table)
    console.print(f"{run}: a {found.kind}, {found.state}; {found.advice}", markup=False)
    if found.damaged:
        console.print(f"{len(found.damaged)} of {len(found.findings)} damaged", markup=False)
        sys.exit(1)


def _console() -> Console:
    return Console(highlight=False)
