"""Kernels divided by their largest singular value, with a state of their own."""

import flax.linen as nn
import jax

from ganjax.ops.spectral import spectral_norm
from ganjax.typing import Array

FIRST_ITERATIONS = 15
"""Of the power method when a kernel is initialised; afterwards, one per training step."""


def spectrally_normalized(module: nn.Module, kernel: Array) -> Array:
    """Divide a module's kernel by its largest singular value (arXiv 1802.05957).

    The vector of the power method lives in the collection "spectral", beside "batch_stats"; every
    application of a training step begins with the same. It depends on parameters alone, so it is
    the same on every device and needs no exchange.
    """

    def first() -> Array:
        start = jax.random.normal(module.make_rng("params"), kernel.shape[-1:])
        return spectral_norm(kernel, start, iterations=FIRST_ITERATIONS)[1]

    u = module.variable("spectral", "u", first)
    sigma, latest = spectral_norm(kernel, u.value)
    if module.is_mutable_collection("spectral"):
        u.value = latest
    return kernel / sigma.astype(kernel.dtype)
