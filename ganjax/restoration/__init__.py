"""Restoration: a degraded image in, a better one out, always compared with the original."""

from ganjax.restoration.trained import TrainedRestorer, load

__all__ = ["TrainedRestorer", "load"]
