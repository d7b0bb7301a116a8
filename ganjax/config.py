"""What a person can set, as frozen dataclasses: checked when made, JSON in and out, named presets.

Configurations stay at the top of the house (`study`, `cli`): the rooms below take plain values.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ganjax.errors import UserError

Preset = Literal["quick", "standard", "thorough"]
Network = Literal["auto", "dcgan", "mlp"]
LossName = Literal["non_saturating", "minimax", "hinge", "least_squares", "wasserstein"]
Precision = Literal["auto", "float32", "bfloat16"]
PolicyName = Literal["diffaugment", "classical", "none"]
DiskFullRule = Literal["stop", "go-on"]

LARGEST_SEED = 2**32 - 1

LOCK = ".lock"
"""File of a run's folder that `ganjax.data.lock` holds; it alone makes no run."""

COMMAND = "command.txt"
"""File that a run leaves at its start: the command line that goes on with it."""

LARGEST_FOR_MLP = 16
"""Side in pixels up to which a fully connected GAN serves small sets better, and faster."""


@dataclass(frozen=True)
class GANConfig:
    """How the GAN of each replicate is trained.

    Attributes:
      network: "dcgan" (convolutional), "mlp" (fully connected), or "auto": mlp for images of up
        to 16 pixels a side, dcgan for larger ones.
      width: channels of the narrowest convolution, or units of the narrowest layer; by default 32
        for dcgan, 128 for mlp.
      latent_size: numbers that each image is made from.
      loss: the adversarial loss.
      augment: T(x), which real and generated images pass before the discriminator.
      augment_strength: factor on the limits of T(x).
      r1_weight: weight of the R1 penalty (arXiv 1801.04406); 0 leaves it out.
      learning_rate: of Adam with beta1 0.5, for both networks.
      ema_decay: per update, of the averaged generator that samples are drawn from.
      batch_size: real images per update.
      updates: updates of each network.
      precision: what the networks compute in, "float32" or "bfloat16" (parameters, optimizer and
        statistics are float32 in both); "auto": bfloat16 on a GPU or TPU, float32 on a CPU.
    """

    network: Network = "auto"
    width: int | None = None
    latent_size: int = 64
    loss: LossName = "non_saturating"
    augment: PolicyName = "diffaugment"
    augment_strength: float = 0.5
    r1_weight: float = 0.1
    learning_rate: float = 2e-4
    ema_decay: float = 0.999
    batch_size: int = 64
    updates: int = 2000
    precision: Precision = "auto"

    def for_size(self, size: int) -> "GANConfig":
        """Return the configuration with what depends on the images' size filled in."""
        network = self.network
        if network == "auto":
            network = "mlp" if size <= LARGEST_FOR_MLP else "dcgan"
        width = self.width or (128 if network == "mlp" else 32)
        return dataclasses.replace(self, network=network, width=width)

    def __post_init__(self):
        _one_of("network", self.network, get_args(Network))
        _one_of("loss", self.loss, get_args(LossName))
        _one_of("augment", self.augment, get_args(PolicyName))
        _one_of("precision", self.precision, get_args(Precision))
        _at_least(self, 1, "latent_size", "updates")
        if self.width is not None:
            _at_least(self, 1, "width")
        _at_least(self, 2, "batch_size")
        _at_least(self, 0, "r1_weight", "augment_strength")
        _positive(self, "learning_rate")
        if not 0 <= self.ema_decay < 1:
            raise UserError(f"ema_decay must be at least 0 and below 1, not {self.ema_decay}")


@dataclass(frozen=True)
class ClassifierConfig:
    """How the classifiers of a study are trained, all alike, and what validation chooses from.

    Attributes:
      width: channels of the first convolution.
      learning_rate: of Adam.
      batch_size: images per update, real and generated together.
      updates: updates of each classifier, the same in every arm.
      evaluations: how many times, evenly spaced, validation looks (and may choose to stop).
      seeds: classifiers per candidate, with other initial weights and batches; their mean counts.
      ratios: parts of each batch that may be generated; 0 is always among them.
      strengths: strengths of the classical policy; 0 is always among them.
      flip: whether mirroring left and right keeps an image's label. Never assumed.
      precision: what the networks compute in, as for the GAN.
    """

    width: int = 16
    learning_rate: float = 1e-3
    batch_size: int = 64
    updates: int = 800
    evaluations: int = 10
    seeds: int = 2
    ratios: tuple[float, ...] = (0.0, 0.25, 0.5)
    strengths: tuple[float, ...] = (0.0, 0.5, 1.0)
    flip: bool = False
    precision: Precision = "auto"

    def __post_init__(self):
        _one_of("precision", self.precision, get_args(Precision))
        _at_least(self, 1, "width", "updates", "evaluations", "seeds")
        _at_least(self, 2, "batch_size")
        _positive(self, "learning_rate")
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


@dataclass(frozen=True)
class StudyConfig:
    """All that decides the outcome of a study; the same values give the same study again.

    Attributes:
      source: where the images come from: digits, tfds:NAME or folder:PATH.
      data_dir: where prepared TFDS sets are.
      per_class: labelled images per class in each replicate's draw, validation included.
      replicates: how many times everything is repeated from a fresh draw.
      seed: of every random choice.
      preset: which preset the rest was taken from.
      test_fraction: part sealed for the test where the source has no test split of its own.
      validation_fraction: part of each draw that chooses, and is never trained on.
      smallest_gain: the smallest gain in accuracy worth having; below it, "does not help".
      pool: generated images per replicate that the classifiers draw from.
      gan: how the GANs are trained.
      classifier: how the classifiers are trained.
    """

    source: str
    data_dir: str | None = None
    per_class: int = 20
    replicates: int = 5
    seed: int = 0
    preset: Preset = "standard"
    test_fraction: float = 0.4
    validation_fraction: float = 0.25
    smallest_gain: float = 0.01
    pool: int = 5000
    gan: GANConfig = field(default_factory=GANConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)

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
        _check_seed(self.seed)
        _at_least(self, 1, "pool")
        _positive(self, "smallest_gain")
        for name in ("test_fraction", "validation_fraction"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"{name} must be between 0 and 1, not {getattr(self, name)}")


@dataclass(frozen=True)
class TrainConfig:
    """All that decides the outcome of training one GAN.

    Attributes:
      source: where the images come from: digits, tfds:NAME or folder:PATH.
      data_dir: where prepared TFDS sets are.
      per_class: labelled images per class to train on; None for all of them.
      seed: of every random choice.
      conditional: whether the GAN is told the labels, so that it can make images of a class.
      validation_fraction: part of each class that is never trained on, but decides which state of
        the generator is kept; 0 keeps the last.
      init_from: folder of another run whose weights to begin with, and nothing else of it.
      gan: how it is trained.
    """

    source: str
    data_dir: str | None = None
    per_class: int | None = None
    seed: int = 0
    conditional: bool = True
    validation_fraction: float = 0.1
    init_from: str | None = None
    gan: GANConfig = field(default_factory=GANConfig)

    def __post_init__(self):
        if self.per_class is not None and self.per_class < 1:
            raise UserError(f"--per-class must be at least 1, not {self.per_class}")
        if not 0 <= self.validation_fraction < 1:
            raise UserError(
                "validation_fraction must be at least 0 and below 1, not "
                f"{self.validation_fraction}"
            )
        _check_seed(self.seed)


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
        _one_of("on_disk_full", self.on_disk_full, get_args(DiskFullRule))
        _at_least(self, 0, "checkpoint_seconds")
        _at_least(self, 1, "keep")
        if self.step_timeout is not None:
            _positive(self, "step_timeout")


def study_preset(preset: Preset, source: str, **given: Any) -> StudyConfig:
    """Return a study's configuration: the preset's values under the ones given.

    "quick" is for a first look (minutes, wide intervals), "standard" for an answer, "thorough" for
    a paper: more replicates, longer training, finer choices.
    """
    _one_of("preset", preset, get_args(Preset))
    values: dict[str, Any] = dict(_PRESETS[preset])
    values.update({name: value for name, value in given.items() if value is not None})
    return StudyConfig(source=source, preset=preset, **values)


def to_json(config: Any) -> dict[str, Any]:
    """Return a configuration as plain JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def differences(one: dict[str, Any], other: dict[str, Any], prefix: str = "") -> list[str]:
    """Name what differs between two configurations, as `gan.width: 32, not 64`."""
    found: list[str] = []
    for name in {**one, **other}:
        a, b = one.get(name), other.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found += differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found.append(f"{prefix}{name}: {a}, not {b}")
    return found


def claim_folder(out: Path, config: Any) -> dict[str, Any] | None:
    """Return None where a folder is free for a run, and the configuration where it is this run's.

    Raises:
      UserError: it holds a run of another configuration, or files that are no run of ganjax.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; give a folder")
    if not out.exists() or not any(file.name != LOCK for file in out.iterdir()):
        return None
    stored = out / "config.json"
    if not stored.exists():
        raise UserError(f"--out {out} holds files that are no ganjax run; give a new folder")
    try:
        found = json.loads(stored.read_text())
    except ValueError:
        raise UserError(f"{stored} is no JSON; give a new folder with --out") from None
    if not isinstance(found, dict):
        raise UserError(f"{stored} is no ganjax run's; give a new folder with --out")
    changes = differences(found, to_json(config))
    if changes:
        raise UserError(
            f"--out {out} holds another run ({'; '.join(changes[:3])}"
            f"{'; ...' if len(changes) > 3 else ''}); give a new folder or the same configuration"
        )
    return found


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise UserError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


def _at_least(config: Any, least: float, *names: str) -> None:
    for name in names:
        if not getattr(config, name) >= least:  # nor where it is no number
            raise UserError(f"{name} must be at least {least}, not {getattr(config, name)}")


def _check_seed(seed: int) -> None:
    """Refuse seeds that JAX's keys would not tell apart."""
    if not 0 <= seed <= LARGEST_SEED:
        bound = "at least 0" if seed < 0 else f"at most {LARGEST_SEED}"
        raise UserError(f"seed must be {bound}, not {seed}")


def _positive(config: Any, *names: str) -> None:
    for name in names:
        if not getattr(config, name) > 0:
            raise UserError(f"{name} must be above 0, not {getattr(config, name)}")


_PRESETS: dict[Preset, dict[str, Any]] = {
    "quick": {
        "replicates": 3,
        "gan": GANConfig(updates=1000),
        "classifier": ClassifierConfig(updates=400, seeds=1),
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
