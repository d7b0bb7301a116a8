"""Weights alone, for whatever reads safetensors: one file of arrays, one of words about them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.errors import UserError

ARRAYS, WORDS = "weights.safetensors", "weights.json"


def write_weights(folder: Path, trees: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write nested arrays as FOLDER/weights.safetensors, and FOLDER/weights.json about them.

    Args:
      folder: where.
      trees: nested arrays; each is named by its path, such as `generator/params/Dense_0/bias`.
      facts: any JSON value, to be kept with them.

    Raises:
      UserError: safetensors is not installed.
    """
    leaves = jax.tree_util.tree_leaves_with_path(dict(trees))
    # In C's order: safetensors writes the memory of a transposed array as it lies
    arrays = {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf, order="C")
        for path, leaf in leaves
    }
    if len(arrays) < len(leaves):
        raise ValueError("two arrays have the same path")
    content = _safetensors().numpy.save(arrays)
    about = {
        "facts": dict(facts),
        "sha256": hashlib.sha256(content).hexdigest(),
        "arrays": {n: {"shape": a.shape, "dtype": str(a.dtype)} for n, a in arrays.items()},
    }
    write_bytes_atomically(folder / ARRAYS, content)
    write_json_atomically(folder / WORDS, about)


def read_weights(folder: Path) -> dict[str, Any]:
    """Read what `write_weights` wrote: nested dictionaries of arrays.

    Raises:
      UserError: the files are missing, damaged, or do not belong together; or safetensors is not
        installed.
    """
    try:
        content = (folder / ARRAYS).read_bytes()
        about = json.loads((folder / WORDS).read_text())
        expected = about["sha256"]
        dtypes = {name: jnp.dtype(array["dtype"]) for name, array in about["arrays"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{folder} holds no whole weights: {error}") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise UserError(f"{folder / ARRAYS} is damaged: it is not what {WORDS} was written for")
    found: dict[str, Any] = {}
    # Not by safetensors.numpy, which reads no bfloat16
    for name, array in _safetensors().deserialize(content):
        *above, last = name.split("/")
        place = found
        for part in above:
            place = place.setdefault(part, {})
        place[last] = np.frombuffer(array["data"], dtypes[name]).reshape(array["shape"])
    return found


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise UserError("weights need safetensors: pip install safetensors") from None
    return safetensors
