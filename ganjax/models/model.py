"""The shape of every network: a pair of pure functions, as Optax's transformations are."""

from collections.abc import Callable
from typing import NamedTuple

from ganjax.typing import Array, Key, Variables


class Model(NamedTuple):
    """A network as two pure functions.

    Attributes:
      init: `key -> variables`.
      apply: `(variables, inputs, labels=None, *, train=False, axis_name=None) -> (outputs,
        updates)`, where `updates` are the new batch statistics and vectors of spectral
        normalisation (`{}` where there are none or `train` is False). A step gives `axis_name`, the
        mapped axis that the batch is spread over, only under `pmap`.
    """

    init: Callable[[Key], Variables]
    apply: Callable[..., tuple[Array, Variables]]


class Generator(NamedTuple):
    """A `Model` from latents to images, with the distribution that its latents come from.

    Attributes:
      init: `key -> variables`.
      apply: `(variables, latents, labels=None, *, train=False, axis_name=None) -> (images in
        [-1, 1], updates)`.
      sample_latents: `(key, count, *, first=0) -> float32 [count, latent_size]`; row i is number
        `first + i` of the key, whatever the count.
    """

    init: Callable[[Key], Variables]
    apply: Callable[..., tuple[Array, Variables]]
    sample_latents: Callable[..., Array]
