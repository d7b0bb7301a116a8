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
      device_memory: GB of images that a device may hold; a larger set is streamed from where it
        lies. By default a quarter of the device's memory, on a CPU of the machine's.
      workers: processes that read the images of such a set; 0 for threads, which are faster unless
        images are decoded while it trains.
      cache: keep decoded images in the cache folder, and take them from there.
    """

    checkpoint_seconds: float = 60.0
    keep: int = 2
    on_disk_full: DiskFullRule = "stop"
    step_timeout: float | None = None
    deterministic: bool = False
    device_memory: float | None = None
    workers: int = 0
    cache: bool = True

    def __post_init__(self):
        one_of("on_disk_full", self.on_disk_full, get_args(DiskFullRule))
        at_least(self, 0, "checkpoint_seconds")
        at_least(self, 1, "keep")
        if self.step_timeout is not None:
            positive(self, "step_timeout")
        if self.device_memory is not None:
            at_least(self, 0, "device_memory")
        at_least(self, 0, "workers")
