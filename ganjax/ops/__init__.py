"""Pure array functions: they import JAX and nothing else, and run under jit, vmap and grad."""

from ganjax.ops import augment, conv, degrade, losses, policy, regularizers

__all__ = ["augment", "conv", "degrade", "losses", "policy", "regularizers"]
