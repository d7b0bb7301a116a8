"""Networks as pairs of pure functions; the only room that knows Flax."""

from ganjax.models.classifier import conv_classifier
from ganjax.models.discriminator import dcgan_discriminator, mlp_discriminator
from ganjax.models.generator import (
    dcgan_generator,
    mlp_generator,
    normal_latents,
    sigmoid_output,
    tanh_output,
    uniform_latents,
)
from ganjax.models.layers import parameter_count
from ganjax.models.model import Generator, Model

__all__ = [
    "Generator",
    "Model",
    "conv_classifier",
    "dcgan_discriminator",
    "dcgan_generator",
    "mlp_discriminator",
    "mlp_generator",
    "normal_latents",
    "parameter_count",
    "sigmoid_output",
    "tanh_output",
    "uniform_latents",
]
