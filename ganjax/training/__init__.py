"""Training as pure functions: `(state, batch, key) -> (state, metrics)`."""

from ganjax.training.classifier import Classifier, classifier
from ganjax.training.gan import GAN, adam, gan
from ganjax.training.state import ClassifierState, GANState

__all__ = ["GAN", "Classifier", "ClassifierState", "GANState", "adam", "classifier", "gan"]
