"""How each network is trained: the GANs, and the classifiers of a study."""

from dataclasses import dataclass
from typing import Literal, get_args

from ganjax.config.checks import at_least, one_of, positive
from ganjax.config.situations import Situation, Transforms, settings_for, why
from ganjax.errors import UserError

Network = Literal["auto", "mlp", "dcgan", "resnet", "modern"]
LossName = Literal[
    "non_saturating",
    "minimax",
    "hinge",
    "least_squares",
    "wasserstein",
    "relativistic",
    "three_terms",
]
Precision = Literal["auto", "float32", "bfloat16"]
PolicyName = Literal["diffaugment", "classical", "none"]

_WEIGHTS = (
    "r1_weight",
    "r2_weight",
    "gradient_penalty_weight",
    "consistency_weight",
    "latent_consistency_weight",
    "lecam_weight",
)


@dataclass(frozen=True)
class GANConfig:
    """How a GAN is trained. What is None is as its situation has it (`ganjax.config.situations`).

    Attributes:
      situation: "tiny" (up to 50 training images per class), "small" (up to 500), "large", or
        "auto": by the training images. It gives the values below that are None.
      network: "mlp" (fully connected), "dcgan" (arXiv 1511.06434), "resnet" (residual: arXiv
        1802.05957; its discriminator spectrally normalised unless R1 and R2 are there), "modern"
        (residual, without normalisation: arXiv 2501.05441), or "auto": mlp for images of up to 16
        pixels a side, for larger ones the situation's.
      width: channels of the narrowest convolution, or units of the narrowest layer; by default 32
        for convolutional networks, 128 for mlp.
      latent_size: numbers that each image is made from.
      loss: the adversarial loss; None for "non_saturating" with mlp, else "relativistic". With
        all others that is the relativistic game, which much below depends on. "three_terms" is the
        tutorials', whose T(x) leaks into samples.
      augment: T(x), which real and generated images pass before the discriminator; None for
        diffaugment, but in the relativistic game for none where the situation is "small" or
        "large", and in "tiny" for diffaugment with `augment_adaptive`. Where T(x) comes always, as
        it does with one that is given without `augment_adaptive`, that game has the
        `learning_rate` 1e-3 and the `discriminator_pace` 1 if these are not given.
      augment_strength: factor on the limits of T(x); given alone, it brings T(x) where the
        situation has none.
      augment_adaptive: apply each transform of T(x) only as often as the discriminator overfits
        (arXiv 2006.06676). Without it the situation decides; `augment` alone means always.
      r1_weight: weight of the R1 penalty (arXiv 1801.04406); 0 leaves it out.
      r2_weight: of the same on generated images.
      penalty_every: reckon R1 and R2 once in so many updates, as many times as strong (lazy
        regularisation, arXiv 1912.04958): they are half the work. None for 4 in the relativistic
        game, else 1.
      gradient_penalty_weight: of WGAN-GP's penalty (arXiv 1704.00028); customary 10.
      consistency_weight: of balanced consistency under the classical transforms (arXiv 2002.04724);
        customary 10.
      latent_consistency_weight: of consistency under small changes of the latents (arXiv
        2002.04724) for the discriminator, a tenth of it for the generator; customary 5.
      lecam_weight: of LeCam's regularisation (arXiv 2104.03310); customary 0.3.
      learning_rate: of the generator's Adam, at first; None in the relativistic game for 2.5e-4
        with dcgan, 2e-3 with resnet, 1e-3 with modern, or 1e-3 where T(x) comes always, and for
        less above 10,000 updates; else for 1e-3 with dcgan and 2e-4 with the others.
      discriminator_pace: the discriminator's learning rate, which does not fall, as a multiple of
        that (two time scales, arXiv 1706.08500); None in the relativistic game for 4, but with
        resnet for 1, or 2 above 10,000 updates, and for 1 where T(x) comes always; else for 1.
      beta1: of Adam, for both networks; None in the relativistic game for 0 with resnet and modern,
        else for 0.5.
      annealed: whether the generator's learning rate falls along half a cosine, to 0 at the last of
        `updates` (arXiv 1608.03983). None in the relativistic game, where T(x) does not come
        always, for yes with resnet and modern, with dcgan above 10,000 updates; else for no.
      ema_decay: per update, of the averaged generator that samples are drawn from.
      batch_size: real images per update; None for 32 in the relativistic game, else 64.
      updates: updates of each network; None for 4,000 in the relativistic game, else 2,000.
      precision: what the networks compute in, "float32" or "bfloat16" (parameters, optimizer and
        statistics are float32 in both); "auto": bfloat16 on a GPU or TPU, float32 on a CPU.
    """

    situation: Situation = "auto"
    network: Network = "auto"
    width: int | None = None
    latent_size: int = 64
    loss: LossName | None = None
    augment: PolicyName | None = None
    augment_strength: float | None = None
    augment_adaptive: bool = False
    r1_weight: float | None = None
    r2_weight: float | None = None
    penalty_every: int | None = None
    gradient_penalty_weight: float = 0.0
    consistency_weight: float = 0.0
    latent_consistency_weight: float = 0.0
    lecam_weight: float = 0.0
    learning_rate: float | None = None
    discriminator_pace: float | None = None
    beta1: float | None = None
    annealed: bool | None = None
    ema_decay: float = 0.999
    batch_size: int | None = None
    updates: int | None = None
    precision: Precision = "auto"

    def for_data(self, size: int, per_class: float | None = None) -> "GANConfig":
        """Return the configuration with everything filled in that was not given.

        Args:
          size: of the images, in pixels a side.
          per_class: training images per class, on average; None where it is not known.
        """
        found = settings_for(
            self.situation, self.network, self.loss, size, per_class,
            updates=self.updates, transforms=self._transforms(),
        )  # fmt: skip
        given = {name: value for name, value in vars(self).items() if value not in (None, "auto")}
        if not self.augment_adaptive:  # then it was not given: T(x) was, or the situation has it
            del given["augment_adaptive"]
        found = {**vars(self), **found, **given}
        found["width"] = found["width"] or (128 if found["network"] == "mlp" else 32)
        return GANConfig(**found)

    def _transforms(self) -> Transforms | None:
        """Return what was given of T(x)."""
        if self.augment_adaptive:
            return "adaptive"
        if self.augment == "none":
            return "none"
        if self.augment:
            return "constant"
        return "some" if self.augment_strength else None

    @property
    def discriminator_learning_rate(self) -> float:
        """Of the discriminator's Adam, where the configuration is complete."""
        assert self.learning_rate is not None
        assert self.discriminator_pace is not None
        return self.learning_rate * self.discriminator_pace

    def in_words(self, per_class: float) -> str:
        """Say what a complete configuration is, and why."""
        weights = {
            "R1": self.r1_weight, "R2": self.r2_weight, "WGAN-GP": self.gradient_penalty_weight,
            "consistency": self.consistency_weight, "LeCam": self.lecam_weight,
            "latent consistency": self.latent_consistency_weight,
        }  # fmt: skip
        given = [f"{name} {weight:g}" for name, weight in weights.items() if weight]
        adaptive = ", as often as the discriminator overfits" if self.augment_adaptive else ""
        falling = " falling to 0" if self.annealed else ""
        alike = self.discriminator_pace == 1 and not self.annealed
        discriminator = "" if alike else f" (discriminator {self.discriminator_learning_rate:.3g})"
        momentum = "" if self.beta1 == 0.5 else f", beta1 {self.beta1:g}"
        transforms = f"T(x) at strength {self.augment_strength:g}{adaptive}"
        return (
            f"{why(self.situation, per_class)}; network {self.network} of width {self.width}, loss "
            f"{self.loss}, {', '.join(given) or 'no penalty'}, learning rate "
            f"{self.learning_rate:.3g}{falling}{discriminator}{momentum}, "
            f"{transforms if self.augment != 'none' else 'no T(x)'}, "
            f"{self.updates:,} updates of {self.batch_size} images"
        )

    def __post_init__(self):
        one_of("situation", self.situation, get_args(Situation))
        one_of("network", self.network, get_args(Network))
        if self.loss is not None:
            one_of("loss", self.loss, get_args(LossName))
        if self.augment is not None:
            one_of("augment", self.augment, get_args(PolicyName))
        one_of("precision", self.precision, get_args(Precision))
        at_least(self, 1, "latent_size", *_given(self, "width", "updates", "penalty_every"))
        at_least(self, 2, *_given(self, "batch_size"))
        at_least(self, 0, *_given(self, "augment_strength", *_WEIGHTS))
        positive(self, *_given(self, "learning_rate", "discriminator_pace"))
        for name in ("ema_decay", *_given(self, "beta1")):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if self.augment_adaptive and self.augment == "none":
            raise UserError("augment_adaptive needs T(x): give augment diffaugment or classical")
        if self.loss == "three_terms" and self.augment == "none":
            raise UserError(
                "the loss three_terms needs T(x): give augment diffaugment or classical"
            )


def _given(config: GANConfig, *names: str) -> list[str]:
    return [name for name in names if getattr(config, name) is not None]


@dataclass(frozen=True)
class ClassifierConfig:
    """How the classifiers of a study are trained, all alike, and what validation chooses from.

    Attributes:
      width: channels of the first convolution.
      learning_rate: of Adam.
      batch_size: images per update, real and generated together.
      updates: updates of each classifier, the same in every arm.
      ema_decay: per update, of the averaged weights that classifiers answer by, which are right
        more often and vary less than the last ones (`experiments/averaging.py`); 0 for the last.
      evaluations: how many times, evenly spaced, validation looks (and may choose to stop).
      seeds: classifiers per candidate, with other initial weights and batches; their mean counts.
      ratios: parts of each batch that may be generated; 0 is always among them.
      strengths: strengths of the classical policy; 0 is always among them. On small sets a
        quarter or a half of the limits is best (`experiments/choice.py`).
      learning_curve: also train on a quarter and on half of the real images, to say what a gain is
        worth in real images.
      control: also train, when all is chosen, with noise in place of generated images, which has to
        be beaten too: they may help by regularising alone.
      flip: whether mirroring left and right keeps an image's label. Never assumed.
      precision: what the networks compute in, as for the GAN.
    """

    width: int = 16
    learning_rate: float = 1e-3
    batch_size: int = 64
    updates: int = 800
    ema_decay: float = 0.99
    evaluations: int = 10
    seeds: int = 2
    ratios: tuple[float, ...] = (0.0, 0.25, 0.5)
    strengths: tuple[float, ...] = (0.0, 0.125, 0.25, 0.5)
    learning_curve: bool = True
    control: bool = True
    flip: bool = False
    precision: Precision = "auto"

    def __post_init__(self):
        one_of("precision", self.precision, get_args(Precision))
        at_least(self, 1, "width", "updates", "evaluations", "seeds")
        at_least(self, 2, "batch_size")
        positive(self, "learning_rate")
        if not 0 <= self.ema_decay < 1:
            raise UserError(
                "the classifiers' ema_decay must be at least 0 (the last weights) and below 1, not "
                f"{self.ema_decay}: try --classifier.ema-decay 0.99"
            )
        if self.updates % self.evaluations:
            raise UserError(
                f"updates ({self.updates}) must be a multiple of evaluations ({self.evaluations})"
            )
        for name in ("ratios", "strengths"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) < 2 or values[0] != 0 or sorted(set(values)) != list(values):
                raise UserError(
                    f"{name} must begin with 0 and rise, with at least two values, not {values}"
                )
            object.__setattr__(self, name, values)  # a list read from JSON becomes a tuple
        if self.ratios[-1] > 1:
            raise UserError(f"ratios are parts of a batch, at most 1, not {self.ratios[-1]}")
