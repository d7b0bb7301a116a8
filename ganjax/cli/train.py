"""`ganjax train`."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, get_args

from tyro.conf import Positional, arg

from ganjax.cli.verb import only
from ganjax.config import Objective, Reading, TrainConfig, Upkeep
from ganjax.errors import UserError
from ganjax.progress import Silent
from ganjax.terminal import Terminal

OBJECTIVES = "{" + ",".join(get_args(Objective)) + "}"


@dataclass(frozen=True, kw_only=True)
class Train(TrainConfig, Upkeep):
    """Train a GAN, in a folder that `ganjax synthesize` draws labelled images from.

    With an --objective, a classifier is trained together with it, for `ganjax classify`. Run again,
    the same command goes on where it stopped.

    Examples:
      ganjax train digits --out runs/gan
      ganjax train folder:photos --out runs/photos --gan.updates 20000
      ganjax train digits --objective auxiliary --out runs/digits
      ganjax train digits --objective semi-supervised --per-class 10 --unlabelled rest --out semi
    """

    source: Positional[str]
    """Where the images come from: digits, tfds:NAME, folder:PATH, zip:PATH or npz:PATH."""
    reading: Annotated[Reading, arg(name="")] = field(default_factory=Reading)
    """How the images are read."""
    # A string, so that the configuration refuses what there is not, in one line
    objective: Annotated[str, arg(metavar=OBJECTIVES)] = "gan"  # type: ignore[assignment]
    """What is trained: "gan" for images alone; "auxiliary" (arXiv 1610.09585), "three-player"
    (arXiv 1703.02291), "semi-supervised" (arXiv 1606.03498) for a classifier too."""
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

        config = only(TrainConfig, self)
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
                upkeep=only(Upkeep, self),
                command=command,
                progress=Terminal() if first else Silent(),
            )
        if first:
            print(
                f"{self.out}: trained. Next: ganjax synthesize {self.out} --count 100 --out images"
            )
            if config.objective != "gan":
                print(f"or, with its classifier: ganjax classify {self.out} folder:PATH")
