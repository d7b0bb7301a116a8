"""ganjax: would generated images help your classifier, and how do you get good ones?

The public names are rooms of the house and `load`, loaded when first used, so that `import ganjax`
costs milliseconds and pulls in nothing that is not needed.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganjax import (
        data,
        evaluate,
        metrics,
        models,
        ops,
        report,
        restoration,
        study,
        synthesis,
        training,
    )
    from ganjax.ops import augment, degrade, losses, policy, regularizers
    from ganjax.synthesis.loading import load

__version__ = "0.1.0"

__all__ = [
    "augment",
    "data",
    "degrade",
    "evaluate",
    "load",
    "losses",
    "metrics",
    "models",
    "ops",
    "policy",
    "regularizers",
    "report",
    "restoration",
    "study",
    "synthesis",
    "training",
]

_IN_OPS = ("augment", "degrade", "losses", "policy", "regularizers")


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module 'ganjax' has no attribute {name!r}")
    if name == "load":
        return import_module("ganjax.synthesis.loading").load
    return import_module(f"ganjax.ops.{name}" if name in _IN_OPS else f"ganjax.{name}")


def __dir__() -> list[str]:
    return sorted(__all__)
