"""How a run is kept safe while it goes on, which decides nothing of what comes out."""

from dataclasses import dataclass
from typing import Literal, get_args

from ganjax.config.checks import at_least, one_of, positive

DiskFullRule = Literal["stop", "go-on"]


@dataclass(frozen=True)
class Upkeep:
    """How a training is kept safe while it runs. It decides nothing of what comes out.

    Attributes:
      checkpoint_seconds: between checkpoints of the whole state.
      keep: checkpoints that are kept, the newest ones; each holds the best generator so far too.
      on_disk_full: "stop" where a checkpoint cannot be written, or "go-on" without it as long as
        there is something to compute.
      step_timeout: seconds that one compiled call may take, with its compilation and what follows
        it, before the run ends and says where it hung; None for no limit.
      deterministic: add up in the same order every time on a GPU too, which is slower: a run that
        goes on is then the very same; on a CPU it is anyway.
    """

    checkpoint_seconds: float = 60.0
    keep: int = 2
    on_disk_full: DiskFullRule = "stop"
    step_timeout: float | None = None
    deterministic: bool = False

    def __post_init__(self):
        one_of("on_disk_full", self.on_disk_full, get_args(DiskFullRule))
        at_least(self, 0, "checkpoint_seconds")
        at_least(self, 1, "keep")
        if self.step_timeout is not None:
            positive(self, "step_timeout")
