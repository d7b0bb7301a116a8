"""Generators at work: trained in a folder, loaded from it, sampled."""

from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.synthesis.trained import Description, Trained, load

__all__ = ["Description", "Trained", "balanced_labels", "load", "sample_images"]
