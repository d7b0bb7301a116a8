"""Weights alone are written as safetensors, and read back only whole."""

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from ganjax.errors import UserError
from ganjax.synthesis.weights import ARRAYS, WORDS, read_weights, write_weights

TREES = {
    "generator": {"params": {"Dense_0": {"kernel": jnp.arange(6.0).reshape(2, 3)}}},
    "discriminator": {"params": {"half": jnp.ones(3, jnp.bfloat16)}, "stats": {"n": jnp.int32(7)}},
}


@pytest.fixture
def folder(tmp_path):
    write_weights(tmp_path, TREES, {"update": 9})
    return tmp_path


def test_what_was_written_is_read(folder):
    found = read_weights(folder)
    np.testing.assert_array_equal(
        found["generator"]["params"]["Dense_0"]["kernel"], np.arange(6.0).reshape(2, 3)
    )
    assert found["discriminator"]["params"]["half"].dtype == jnp.bfloat16
    assert found["discriminator"]["stats"]["n"] == 7


def test_others_can_read_it(folder):
    found = load_file(folder / ARRAYS)
    assert set(found) == {
        "generator/params/Dense_0/kernel", "discriminator/params/half", "discriminator/stats/n"
    }  # fmt: skip


@pytest.mark.parametrize("at", [0, 8, 60, -1])
def test_a_flipped_bit_is_found(folder, at):
    content = bytearray((folder / ARRAYS).read_bytes())
    content[at] ^= 1
    (folder / ARRAYS).write_bytes(content)
    with pytest.raises(UserError, match="is damaged"):
        read_weights(folder)


@pytest.mark.parametrize("name", [ARRAYS, WORDS])
def test_a_missing_half_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match="holds no whole weights"):
        read_weights(folder)
