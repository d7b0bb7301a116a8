"""All that decides the outcome of a run: of a study, with its presets, and of one training."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from ganjax.config.checks import at_least, check_seed, one_of, positive
from ganjax.config.joint import JOINT, NEEDS_UNLABELLED, JointConfig, Objective
from ganjax.config.networks import ClassifierConfig, GANConfig
from ganjax.config.reading import Reading
from ganjax.errors import UserError

Preset = Literal["quick", "standard", "thorough"]
Sham = Literal["none", "copies", "noise"]
Select = Literal["none", "agreement", "discriminator", "validation"]
Unlabelled = Literal["rest"] | int

BASE_ARMS = ("real", "classical", "generated", "both")
"""Arms that every study has: its question is about them."""


@dataclass(frozen=True)
class StudyConfig:
    """All that decides the outcome of a study; the same values give the same study again.

    Attributes:
      source: where the images come from, by the grammar of `ganjax.data.sources`.
      data_dir: where prepared TFDS sets are.
      reading: what size and channels the images get, and what is done about bad ones.
      per_class: labelled images per class in each replicate's draw, validation included.
      imbalance: images of the first class to those of the last in each draw; between them the
        numbers fall exponentially from `per_class`. 1 for the same of each.
      unlabelled: how many other images each replicate has beside its draw, without their labels;
        "rest" for all that are not sealed. Only what can learn from them looks at them.
      replicates: how many times everything is repeated from a fresh draw.
      seed: of every random choice.
      preset: which preset the rest was taken from.
      test_fraction: part sealed for the test where the source has no test split of its own.
      validation_fraction: part of each draw that chooses, and is never trained on.
      smallest_gain: the smallest gain in accuracy worth having; below it, "does not help".
      pool: generated images per replicate that the classifiers draw from.
      select: which samples get into the pool: "none" takes all but copies of training images;
        "agreement" those that a classifier of the training images takes for their class;
        "discriminator" those that the GAN's discriminator takes for the most real; "validation"
        chooses among these in each replicate. A sham ignores it.
      keep_fraction: of each class, the part of the samples that is selected, in (0, 1]; by default
        half, and for "agreement" those that the classifier takes for their class.
      leak_detector: whether to look for transforms T(x) in the first replicate's samples.
      sham: what to use in place of generated images, to check the study itself: "copies", training
        images once more; "noise". Neither can help; "none" for a study.
      arms: who competes; real, classical, generated and both always do. Beside them "auxiliary",
        "three-player", "semi-supervised": classifiers that were trained together with a GAN.
      gan: how the GANs are trained.
      classifier: how the classifiers are trained.
      joint: how the classifiers are trained that are trained together with a GAN, but for their
        width and their number of updates, which are those of `classifier`.
      joint_weights: weights of classification against the adversarial objective, in [0, 1], that
        each of those arms tries; validation chooses. None for the one of `joint` alone.
    """

    source: str
    data_dir: str | None = None
    reading: Reading = field(default_factory=Reading)
    per_class: int = 20
    imbalance: float = 1.0
    unlabelled: Unlabelled | None = None
    replicates: int = 5
    seed: int = 0
    preset: Preset = "standard"
    test_fraction: float = 0.4
    validation_fraction: float = 0.25
    smallest_gain: float = 0.01
    pool: int = 5000
    select: Select = "none"
    keep_fraction: float | None = None
    leak_detector: bool = True
    sham: Sham = "none"
    arms: tuple[str, ...] = BASE_ARMS
    gan: GANConfig = field(default_factory=GANConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    joint: JointConfig = field(default_factory=JointConfig)
    joint_weights: tuple[float, ...] | None = None

    def __post_init__(self):
        if self.per_class < 2:
            raise UserError(
                f"--per-class must be at least 2 (one image to train on, one to validate on), "
                f"not {self.per_class}: try --per-class 20"
            )
        if self.replicates < 3:
            raise UserError(
                f"--replicates must be at least 3, not {self.replicates}: with fewer, the 95 % "
                "interval that the verdict rests on cannot be trusted"
            )
        _check_imbalance(self)
        _check_unlabelled(self.unlabelled)
        check_seed(self.seed)
        at_least(self, 1, "pool")
        one_of("sham", self.sham, get_args(Sham))
        _check_selection(self)
        _check_arms(self)
        positive(self, "smallest_gain")
        for name in ("test_fraction", "validation_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"{name} must be between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class TrainConfig:
    """All that decides the outcome of training one GAN.

    Attributes:
      source: where the images come from, by the grammar of `ganjax.data.sources`.
      data_dir: where prepared TFDS sets are.
      reading: what size and channels the images get, and what is done about bad ones.
      per_class: labelled images per class to train on; None for all of them.
      imbalance: as of a study; needs `per_class`.
      unlabelled: how many other images to learn from without their labels; "rest" for all others.
        Without `per_class` they are those that the source brings without labels.
      seed: of every random choice.
      conditional: whether the GAN is told the labels, so that it can make images of a class.
      validation_fraction: part of each class that is never trained on, but decides which state of
        the generator is kept; 0 keeps the last.
      init_from: folder of another run whose weights to begin with, and nothing else of it.
      objective: "gan" for images alone; "auxiliary" (arXiv 1610.09585), "three-player" (arXiv
        1703.02291), "semi-supervised" (arXiv 1606.03498) for a classifier too.
      gan: how it is trained.
      joint: how the classifier is.
    """

    source: str
    data_dir: str | None = None
    reading: Reading = field(default_factory=Reading)
    per_class: int | None = None
    imbalance: float = 1.0
    unlabelled: Unlabelled | None = None
    seed: int = 0
    conditional: bool = True
    validation_fraction: float = 0.1
    init_from: str | None = None
    objective: Objective = "gan"
    gan: GANConfig = field(default_factory=GANConfig)
    joint: JointConfig = field(default_factory=JointConfig)

    def __post_init__(self):
        if self.per_class is not None and self.per_class < 1:
            raise UserError(f"--per-class must be at least 1, not {self.per_class}")
        _check_imbalance(self)
        _check_unlabelled(self.unlabelled)
        _check_objective(self)
        if self.imbalance > 1 and self.per_class is None:
            raise UserError("--imbalance needs --per-class, the images of the largest class")
        if not 0 <= self.validation_fraction < 1:
            raise UserError(
                "validation_fraction must be at least 0 and below 1, not "
                f"{self.validation_fraction}"
            )
        check_seed(self.seed)


def _check_selection(config: StudyConfig) -> None:
    one_of("select", config.select, get_args(Select))
    fraction = config.keep_fraction
    if fraction is None:
        return
    if not 0 < fraction <= 1:
        raise UserError(f"--keep-fraction must be above 0 and at most 1, not {fraction}")
    if config.select == "none":
        raise UserError("--keep-fraction needs --select agreement or discriminator")
    if config.select == "validation":
        raise UserError(
            "--keep-fraction is chosen by --select validation itself: leave it out, or give "
            "--select agreement or discriminator"
        )


def _check_imbalance(config: Any) -> None:
    if not 1 <= config.imbalance < float("inf"):
        raise UserError(
            f"--imbalance must be at least 1 (the largest class to the smallest), not "
            f"{config.imbalance}"
        )


def _check_unlabelled(unlabelled: Any) -> None:
    if unlabelled in (None, "rest"):
        return
    if not isinstance(unlabelled, int) or isinstance(unlabelled, bool) or unlabelled < 1:
        raise UserError(
            f"--unlabelled must be a number of images from 1, or rest, not {unlabelled!r}"
        )


def _check_objective(config: "TrainConfig") -> None:
    one_of("objective", config.objective, get_args(Objective))
    if config.objective == "gan":
        if config.unlabelled is not None:
            raise UserError(
                "--unlabelled is for trainings that learn from images without labels: give "
                "--objective semi-supervised, or leave it out"
            )
        if config.joint != JointConfig():
            raise UserError(
                f"--joint settings need an --objective of {', '.join(JOINT)}: give one, or leave "
                "them out"
            )
        return
    _check_heeded(config)
    config.joint.check(config.objective, config.gan, unlabelled=config.unlabelled is not None)
    if not config.conditional:
        raise UserError(f"--objective {config.objective} needs labels: leave out --no-conditional")
    if config.objective in NEEDS_UNLABELLED and config.unlabelled is None:
        raise UserError(
            f"--objective {config.objective} needs images without labels: give --unlabelled rest "
            "with --per-class 10, say, or a source that brings its own"
        )


def _check_heeded(config: "TrainConfig") -> None:
    """Refuse what one objective alone does not heed; in a study, another arm may."""
    own = config.joint
    if config.objective == "three-player" and (own.entropy or own.class_weight is not None):
        raise UserError(
            "--joint.class-weight and --joint.entropy are not for three-player, whose classifier "
            "is a network of its own: leave them out"
        )
    if config.objective == "semi-supervised" and config.gan.loss not in (None, "non_saturating"):
        raise UserError(
            f"--gan.loss {config.gan.loss} is not for semi-supervised, whose adversarial loss is "
            "that of class K + 1: leave it out"
        )


def _check_arms(config: "StudyConfig") -> None:
    """Put the arms in order, and refuse those that there are not."""
    arms = [name for word in config.arms for name in word.split(",") if name]
    for name in arms:
        one_of("arms", name, (*BASE_ARMS, *JOINT))
    joint = tuple(name for name in JOINT if name in arms)
    object.__setattr__(config, "arms", (*BASE_ARMS, *joint))
    for name in joint:
        own = config.joint if name == "three-player" else replace(config.joint, pairs=None)
        own.check(name, config.gan, unlabelled=config.unlabelled is not None)
        if name in NEEDS_UNLABELLED and config.unlabelled is None:
            raise UserError(f"--arms {name} needs images without labels: give --unlabelled rest")
    if not joint and (config.joint_weights is not None or config.joint != JointConfig()):
        raise UserError(
            f"--joint-weights and --joint settings are of the arms {', '.join(JOINT)}: give "
            "--arms, or leave them out"
        )
    if config.joint_weights is not None:
        weights = tuple(sorted(set(config.joint_weights)))
        if not weights or not 0 <= weights[0] <= weights[-1] <= 1:
            raise UserError(f"--joint-weights must be from 0 to 1, not {weights}")
        object.__setattr__(config, "joint_weights", weights)
    if config.unlabelled is not None and not joint:
        raise UserError(
            "--unlabelled is for arms that learn from images without labels: give --arms "
            "semi-supervised, or leave it out"
        )


def study_preset(preset: Preset, source: str, **given: Any) -> StudyConfig:
    """Return a study's configuration: the preset's values under the ones given.

    "quick" is for a first look (minutes, wide intervals), "standard" for an answer, "thorough" for
    a paper: more replicates, longer training, finer choices.
    """
    one_of("preset", preset, get_args(Preset))
    values: dict[str, Any] = dict(_PRESETS[preset])
    values.update({name: value for name, value in given.items() if value is not None})
    return StudyConfig(source=source, preset=preset, **values)


_PRESETS: dict[Preset, dict[str, Any]] = {
    "quick": {
        "replicates": 3,
        "leak_detector": False,
        "gan": GANConfig(updates=1000),
        "classifier": ClassifierConfig(updates=400, seeds=1, learning_curve=False),
    },
    "standard": {"replicates": 5, "gan": GANConfig(), "classifier": ClassifierConfig()},
    "thorough": {
        "replicates": 10,
        "gan": GANConfig(updates=10_000),
        "classifier": ClassifierConfig(
            width=32,
            updates=3000,
            evaluations=20,
            seeds=3,
            ratios=(0.0, 0.25, 0.5, 0.75),
        ),
    },
}
