"""What a person can set, as frozen dataclasses: checked when made, JSON in and out, named presets.

Configurations stay at the top of the house (`study`, `cli`): the rooms below take plain values.
"""

from ganjax.config.checks import LARGEST_SEED
from ganjax.config.degradations import DegradationSpec
from ganjax.config.degradations import in_words as degradation_in_words
from ganjax.config.degradations import parse as parse_degradation
from ganjax.config.joint import JOINT, JOINT_CUSTOMS, JointConfig, Objective
from ganjax.config.networks import (
    ClassifierConfig,
    GANConfig,
    LossName,
    Network,
    PolicyName,
    Precision,
)
from ganjax.config.reading import LARGEST_SIDE, SMALLEST_SIDE, BadRule, Reading
from ganjax.config.restoration import PixelLoss, RestorationConfig, RestorerConfig, RestorerNetwork
from ganjax.config.runs import (
    BASE_ARMS,
    Preset,
    Select,
    Sham,
    StudyConfig,
    TrainConfig,
    Unlabelled,
    study_preset,
)
from ganjax.config.situations import LARGEST_FOR_MLP, Situation
from ganjax.config.stored import COMMAND, LOCK, claim_folder, differences, to_json
from ganjax.config.upkeep import DiskFullRule, Upkeep

__all__ = [
    "BASE_ARMS",
    "COMMAND",
    "JOINT",
    "JOINT_CUSTOMS",
    "LARGEST_FOR_MLP",
    "LARGEST_SEED",
    "LARGEST_SIDE",
    "LOCK",
    "SMALLEST_SIDE",
    "BadRule",
    "ClassifierConfig",
    "DegradationSpec",
    "DiskFullRule",
    "GANConfig",
    "JointConfig",
    "LossName",
    "Network",
    "Objective",
    "PixelLoss",
    "PolicyName",
    "Precision",
    "Preset",
    "Reading",
    "RestorationConfig",
    "RestorerConfig",
    "RestorerNetwork",
    "Select",
    "Sham",
    "Situation",
    "StudyConfig",
    "TrainConfig",
    "Unlabelled",
    "Upkeep",
    "claim_folder",
    "degradation_in_words",
    "differences",
    "parse_degradation",
    "study_preset",
    "to_json",
]
