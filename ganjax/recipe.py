"""From the names in a configuration to the functions of the library; nothing else looks up."""

from typing import Any

import jax
import optax

from ganjax import models, training
from ganjax.config import ClassifierConfig, GANConfig, Precision
from ganjax.models import Generator, Model
from ganjax.ops import losses, policy
from ganjax.training import GAN, Classifier

LOSSES = {
    "non_saturating": losses.non_saturating,
    "minimax": losses.minimax,
    "hinge": losses.hinge,
    "least_squares": losses.least_squares,
    "wasserstein": losses.wasserstein,
}
POLICIES = {
    "diffaugment": policy.diffaugment(),
    "classical": policy.classical(),
    "none": policy.none(),
}


def networks(
    config: GANConfig, *, size: int, channels: int, classes: int | None
) -> tuple[Generator, Model]:
    """Return the generator and discriminator of a configuration for images of a size."""
    config = config.for_size(size)
    assert config.width is not None
    shape: Any = {"size": size, "channels": channels, "classes": classes}
    if config.network == "mlp":
        widths = (config.width, 2 * config.width, 4 * config.width)
        generator = models.mlp_generator(**shape, widths=widths, latent_size=config.latent_size)
        discriminator = models.mlp_discriminator(**shape, widths=widths[::-1])
    else:
        generator = models.dcgan_generator(
            **shape, width=config.width, latent_size=config.latent_size
        )
        # No batch normalisation: R1 needs images that do not influence each other, and so do
        # training sets smaller than a few batches.
        discriminator = models.dcgan_discriminator(**shape, width=config.width, batch_norm=False)
    if precision(config.precision) == "bfloat16":
        return models.in_bfloat16(generator), models.in_bfloat16(discriminator)
    return generator, discriminator


def precision(wanted: Precision) -> Precision:
    """Return what networks compute in on this machine: `wanted`, or what "auto" means here."""
    if wanted != "auto":
        return wanted
    return "float32" if jax.default_backend() == "cpu" else "bfloat16"


def gan(config: GANConfig, *, size: int, channels: int, classes: int | None) -> GAN:
    """Return the GAN of a configuration, as pure functions."""
    generator, discriminator = networks(config, size=size, channels=channels, classes=classes)
    return training.gan(
        generator,
        discriminator,
        loss=LOSSES[config.loss],
        augment=POLICIES[config.augment],
        augment_strength=config.augment_strength,
        penalties=(training.penalties.r1(config.r1_weight),) if config.r1_weight else (),
        generator_optimizer=training.adam(config.learning_rate),
        discriminator_optimizer=training.adam(config.learning_rate),
        ema_decay=config.ema_decay,
    )


def classifier_policy(config: ClassifierConfig) -> policy.Policy:
    """Return the classical policy of a study at strength 1."""
    return policy.classical(flip=config.flip)


def classifier(config: ClassifierConfig, *, size: int, channels: int, classes: int) -> Classifier:
    """Return the classifier of a configuration, as pure functions."""
    model = models.conv_classifier(
        size=size, channels=channels, classes=classes, width=config.width
    )
    if precision(config.precision) == "bfloat16":
        model = models.in_bfloat16(model)
    return training.classifier(
        model, augment=classifier_policy(config), optimizer=optax.adam(config.learning_rate)
    )
