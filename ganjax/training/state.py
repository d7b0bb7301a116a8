"""What a training carries from step to step: one registered dataclass per kind of training."""

from dataclasses import dataclass

import jax
import optax

from ganjax.typing import Array, Params, Variables


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GANState:
    """Everything a GAN's next step depends on.

    Attributes:
      step: int32 scalar, steps taken.
      generator: variables of the generator, batch statistics included.
      discriminator: variables of the discriminator.
      ema_generator: moving average of the generator's variables, batch statistics included: what
        images are drawn from.
      generator_optimizer: state of its optimizer.
      discriminator_optimizer: state of its optimizer.
      real_average: float32 scalar, moving average of the logits of real images.
      fake_average: likewise of generated ones.
      probability: float32 scalar, of each transform of T(x), where it adapts.
    """

    step: Array
    generator: Variables
    discriminator: Variables
    ema_generator: Variables
    generator_optimizer: optax.OptState
    discriminator_optimizer: optax.OptState
    real_average: Array
    fake_average: Array
    probability: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class JointState(GANState):
    """A GAN, and a classifier that is trained with it.

    Attributes:
      classifier: variables of the third player; empty where the discriminator classifies.
      classifier_optimizer: state of its optimizer; empty likewise.
      ema_classifier: moving average of the parameters that classify, used for predictions.
      norms: float32 `[2, 2]`, moving averages of the norms of gradients: of the discriminator and
        the generator, by the adversarial objective and by classification.
      conflicts: int32 `[2]`, updates in which the two gradients of the discriminator, and of the
        generator, pointed away from each other.
      shares: float32 `[2, classes]`, moving averages of how common each class is among the labels,
        and among the averaged classifier's answers for images without label.
    """

    classifier: Variables
    classifier_optimizer: optax.OptState
    ema_classifier: Params
    norms: Array
    conflicts: Array
    shares: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class RestorationState:
    """Everything a restorer's next step depends on.

    Attributes:
      step: int32 scalar, steps taken.
      restorer: variables of the restorer.
      discriminator: variables of the discriminator; empty where there is none.
      ema_params: moving average of the restorer's parameters, used to restore.
      restorer_optimizer: state of its optimizer.
      discriminator_optimizer: state of its optimizer; empty likewise.
    """

    step: Array
    restorer: Variables
    discriminator: Variables
    ema_params: Params
    restorer_optimizer: optax.OptState
    discriminator_optimizer: optax.OptState


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ClassifierState:
    """Everything a classifier's next step depends on.

    Attributes:
      step: int32 scalar, steps taken.
      variables: variables of the classifier.
      optimizer: state of its optimizer.
    """

    step: Array
    variables: Variables
    optimizer: optax.OptState
