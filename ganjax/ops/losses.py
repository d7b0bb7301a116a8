"""Adversarial losses: per-example values on logits, for the caller to average.

D is the sigmoid of the discriminator's logit d, and x ~ real, G(z) ~ fake. Each `Loss` is a pair of
pure functions; the two terms of a discriminator's loss are summed per position, so that the mean of
the result is the published objective. Every function takes logits of shape `[batch]` (real and fake
of one shape) and returns values, to be minimised, of the same shape.

    real_logits, fake_logits = discriminator(real), discriminator(fake)
    jnp.mean(losses.hinge.discriminator(real_logits, fake_logits))
    jnp.mean(losses.hinge.generator(fake_logits))
"""

from collections.abc import Callable
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp

from ganjax.typing import Array


class Loss(NamedTuple):
    """What the discriminator minimises and what the generator minimises, per example.

    Attributes:
      discriminator: `(real_logits, fake_logits)`, each float `[batch]`, to float `[batch]`; where
        `three_terms`, `(real_logits, fake_logits, transformed_logits)`.
      generator: `fake_logits`, float `[batch]`, to float `[batch]`; where `relativistic`,
        `(fake_logits, real_logits)`.
      relativistic: whether the generator's loss compares generated images with real ones.
      three_terms: whether T(x) is a third term, shown to the discriminator as real beside x, and
        not applied to generated images.
    """

    discriminator: Callable[..., Array]
    generator: Callable[..., Array]
    relativistic: bool = False
    three_terms: bool = False


def minimax_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """The cross-entropy of telling real from fake: `-log D(x) - log(1 - D(G(z)))`.

    Goodfellow et al. 2014, arXiv 1406.2661, equation 1.

    Args:
      real_logits: float `[batch]`.
      fake_logits: float `[batch]`.

    Returns:
      Float `[batch]`, at least 0.
    """
    _assert_logits(real_logits, fake_logits)
    return jax.nn.softplus(-real_logits) + jax.nn.softplus(fake_logits)


def minimax_generator(fake_logits: Array) -> Array:
    """The generator of the original game: `log(1 - D(G(z)))`, whose gradient fades as D wins.

    Goodfellow et al. 2014, arXiv 1406.2661, equation 1.

    Args:
      fake_logits: float `[batch]`.

    Returns:
      Float `[batch]`, at most 0.
    """
    _assert_logits(fake_logits)
    return -jax.nn.softplus(fake_logits)


def non_saturating_generator(fake_logits: Array) -> Array:
    """The generator that maximises `log D(G(z))`: `-log D(G(z))`, strong where D wins.

    Goodfellow et al. 2014, arXiv 1406.2661, section 3.

    Args:
      fake_logits: float `[batch]`.

    Returns:
      Float `[batch]`, at least 0.
    """
    _assert_logits(fake_logits)
    return jax.nn.softplus(-fake_logits)


def wasserstein_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """The critic of the Wasserstein distance: `d(G(z)) - d(x)`.

    It bounds nothing by itself: keep the critic Lipschitz by a penalty or a normalisation.
    Arjovsky et al. 2017, arXiv 1701.07875, equation 2.

    Args:
      real_logits: float `[batch]`, the critic's outputs, any real number.
      fake_logits: float `[batch]`.

    Returns:
      Float `[batch]`.
    """
    _assert_logits(real_logits, fake_logits)
    return fake_logits - real_logits


def wasserstein_generator(fake_logits: Array) -> Array:
    """The generator against a critic: `-d(G(z))`.

    Arjovsky et al. 2017, arXiv 1701.07875, equation 2.

    Args:
      fake_logits: float `[batch]`, the critic's outputs.

    Returns:
      Float `[batch]`.
    """
    _assert_logits(fake_logits)
    return -fake_logits


def hinge_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """The hinge loss with margin 1: `max(0, 1 - d(x)) + max(0, 1 + d(G(z)))`.

    Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957.

    Args:
      real_logits: float `[batch]`.
      fake_logits: float `[batch]`.

    Returns:
      Float `[batch]`, at least 0.
    """
    _assert_logits(real_logits, fake_logits)
    return jax.nn.relu(1 - real_logits) + jax.nn.relu(1 + fake_logits)


def hinge_generator(fake_logits: Array) -> Array:
    """The generator of the hinge game: `-d(G(z))`.

    Miyato et al. 2018, arXiv 1802.05957.

    Args:
      fake_logits: float `[batch]`.

    Returns:
      Float `[batch]`.
    """
    _assert_logits(fake_logits)
    return -fake_logits


def least_squares_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """The squared distance to the labels 1 and 0: `(d(x) - 1)^2 / 2 + d(G(z))^2 / 2`.

    Mao et al. 2016, arXiv 1611.04076, with a = 0 and b = c = 1.

    Args:
      real_logits: float `[batch]`; no sigmoid is taken, 1 is "surely real".
      fake_logits: float `[batch]`.

    Returns:
      Float `[batch]`, at least 0.
    """
    _assert_logits(real_logits, fake_logits)
    return jnp.square(real_logits - 1) / 2 + jnp.square(fake_logits) / 2


def least_squares_generator(fake_logits: Array) -> Array:
    """The squared distance of generated images to the label 1: `(d(G(z)) - 1)^2 / 2`.

    Mao et al. 2016, arXiv 1611.04076, with c = 1.

    Args:
      fake_logits: float `[batch]`.

    Returns:
      Float `[batch]`, at least 0.
    """
    _assert_logits(fake_logits)
    return jnp.square(fake_logits - 1) / 2


def relativistic_discriminator(real_logits: Array, fake_logits: Array) -> Array:
    """The cross-entropy of telling which of a pair is real: `-log sigmoid(d(x) - d(G(z)))`.

    Jolicoeur-Martineau 2018, arXiv 1807.00734; Huang et al. 2025, arXiv 2501.05441, equation 2.
    Only differences count: a discriminator cannot win by pushing all generated images to one side.

    Args:
      real_logits: float `[batch]`.
      fake_logits: float `[batch]`; image i is compared with real image i.

    Returns:
      Float `[batch]`, at least 0.
    """
    _assert_logits(real_logits, fake_logits)
    return jax.nn.softplus(fake_logits - real_logits)


def relativistic_generator(fake_logits: Array, real_logits: Array) -> Array:
    """The generator of the paired game: `-log sigmoid(d(G(z)) - d(x))`.

    Jolicoeur-Martineau 2018, arXiv 1807.00734; Huang et al. 2025, arXiv 2501.05441.

    Args:
      fake_logits: float `[batch]`.
      real_logits: float `[batch]`; image i is compared with real image i.

    Returns:
      Float `[batch]`, at least 0.
    """
    _assert_logits(fake_logits, real_logits)
    return jax.nn.softplus(real_logits - fake_logits)


def three_term_discriminator(
    real_logits: Array, fake_logits: Array, transformed_logits: Array
) -> Array:
    """The tutorials' objective: `-log D(x) - log(1 - D(G(z))) - log D(T(x))`.

    It teaches the generator to make transformed images too: what T(x) does shows up in the samples
    (arXiv 2006.10738, section 3.1, "augment reals only").

    Args:
      real_logits: float `[batch]`.
      fake_logits: float `[batch]`.
      transformed_logits: float `[batch]`, of the real images after T.

    Returns:
      Float `[batch]`, at least 0.
    """
    _assert_logits(real_logits, fake_logits, transformed_logits)
    return minimax_discriminator(real_logits, fake_logits) + jax.nn.softplus(-transformed_logits)


def _assert_logits(*logits: Array) -> None:
    chex.assert_rank(logits, 1)
    chex.assert_equal_shape(logits)


minimax = Loss(minimax_discriminator, minimax_generator)
"""The original game, arXiv 1406.2661."""

non_saturating = Loss(minimax_discriminator, non_saturating_generator)
"""The original discriminator with the generator that is used in practice, arXiv 1406.2661."""

wasserstein = Loss(wasserstein_discriminator, wasserstein_generator)
"""The critic's game, arXiv 1701.07875."""

hinge = Loss(hinge_discriminator, hinge_generator)
"""The hinge game, arXiv 1705.02894 and 1802.05957."""

least_squares = Loss(least_squares_discriminator, least_squares_generator)
"""The least-squares game, arXiv 1611.04076."""

relativistic = Loss(relativistic_discriminator, relativistic_generator, relativistic=True)
"""The paired game, arXiv 1807.00734; with R1 and R2 it converges locally, arXiv 2501.05441."""

three_terms = Loss(three_term_discriminator, non_saturating_generator, three_terms=True)
"""The tutorials' game with T(x) as a third term, kept because people know it. It leaks."""
