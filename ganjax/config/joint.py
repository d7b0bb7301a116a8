"""How a classifier is trained together with a GAN."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from ganjax.config.checks import at_least, one_of
from ganjax.config.networks import GANConfig
from ganjax.errors import UserError

Objective = Literal["gan", "auxiliary", "three-player", "semi-supervised"]
"""What a training is for: images alone, or images and a classifier."""

JOINT = tuple(name for name in get_args(Objective) if name != "gan")
"""The objectives that a classifier comes out of."""

JOINT_CUSTOMS: dict[str, Any] = {
    "augment": "diffaugment", "learning_rate": 1e-3, "discriminator_pace": 1.0, "batch_size": 64,
    "annealed": False, "penalty_every": 1, "updates": 2000,
}  # fmt: skip
"""Of all players where nothing is given: what classifiers are customarily trained with."""

NEEDS_UNLABELLED = ("semi-supervised",)

DEFAULTS: dict[str, dict[str, Any]] = {
    "auxiliary": {
        "class_weight": 0.9, "generator_class_weight": 0.5, "generated": 1.0,
        "consistency": 0.0, "entropy": 0.0, "pseudo_labels": 0.0, "pairs": 0.0,
    },
    "three-player": {
        "class_weight": 0.5, "generator_class_weight": 0.5, "generated": 0.5,
        "consistency": 0.0, "entropy": 0.0, "pseudo_labels": 0.0, "pairs": 0.0,
    },
    "semi-supervised": {
        "class_weight": 0.9, "generator_class_weight": 0.5, "generated": 0.0,
        "consistency": 1.0, "entropy": 0.0, "pseudo_labels": 1.0, "pairs": 0.0,
    },
}  # fmt: skip
"""What each objective has where nothing is given. Where one network has both objectives, 0.9 leaves
the classifier what it is alone, or better: on 6,000 images of Fashion-MNIST's training split, after
1,000 updates on all others without T(x), "auxiliary" is right about 87.5 % of them, at 0.5 about
84.6 %, the classifier alone about 85.9 %."""

_PARTS = ("class_weight", "generator_class_weight", "pairs")
_FACTORS = ("generated", "consistency", "entropy", "pseudo_labels")


@dataclass(frozen=True)
class JointConfig:
    """How a classifier is trained with a GAN. What is None is as its objective has it.

    Attributes:
      width: channels of the first of the classifier's convolutions; doubled twice. It is the
        classifier of a study; "auxiliary" and "semi-supervised" have it for a discriminator too.
      class_weight: of classification against the adversarial objective, in [0, 1], where one
        network has both: 0 trains a GAN alone, 1 a classifier alone. Their gradients are brought to
        the same norm first. At 1 the generator still has both.
      generator_class_weight: likewise for the generator, whose images are to be of their class.
      generated: factor of generated images, with their labels, in what the classifier learns.
      consistency: factor of the disagreement about two transforms of an image without label
        (arXiv 1610.02242).
      entropy: factor of how unsure the answer for such an image is; not for "three-player".
      pseudo_labels: factor of the cross-entropy of such an image by the class that the averaged
        classifier is sure of (arXiv 2001.07685).
      confidence: the probability from which it is, in [0, 1].
      aligned: take classes to be as common among images without label as among those with one, and
        correct answers for them by it before they count (arXiv 1911.09785).
      pairs: for "three-player" with unlabelled images: the part that these, with the classifier's
        labels, have in what the discriminator is to tell from real pairs (arXiv 1703.02291); 0.5
        in the paper.
      learning_rate: of Adam, for the third player's classifier; the discriminators that classify
        learn as the GAN does.
      ramp: updates over which `pseudo_labels` rises from 0; for "three-player" `generated` too.
      ema_decay: per update, of the averaged classifier that predictions are made by, and of the
        averaged generator: `GANConfig.ema_decay` is for a GAN alone.
    """

    width: int = 16
    class_weight: float | None = None
    generator_class_weight: float | None = None
    generated: float | None = None
    consistency: float | None = None
    entropy: float | None = None
    pseudo_labels: float | None = None
    confidence: float = 0.95
    aligned: bool = True
    pairs: float | None = None
    learning_rate: float = 1e-3
    ramp: int = 1000
    ema_decay: float = 0.999

    def for_objective(self, objective: Objective) -> "JointConfig":
        """Return the configuration with everything filled in that was not given.

        Raises:
          UserError: the objective trains no classifier, or has no such term.
        """
        one_of("objective", objective, JOINT)
        given = {name: value for name, value in vars(self).items() if value is not None}
        if objective != "three-player" and self.pairs:
            raise UserError(f"--joint.pairs is of three-player, not of {objective}: leave it out")
        return JointConfig(**{**vars(self), **DEFAULTS[objective], **given})

    def check(self, objective: Objective, gan: GANConfig, *, unlabelled: bool) -> None:
        """Refuse what an objective cannot be trained with.

        Args:
          objective: one of `JOINT`.
          gan: how the GAN is trained.
          unlabelled: whether there are images without labels.

        Raises:
          UserError: a setting that the objective would not heed.
        """
        self.for_objective(objective)
        for name, given in (
            ("augment-adaptive", gan.augment_adaptive),
            ("latent-consistency-weight", gan.latent_consistency_weight),
            ("loss three_terms", gan.loss == "three_terms"),
        ):
            if given:
                raise UserError(f"--gan.{name} is not for {objective}: leave it out")
        if self.pairs and not unlabelled:
            raise UserError(
                "--joint.pairs is about images without labels: give --unlabelled rest, or leave it "
                "out"
            )

    def in_words(self, objective: Objective) -> str:
        """Say what a complete configuration is."""
        weights = {
            "classification": self.class_weight if objective != "three-player" else None,
            "classification for the generator": self.generator_class_weight,
            "generated images": self.generated,
            "consistency": self.consistency,
            "entropy": self.entropy,
            "pseudo-labels": self.pseudo_labels,
            "pairs": self.pairs,
        }
        given = [f"{name} {weight:g}" for name, weight in weights.items() if weight]
        return (
            f"objective {objective}: a classifier of width {self.width} is trained too; weights: "
            f"{', '.join(given) or 'none'}"
        )

    def __post_init__(self):
        at_least(self, 1, "width")
        at_least(self, 0, "ramp")
        for name in (*_PARTS, "confidence", "ema_decay"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UserError(
                    f"--joint.{name.replace('_', '-')} must be from 0 to 1, not {value}"
                )
        for name in _FACTORS:
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise UserError(f"--joint.{name.replace('_', '-')} must be at least 0, not {value}")
