"""Steps on labelled and unlabelled images are the same on one device and on eight."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.data import loader
from ganjax.data.dataset import Dataset
from ganjax.data.partly import WithUnlabelled, sample_partly_labelled
from ganjax.ops import spread
from ganjax.training import loop, sharding
from ganjax.typing import Array

KEY, STEPS, BATCH, UNLABELLED = jax.random.key(0), 5, 16, 24


def images(count: int, seed: int) -> Dataset:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), np.uint8)
    return Dataset("toy", pixels, np.arange(count, dtype=np.int32) % 3, ("a", "b", "c"))


FEW, MANY = images(37, 0), images(53, 1).without_labels()


class Mean(NamedTuple):
    step: Array
    mean: Array
    labels: Array


def init(key):
    return Mean(jnp.int32(0), jnp.zeros((8, 8, 1)), jnp.float32(0))


def step(state, batch, key, *, axis_name=None):
    """Move towards the labelled images, and twice as much towards the others."""
    towards = jnp.mean(batch.images, axis=0)
    if len(batch.unlabelled):
        towards += 2 * jnp.mean(batch.unlabelled, axis=0)
    towards = spread.mean(towards, axis_name)
    labels = spread.mean(jnp.mean(batch.labels.astype(jnp.float32)), axis_name)
    new = Mean(state.step + 1, 0.9 * state.mean + towards, state.labels + labels)
    return new, {"towards": jnp.mean(towards)}


def sample(key, data, *, axis_name=None):
    return sample_partly_labelled(key, data, BATCH, UNLABELLED, axis_name=axis_name)


@pytest.fixture(scope="module")
def parts():
    """A mesh of eight devices, and both sets spread over it."""
    mesh = sharding.make_mesh(8)
    return mesh, tuple(sharding.place_data(own.take, len(own), mesh) for own in (FEW, MANY))


@pytest.fixture(
    scope="module",
    params=[True, False],
    ids=["both parts", "no unlabelled images"],
)
def alone(request):
    """How sets are put together, and what five steps come to on one device."""
    together = WithUnlabelled if request.param else lambda few, many: few
    data = together(loader.to_device(FEW), loader.to_device(MANY))
    return together, loop.repeat(step, sample)(init(KEY), data, KEY, steps=STEPS)


def assert_same(found, expected):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), found, expected)


@pytest.mark.parametrize("shard_state", [False, True], ids=["a state each", "state spread"])
def test_steps_over_a_mesh_are_those_of_one_device(alone, parts, shard_state):
    together, expected = alone
    mesh, placed = parts
    state = sharding.init_state(init, KEY, mesh, shard_state=shard_state)
    call = sharding.compile_steps(step, sample, mesh, shard_state=shard_state)
    assert_same(call(state, together(*placed), KEY, steps=STEPS), expected)


def test_steps_by_pmap_are_those_of_one_device(alone, parts):
    together, expected = alone
    call = sharding.pmap_steps(step, sample)
    assert_same(call(init(KEY), together(*parts[1]), KEY, steps=STEPS), expected)
