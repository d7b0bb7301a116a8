"""Two objectives that move the same parameters: how far each may, and whether they pull apart.

The rule: with weight w, the parameters follow

    (1 - w) a + w k c,    k = |a| / |c|, at least 1/10 and at most 10,

where a is the gradient of the adversarial objective, c that of classification, and |a| and |c| are
moving averages of their norms. At w = 1/2 both move the parameters equally far on average, whatever
the scales of their losses, so that neither starves the other: not the adversarial one once a few
labels are learnt by heart and c fades, nor classification while a discriminator is losing and a is
large. The bounds keep the noise of an objective that has nothing left to say from being blown up.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from ganjax.training.updates import follow
from ganjax.typing import Array, Metrics

LARGEST_FACTOR = 10.0
"""Times that classification's gradient is scaled up, or down, at most."""


class Balanced(NamedTuple):
    """What two objectives together make of some parameters.

    Attributes:
      gradient: to follow.
      norms: float32 `[2]`, the moving averages of both norms, after this step.
      conflict: bool, whether the gradients point away from each other: their cosine is below 0.
      metrics: float32 scalars, the norms `adversarial` and `classification`, and their `cosine`.
    """

    gradient: Any
    norms: Array
    conflict: Array
    metrics: Metrics


def balance(
    adversarial: Any,
    classification: Any,
    weight: float,
    norms: Array,
    step: Array,
    *,
    axis_name: str | None = None,
) -> Balanced:
    """Combine the gradients of two objectives by the rule above.

    Args:
      adversarial: gradient of the adversarial objective, a pytree.
      classification: that of classification, of the same shapes.
      weight: of classification, in [0, 1]; 0 and 1 leave one objective alone.
      norms: float32 `[2]`, moving averages of both norms, before this step.
      step: of the training, int32 scalar.
      axis_name: the mapped axis where the gradients are to a part of the images of a batch; None
        where they are of the whole.

    Returns:
      What they make together.
    """

    def dot(one: Any, other: Any) -> Array:
        product = optax.tree.vdot(one, other).astype(jnp.float32)
        if axis_name is None:
            return product
        # Of a mean over a part, a gradient to its images is as many times too large as there are
        return jax.lax.psum(product, axis_name) / jax.lax.axis_size(axis_name) ** 2

    both = dot(adversarial, classification)
    own = jnp.sqrt(jnp.stack([dot(adversarial, adversarial), dot(classification, classification)]))
    norms = follow(norms, own, step)
    tiny = jnp.finfo(jnp.float32).tiny
    factor = jnp.clip(norms[0] / jnp.maximum(norms[1], tiny), 1 / LARGEST_FACTOR, LARGEST_FACTOR)
    gradient = jax.tree.map(
        lambda a, c: (1 - weight) * a + (weight * factor).astype(c.dtype) * c,
        adversarial,
        classification,
    )
    cosine = both / jnp.maximum(own[0] * own[1], tiny)
    metrics = {"adversarial": own[0], "classification": own[1], "cosine": cosine}
    return Balanced(gradient, norms, both < 0, metrics)
