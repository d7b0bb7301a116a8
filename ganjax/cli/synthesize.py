"""`ganjax synthesize`."""

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from ganjax.terminal import Terminal


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
