"""From the names in a configuration to the functions of the library; nothing else looks up."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import optax

from ganjax import models, training
from ganjax.config import (
    ClassifierConfig,
    DegradationSpec,
    GANConfig,
    JointConfig,
    Objective,
    Precision,
    RestorerConfig,
)
from ganjax.models import Generator, Model, Restorer
from ganjax.ops import degrade, losses, pixel_losses, policy
from ganjax.training import GAN, Classifier, Joint, Restoration, joint, penalties, three_player
from ganjax.training.gan import Adaptive
from ganjax.training.penalties import Penalty
from ganjax.training.restoration import Adversary, FeatureLoss
from ganjax.typing import Array

LOSSES = {
    "non_saturating": losses.non_saturating,
    "minimax": losses.minimax,
    "hinge": losses.hinge,
    "least_squares": losses.least_squares,
    "wasserstein": losses.wasserstein,
    "relativistic": losses.relativistic,
    "three_terms": losses.three_terms,
}
POLICIES = {
    "diffaugment": policy.diffaugment(),
    "classical": policy.classical(),
    "none": policy.none(),
}

DEGRADATIONS = {
    "noise": degrade.gaussian_noise,
    "poisson": degrade.poisson_noise,
    "salt-pepper": degrade.salt_and_pepper,
    "blur": degrade.gaussian_blur,
    "motion": degrade.motion_blur,
    "down": degrade.downsampling,
    "box": degrade.box,
    "strokes": degrade.strokes,
    "jpeg": degrade.jpeg,
}
WARM_UP = 50
"""A restorer's learning rate rises over this part of its updates: else its units may die."""

PIXEL_LOSSES = {
    "l1": pixel_losses.l1,
    "l2": pixel_losses.l2,
    "charbonnier": pixel_losses.charbonnier,
}


def networks(
    config: GANConfig, *, size: int, channels: int, classes: int | None
) -> tuple[Generator, Model]:
    """Return the generator and discriminator of a configuration for images of a size."""
    config = config.for_data(size)
    assert config.width is not None
    shape: Any = {"size": size, "channels": channels, "classes": classes}
    if config.network == "mlp":
        widths = (config.width, 2 * config.width, 4 * config.width)
        generator = models.mlp_generator(**shape, widths=widths, latent_size=config.latent_size)
        discriminator = models.mlp_discriminator(**shape, widths=widths[::-1])
    elif config.network == "resnet":
        generator = models.resnet_generator(
            **shape, width=config.width, latent_size=config.latent_size
        )
        # Where both penalties hold its slope already, samples come nearer without
        spectral = not (config.r1_weight and config.r2_weight)
        discriminator = models.resnet_discriminator(**shape, width=config.width, spectral=spectral)
    elif config.network == "modern":
        generator = models.modern_generator(
            **shape, width=config.width, latent_size=config.latent_size
        )
        discriminator = models.modern_discriminator(**shape, width=config.width)
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


def transforms_of(config: GANConfig) -> policy.Policy:
    """Return T(x) in the discriminator of a complete configuration."""
    assert config.augment is not None
    return POLICIES[config.augment]


def policy_in_words(config: GANConfig) -> str:
    """Say what T(x) is in the discriminator of a complete configuration."""
    assert config.augment_strength is not None
    return policy.describe(transforms_of(config), config.augment_strength)


def gan(config: GANConfig, *, size: int, channels: int, classes: int | None) -> GAN:
    """Return the GAN of a configuration, as pure functions."""
    config = config.for_data(size)
    assert config.loss
    assert config.augment_strength is not None
    generator, discriminator = networks(config, size=size, channels=channels, classes=classes)
    return training.gan(
        generator,
        discriminator,
        loss=LOSSES[config.loss],
        augment=transforms_of(config),
        augment_strength=config.augment_strength,
        adaptive=Adaptive() if config.augment_adaptive else None,
        penalties=penalties_of(config),
        latent_consistency=latent_consistency(config),
        **optimizers(config),
        ema_decay=config.ema_decay,
    )


def optimizers(config: GANConfig) -> dict[str, optax.GradientTransformation]:
    """Return the two of a complete configuration, by the names they are passed by."""
    assert config.learning_rate is not None
    assert config.beta1 is not None
    rate: float | optax.Schedule = config.learning_rate
    if config.annealed:
        assert config.updates is not None
        rate = optax.cosine_decay_schedule(config.learning_rate, config.updates)
    return {
        "generator_optimizer": training.adam(rate, beta1=config.beta1),
        "discriminator_optimizer": training.adam(
            config.discriminator_learning_rate, beta1=config.beta1
        ),
    }


def joint_training(
    objective: Objective,
    config: GANConfig,
    own: JointConfig,
    *,
    size: int,
    channels: int,
    classes: int,
) -> Joint:
    """Return a GAN and a classifier that are trained together, as pure functions."""
    config, own = config.for_data(size), own.for_objective(objective)
    assert config.loss
    own.check(objective, config, unlabelled=True)  # there may be some
    generator, discriminator = networks(config, size=size, channels=channels, classes=classes)

    def answering(outputs: int) -> Model:
        model = models.conv_classifier(
            size=size, channels=channels, classes=outputs, width=own.width
        )
        return _in_precision(model, config.precision)

    loss = LOSSES[config.loss]
    how: Any = {
        "augment": transforms_of(config),
        "augment_strength": config.augment_strength,
        "penalties": penalties_of(config),
        **optimizers(config),
        "ema_decay": own.ema_decay,
    }
    if objective == "three-player":
        return three_player.three_player(
            generator,
            discriminator,
            answering(classes),
            terms=_player_terms(own),
            loss=loss,
            classifier_optimizer=optax.adam(own.learning_rate),
            **how,
        )
    if objective == "auxiliary":
        return joint.auxiliary(
            generator, answering(2 * classes + 1), terms=_class_terms(own), loss=loss, **how
        )
    features = models.conv_features(size=size, channels=channels, width=own.width)
    return joint.semi_supervised(
        generator,
        answering(classes),
        _in_precision(features, config.precision),
        terms=_class_terms(own),
        **how,
    )


def _class_terms(own: JointConfig) -> joint.ClassTerms:
    """Return what two heads count as classification, by a complete configuration."""
    given: Any = (
        own.class_weight, own.generator_class_weight, own.generated, own.consistency, own.entropy,
        own.pseudo_labels, own.confidence, own.aligned, own.ramp,
    )  # fmt: skip
    return joint.ClassTerms(*given)


def _player_terms(own: JointConfig) -> three_player.PlayerTerms:
    """Return what three players have beside labelled images, likewise."""
    given: Any = (
        own.generator_class_weight, own.generated, own.ramp, own.pairs, own.consistency,
        own.pseudo_labels, own.confidence, own.aligned,
    )  # fmt: skip
    return three_player.PlayerTerms(*given)


def _in_precision(model: Model, wanted: Precision) -> Model:
    return models.in_bfloat16(model) if precision(wanted) == "bfloat16" else model


def penalties_of(config: GANConfig) -> tuple[Penalty, ...]:
    """Return the penalties of a complete configuration whose weights are not 0."""
    every = config.penalty_every or 1
    found = (
        penalties.r1(config.r1_weight or 0.0, every=every),
        penalties.r2(config.r2_weight or 0.0, every=every),
        penalties.gradient(config.gradient_penalty_weight),
        penalties.consistency(policy.classical(), config.consistency_weight),
        penalties.lecam(config.lecam_weight),
    )
    return tuple(penalty for penalty in found if penalty.weight)


def latent_consistency(config: GANConfig) -> penalties.LatentConsistency | None:
    """Return the terms on small changes of the latents, or None without."""
    weight = config.latent_consistency_weight
    return penalties.LatentConsistency(weight, weight / 10) if weight else None


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


def degrade_by(specs: Sequence[DegradationSpec]) -> Callable[..., Array]:
    """Return what spoils images as a configuration says: `(key, images, *, first=0) -> images`."""
    found = tuple(degrade.Degradation(DEGRADATIONS[s.name], s.low, s.high) for s in specs)
    return partial(degrade.apply, found)


def restorer(config: RestorerConfig, channels: int) -> Restorer:
    """Return the restorer of a complete configuration."""
    assert config.width is not None
    assert config.depth is not None
    shared: Any = {
        "channels": channels,
        "width": config.width,
        "bfloat16": precision(config.precision) == "bfloat16",
    }
    if config.network == "unet":
        return models.unet_restorer(levels=config.depth, **shared)
    return models.residual_restorer(depth=config.depth, shuffled=config.shuffled, **shared)


def restoration(
    config: RestorerConfig,
    specs: Sequence[DegradationSpec],
    *,
    channels: int,
    weight: float,
    feature_loss: FeatureLoss | None,
) -> Restoration:
    """Return a restorer's training, as pure functions.

    Args:
      config: complete.
      specs: what is to be undone.
      channels: of the images, 1 or 3.
      weight: of the adversarial loss; 0 for none.
      feature_loss: a further term, or None.
    """
    adversary = None
    if weight:
        discriminator = models.patch_discriminator(
            channels=channels, width=config.discriminator_width
        )
        adversary = Adversary(
            _in_precision(discriminator, config.precision),
            weight,
            LOSSES[config.adversarial_loss],
            training.adam(config.discriminator_learning_rate),
        )
    rate = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, max(1, config.updates // WARM_UP), max(2, config.updates)
    )
    return training.restoration(
        restorer(config, channels),
        degrade_by(specs),
        pixel_loss=PIXEL_LOSSES[config.pixel_loss],
        adversary=adversary,
        feature_loss=feature_loss,
        optimizer=optax.adam(rate),
        ema_decay=config.ema_decay,
    )
