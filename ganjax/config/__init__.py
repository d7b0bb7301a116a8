"""What a person can set, as frozen dataclasses: checked when made, JSON in and out, named presets.

Configurations stay at the top of the house (`study`, `cli`): the rooms below take plain values.
"""

from ganjax.config.checks import LARGEST_SEED
from ganjax.config.joint import JOINT, JOINT_LEARNING_RATE, JointConfig, Objective
from ganjax.config.networks import (
    ClassifierConfig,
    GANConfig,
    LossName,
    Network,
    PolicyName,
    Precision,
)
from ganjax.config.reading import LARGEST_SIDE, SMALLEST_SIDE, BadRule, Reading
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
    "JOINT_LEARNING_RATE",
    "LARGEST_FOR_MLP",
    "LARGEST_SEED",
    "LARGEST_SIDE",
    "LOCK",
    "SMALLEST_SIDE",
    "BadRule",
    "ClassifierConfig",
    "DiskFullRule",
    "GANConfig",
    "JointConfig",
    "LossName",
    "Network",
    "Objective",
    "PolicyName",
    "Precision",
    "Preset",
    "Reading",
    "Select",
    "Sham",
    "Situation",
    "StudyConfig",
    "TrainConfig",
    "Unlabelled",
    "Upkeep",
    "claim_folder",
    "differences",
    "study_preset",
    "to_json",
]
