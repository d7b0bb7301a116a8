"""Training as pure functions: `(state, batch, key) -> (state, metrics)`."""

from ganjax.training import joint, three_player
from ganjax.training.classifier import Classifier, classifier
from ganjax.training.gan import GAN, adam, gan
from ganjax.training.players import Joint
from ganjax.training.restoration import Restoration, restoration
from ganjax.training.state import ClassifierState, GANState, JointState, RestorationState

__all__ = [
    "GAN",
    "Classifier",
    "ClassifierState",
    "GANState",
    "Joint",
    "JointState",
    "Restoration",
    "RestorationState",
    "adam",
    "classifier",
    "gan",
    "joint",
    "restoration",
    "three_player",
]
