"""Networks as pairs of pure functions; the only room that knows Flax."""

from ganjax.models.classifier import conv_classifier, conv_features
from ganjax.models.discriminator import dcgan_discriminator, mlp_discriminator
from ganjax.models.functions import (
    normal_latents,
    sigmoid_output,
    tanh_output,
    uniform_latents,
)
from ganjax.models.generator import dcgan_generator, mlp_generator
from ganjax.models.layers import parameter_count
from ganjax.models.model import Generator, Model
from ganjax.models.modern_gan import modern_discriminator, modern_generator
from ganjax.models.patch_discriminator import patch_discriminator
from ganjax.models.precision import in_bfloat16
from ganjax.models.resnet import resnet_classifier
from ganjax.models.resnet_discriminator import resnet_discriminator
from ganjax.models.resnet_generator import resnet_generator
from ganjax.models.restorer import Restorer, residual_restorer, unet_restorer

__all__ = [
    "Generator",
    "Model",
    "Restorer",
    "conv_classifier",
    "conv_features",
    "dcgan_discriminator",
    "dcgan_generator",
    "in_bfloat16",
    "mlp_discriminator",
    "mlp_generator",
    "modern_discriminator",
    "modern_generator",
    "normal_latents",
    "parameter_count",
    "patch_discriminator",
    "residual_restorer",
    "resnet_classifier",
    "resnet_discriminator",
    "resnet_generator",
    "sigmoid_output",
    "tanh_output",
    "unet_restorer",
    "uniform_latents",
]
