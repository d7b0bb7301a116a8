"""Trainings side by side: each row on its device, and what it would have become alone."""

import re
from dataclasses import dataclass, replace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models, training
from ganjax.ops import augment, policy
from ganjax.training import loop, side_by_side
from ganjax.typing import Batch

DEVICES = jax.devices()
COLLECTIVES = "all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute|collective-broad"


@pytest.fixture(scope="module")
def gan():
    shape = {"size": 8, "channels": 1, "classes": 2}
    return training.gan(
        models.mlp_generator(**shape, widths=(16,), latent_size=4),
        models.mlp_discriminator(**shape, widths=(16,)),
        augment=(policy.Transform(augment.random_brightness, 0.2),),
    )


def draw(key, data):
    indices = jax.random.randint(key, (4,), 0, len(data.labels))
    return Batch(data.images[indices], data.labels[indices])


@pytest.fixture(scope="module")
def call(gan):
    return loop.repeat(gan.step, draw)


KEYS = [jax.random.fold_in(jax.random.key(0), number) for number in range(5)]
DATA = [
    Batch(jax.random.uniform(key, (20, 8, 8, 1), minval=-1.0), jnp.arange(20, dtype=jnp.int32) % 2)
    for key in KEYS
]


@pytest.fixture(scope="module")
def five(gan, call):
    """Five GANs on five of eight devices: the group, the compiled call, its inputs' shapes."""
    group = side_by_side.group(5)
    keys = group.stack(KEYS)
    state = side_by_side.spread(gan.init, group.mesh)(keys)
    data = group.stack(DATA)
    compiled = side_by_side.many_steps(call, group.mesh).lower(state, data, keys, steps=3).compile()
    return group, compiled, *compiled(state, data, keys)


@pytest.fixture(scope="module")
def alone(gan, call):
    """The same GANs one after another, and what their call was compiled to."""
    init = jax.jit(gan.init)
    compiled = call.lower(init(KEYS[0]), DATA[0], KEYS[0], steps=3).compile()
    return compiled, [compiled(init(k), d, k) for k, d in zip(KEYS, DATA, strict=True)]


@pytest.mark.parametrize(
    ("devices", "count", "rows", "used"),
    [
        (8, 1, (0,), 1),
        (8, 5, (0, 1, 2, 3, 4), 5),
        (8, 10, tuple(range(10)), 5),
        (4, 5, (0, 1, 2, 3, 4, 4), 3),
        (2, 3, (0, 1, 2, 2), 2),
        (1, 5, (0, 1, 2, 3, 4), 1),
    ],
)
def test_trainings_are_seated_evenly_and_left_over_rows_repeat_the_last(
    devices, count, rows, used, monkeypatch
):
    monkeypatch.setattr(jax, "devices", lambda: DEVICES[:devices])
    group = side_by_side.group(count)
    assert (group.rows, group.mesh.size, group.count) == (rows, used, count)


def test_all_run_at_once_but_on_a_single_cpu(monkeypatch):
    assert side_by_side.at_once(5) == 5
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    assert side_by_side.at_once(5) == 1
    monkeypatch.setattr(side_by_side, "_take_turns", lambda: False)  # an accelerator
    assert side_by_side.at_once(5) == 5


def test_what_is_stacked_comes_apart_again():
    group = side_by_side.group(3)
    trees = [{"a": np.full((2, 2), i), "b": jnp.float32(i)} for i in range(3)]
    stacked = group.stack(trees)
    chex.assert_shape(stacked["a"], (3, 2, 2))
    for got, expected in zip(group.unstack(stacked), trees, strict=True):
        chex.assert_trees_all_equal(got, expected)
    assert (group.stack(KEYS[:3]) == jnp.stack(KEYS[:3])).all()


def test_each_training_becomes_what_it_would_have_become_alone(five, alone):
    group, _, state, metrics = five
    rows = zip(group.unstack(state), group.unstack(metrics), alone[1], strict=True)
    for own, own_metrics, (expected, expected_metrics) in rows:
        chex.assert_trees_all_close(own, jax.device_get(expected), atol=1e-6)
        chex.assert_trees_all_close(own_metrics, jax.device_get(expected_metrics), rtol=1e-5)
        assert own.step == 3


def test_each_device_holds_its_own_training_and_nothing_else(five):
    group, _, state, metrics = five
    for leaf in jax.tree.leaves((state, metrics)):
        held = {shard.device: shard.index[0] for shard in leaf.addressable_shards}
        assert held == {device: slice(i, i + 1) for i, device in enumerate(group.mesh.devices)}


def test_no_number_passes_between_devices(five):
    assert re.findall(COLLECTIVES, five[1].as_text()) == []


def test_a_device_does_the_work_of_one_training(five, alone):
    assert five[1].cost_analysis()["flops"] == pytest.approx(
        alone[0].cost_analysis()["flops"], rel=0.02
    )


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Line:
    """A regression that compiles in no time."""

    step: jax.Array
    weights: jax.Array


def descend(state, batch, key):
    del key

    def loss(weights):
        return jnp.mean((jnp.einsum("bhwc,hwc->b", batch.images, weights) - batch.labels) ** 2)

    value, gradient = jax.value_and_grad(loss)(state.weights)
    return replace(state, step=state.step + 1, weights=state.weights - 0.01 * gradient), {
        "line_loss": value
    }


def begin(key):
    return Line(jnp.zeros((), jnp.int32), jax.random.normal(key, (8, 8, 1)))


@pytest.fixture(scope="module")
def lines():
    """Three regressions, each trained alone by the loop."""
    line = loop.repeat(descend, draw)
    return line, [
        loop.train(line, begin(key), data, key, updates=6, steps_per_call=2)
        for key, data in zip(KEYS[:3], DATA[:3], strict=True)
    ]


def train_group(call, group, **settings):
    keys = group.stack(KEYS[:3])
    return loop.train(
        side_by_side.many_steps(call, group.mesh),
        side_by_side.spread(begin, group.mesh)(keys),
        group.stack(DATA[:3]),
        keys,
        **{"updates": 6, "steps_per_call": 2, **settings},
    )


@pytest.mark.parametrize("turns", [True, False], ids=["in turn", "by vmap"])
@pytest.mark.parametrize("devices", [1, 2, 8])
def test_any_number_of_devices_gives_the_same(devices, turns, lines, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda: DEVICES[:devices])
    monkeypatch.setattr(side_by_side, "_take_turns", lambda: turns)
    side_by_side.many_steps.cache_clear()
    group = side_by_side.group(3)
    found = train_group(lines[0], group)
    for i, (own, alone) in enumerate(zip(group.unstack(found.state), lines[1], strict=True)):
        chex.assert_trees_all_close(own, jax.device_get(alone.state), rtol=1e-5)
        assert found.history["update"] == alone.history["update"]
        np.testing.assert_allclose(
            [row[i] for row in found.history["line_loss"]], alone.history["line_loss"], rtol=1e-5
        )


def test_a_group_cut_and_resumed_equals_the_uninterrupted_one(lines, tmp_path):
    group = side_by_side.group(3)
    expected = train_group(lines[0], group)
    train_group(lines[0], group, updates=4, folder=tmp_path)
    found = train_group(lines[0], group, folder=tmp_path)
    chex.assert_trees_all_equal(found.state, expected.state)
    assert found.history == expected.history
    assert found.state.weights.sharding == expected.state.weights.sharding


def test_a_tick_tells_the_mean_of_a_group(lines):
    told = []
    history = train_group(
        lines[0], side_by_side.group(3), tick=lambda done, note="": told.append((done, note))
    ).history
    assert told[-1] == (6, f"line {np.mean(history['line_loss'][-1]):.2f}")
