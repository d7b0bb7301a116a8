"""Networks that compute in bfloat16 and learn in float32."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from ganjax.models.model import Generator, Model
from ganjax.typing import Array, Variables

AModel = TypeVar("AModel", Model, Generator)


def in_bfloat16(model: AModel) -> AModel:
    """Return the same network with its products in bfloat16 (arXiv 1710.03740, 1905.12322).

    Parameters, their gradients, the optimizer's state, batch statistics and outputs stay float32;
    parameters and inputs are rounded on their way into `apply`. Half the memory traffic, and the
    matrix units of a GPU or TPU at their full rate.

    Args:
      model: any `Model` or `Generator`.

    Returns:
      A network of the same variables, inputs and outputs.
    """

    def apply(
        variables: Variables, inputs: Array, labels: Array | None = None, **how: Any
    ) -> tuple[Array, Variables]:
        rounded = jax.tree.map(_round, variables["params"])
        outputs, updates = model.apply(
            {**variables, "params": rounded}, _round(inputs), labels, **how
        )
        return outputs.astype(jnp.float32), updates

    return model._replace(apply=apply)


def _round(array: Array) -> Array:
    return array.astype(jnp.bfloat16) if jnp.issubdtype(array.dtype, jnp.floating) else array
