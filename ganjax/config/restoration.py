"""How restorers are trained, and all that decides the outcome of a run of them."""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from ganjax.config.checks import at_least, check_seed, one_of, positive
from ganjax.config.degradations import parse as parse_degradation
from ganjax.config.networks import LossName, Precision
from ganjax.config.reading import BadRule
from ganjax.errors import UserError

RestorerNetwork = Literal["residual", "unet"]
PixelLoss = Literal["l1", "l2", "charbonnier"]

PIXELS_PER_BATCH = 4 * 64**2
MOST_PER_BATCH = 64

_BY_NETWORK = {"residual": {"width": 32, "depth": 10}, "unet": {"width": 16, "depth": 3}}


@dataclass(frozen=True)
class RestorerConfig:
    """How a restorer is trained.

    Attributes:
      network: "residual", a stack of convolutions (arXiv 1608.03981), or "unet" (arXiv 1505.04597).
      width: channels of its layers, at the full size; by default 32, for unet 16.
      depth: convolutions of "residual", 10 by default; sizes of "unet", 3 by default.
      shuffled: side of the blocks of pixels that "residual" first turns into channels, which makes
        it as much faster as a block has pixels (arXiv 1710.04026), but learns far more slowly; 1
        for none.
      pixel_loss: "l1", "l2" or "charbonnier", a smooth l1.
      discriminator_width: channels of its first layer.
      adversarial_loss: of restored images against originals.
      patch: side in pixels of the patches that are trained on; smaller images are seen whole.
      turned: turn and mirror patches at random, which restoration may, unlike classification.
      batch_size: patches per update; by default 4 of 64 pixels a side, of smaller ones as many
        more as make as many pixels, but 64 at most.
      learning_rate: of Adam, for the restorer; it rises over the first updates, a fiftieth of
        all, and falls to 0 along a cosine.
      discriminator_learning_rate: of Adam, for the discriminator.
      ema_decay: per update, of the averaged restorer that images are restored by.
      updates: of each network.
      precision: as of a GAN.
    """

    network: RestorerNetwork = "residual"
    width: int | None = None
    depth: int | None = None
    shuffled: int = 1
    pixel_loss: PixelLoss = "charbonnier"
    discriminator_width: int = 32
    adversarial_loss: LossName = "relativistic"
    patch: int = 64
    turned: bool = True
    batch_size: int | None = None
    learning_rate: float = 2e-3
    discriminator_learning_rate: float = 2e-4
    ema_decay: float = 0.999
    updates: int = 5000
    precision: Precision = "auto"

    def for_images(self, smallest_side: int) -> "RestorerConfig":
        """Return the configuration with everything filled in that was not given.

        Args:
          smallest_side: the shortest height or width of all training images, in pixels.
        """
        patch = min(self.patch, smallest_side)
        batch_size = self.batch_size or min(PIXELS_PER_BATCH // patch**2, MOST_PER_BATCH)
        own = _BY_NETWORK[self.network]
        return replace(
            self,
            patch=patch,
            batch_size=max(batch_size, 1),
            width=self.width or own["width"],
            depth=self.depth or own["depth"],
        )

    def in_words(self) -> str:
        """Say what a complete configuration is."""
        return (
            f"network {self.network} of width {self.width} and depth {self.depth}, loss "
            f"{self.pixel_loss}, patches of {self.patch} pixels"
            f"{', turned and mirrored' if self.turned else ''}, {self.batch_size} per update, "
            f"{self.updates:,} updates"
        )

    def __post_init__(self):
        one_of("network", self.network, get_args(RestorerNetwork))
        one_of("pixel_loss", self.pixel_loss, get_args(PixelLoss))
        one_of("adversarial_loss", self.adversarial_loss, get_args(LossName))
        one_of("precision", self.precision, get_args(Precision))
        if self.adversarial_loss == "three_terms":
            raise UserError("adversarial_loss three_terms needs a T(x): give hinge, say")
        at_least(self, 1, "shuffled", "discriminator_width", "updates")
        at_least(self, 8, "patch")
        positive(self, "learning_rate", "discriminator_learning_rate")
        for name in ("width", "depth", "batch_size"):
            if getattr(self, name) is not None:
                at_least(self, 2 if name == "depth" and self.network == "residual" else 1, name)
        if not 0 <= self.ema_decay <= 1:
            raise UserError(f"ema_decay must be from 0 to 1, not {self.ema_decay}")


@dataclass(frozen=True)
class RestorationConfig:
    """All that decides the outcome of a training of restorers.

    Attributes:
      source: where the originals come from, by the grammar of `ganjax.data.sources`; labels are
        not needed, and any folder of images will do.
      degradation: what is to be undone, by the grammar of `ganjax.config.degradations`.
      data_dir: where prepared TFDS sets are.
      split: train on this split of the source alone; by default on "train" where it has splits.
      channels: 1 (grey) or 3 (colour); by default grey only where every image is.
      on_bad: what is done about files that are no image, or too small: "skip" leaves them out and
        lists them, "fail" stops.
      seed: of every random choice.
      validation_fraction: part of the images that is never trained on, but watches the training.
      adversarial_weights: of the adversarial loss beside the pixel loss; a restorer is trained for
        each, and always one without an adversary, to compare with.
      feature_weight: of the distance between what a classifier sees of restored images and of
        originals; it needs images of one size with labels. 0 for none.
      restorer: how each is trained.
    """

    source: str
    degradation: str
    data_dir: str | None = None
    split: str | None = None
    channels: int | None = None
    on_bad: BadRule = "skip"
    seed: int = 0
    validation_fraction: float = 0.1
    adversarial_weights: tuple[float, ...] = (0.003,)
    feature_weight: float = 0.0
    restorer: RestorerConfig = field(default_factory=RestorerConfig)

    def __post_init__(self):
        plain = "+".join(map(str, parse_degradation(self.degradation)))
        object.__setattr__(self, "degradation", plain)  # one that was named otherwise is the same
        one_of("on_bad", self.on_bad, get_args(BadRule))
        check_seed(self.seed)
        at_least(self, 0, "feature_weight")
        if self.channels not in (None, 1, 3):
            raise UserError(f"--channels must be 1 (grey) or 3 (colour), not {self.channels}")
        if not 0 < self.validation_fraction < 1:
            raise UserError(
                f"validation_fraction must be between 0 and 1, not {self.validation_fraction}"
            )
        weights = tuple(sorted({0.0, *self.adversarial_weights}))
        if not all(0 <= weight < float("inf") for weight in weights):  # nor where one is no number
            raise UserError(f"--adversarial-weights must be at least 0, not {weights}")
        object.__setattr__(self, "adversarial_weights", weights)
