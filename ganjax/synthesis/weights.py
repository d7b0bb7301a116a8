"""Weights alone, for whatever reads safetensors: one file of arrays, one of words about them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ganjax.data.atomic import write_bytes_atomically, write_json_atomically
from ganjax.errors import UserError

ARRAYS, WORDS = "weights.safetensors", "weights.json"


def write_weights(folder: Path, trees: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write nested arrays as FOLDER/weights.safetensors, and FOLDER/weights.json about them.

    Args:
      folder: where.
      trees: nested mappings of arrays; each is named by its path, such as
        `generator/params/Dense_0/bias`.
      facts: any JSON value, to be kept with them.

    Raises:
      UserError: safetensors is not installed.
    """
    arrays = {
        "/".join(str(part.key) for part in path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(dict(trees))
    }
    content = _safetensors().save(arrays)
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
      UserError: the files are missing, damaged, or do not belong together.
    """
    try:
        content = (folder / ARRAYS).read_bytes()
        expected = json.loads((folder / WORDS).read_text())["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} holds no whole weights: {error}") from None
    if hashlib.sha256(content).hexdigest() != expected:
        raise UserError(f"{folder / ARRAYS} is damaged: it is not what {WORDS} was written for")
    found: dict[str, Any] = {}
    for name, array in _safetensors().load(content).items():
        *above, last = name.split("/")
        place = found
        for part in above:
            place = place.setdefault(part, {})
        place[last] = array
    return found


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise UserError("weights need safetensors: pip install safetensors") from None
    return safetensors.numpy
