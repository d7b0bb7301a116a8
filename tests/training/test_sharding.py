"""A training is the same on one device, on eight by jit or pmap, and with its state over them.

Eight fake devices of one CPU (tests/conftest.py); everything is compared after the same 20 steps.
"""

import re
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

from ganjax import models, training
from ganjax.data import loader
from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.ops import augment, policy
from ganjax.training import loop, penalties, sharding

KEY = jax.random.key(0)
STEPS, BATCH, CLASSES = 20, 16, 3
T = (policy.Transform(augment.random_brightness, 0.5),)


def images(count, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 8, 8, 1), np.uint8)
    return Dataset("toy", pixels, np.arange(count, dtype=np.int32) % CLASSES, ("a", "b", "c"))


REAL, GENERATED = images(37, 0), images(21, 1)


def plain(key, data, *, axis_name=None):
    return loader.sample_batch(key, data[0], BATCH, axis_name=axis_name)


def mixed(key, data, *, axis_name=None):
    return loader.mixed_batch(key, *data, 0.3, BATCH, axis_name=axis_name)


def gan_with_batch_normalisation():
    shape = {"size": 8, "channels": 1, "classes": CLASSES, "width": 4}
    generator = models.dcgan_generator(**shape, latent_size=8)
    return training.gan(generator, models.dcgan_discriminator(**shape), augment=T), plain


def gan_with_r1():
    shape = {"size": 8, "channels": 1, "classes": CLASSES, "widths": (16,)}
    generator = models.mlp_generator(**shape, latent_size=8)
    discriminator = models.mlp_discriminator(**shape)
    return training.gan(generator, discriminator, augment=T, penalties=(penalties.r1(1.0),)), plain


def classifier_on_mixed_batches():
    model = models.conv_classifier(size=8, classes=CLASSES, width=4)
    return training.classifier(model, augment=T), mixed


@pytest.fixture(scope="module")
def mesh():
    return sharding.make_mesh()


@pytest.fixture(scope="module")
def parts(mesh):
    return tuple(sharding.place_data(own.take, len(own), mesh) for own in (REAL, GENERATED))


@pytest.fixture(
    scope="module",
    params=[gan_with_batch_normalisation, gan_with_r1, classifier_on_mixed_batches],
    ids=lambda build: build.__name__,
)
def alone(request):
    """The kind of training, its sampler, and what it is after its steps on one device."""
    kind, sample = request.param()
    data = (loader.to_device(REAL), loader.to_device(GENERATED))
    trained = loop.repeat(kind.step, sample)(jax.jit(kind.init)(KEY), data, KEY, steps=STEPS)
    return kind, sample, jax.device_get(trained)


def assert_same(found, expected):
    """Every array within 1e-4 of its norm."""
    paths = jax.tree_util.tree_leaves_with_path(expected)
    assert len(paths) > 5
    for (path, wanted), got in zip(paths, jax.tree.leaves(found), strict=True):
        error = np.linalg.norm(np.float64(got) - wanted)
        assert error <= 1e-4 * max(np.linalg.norm(wanted), 1e-6), jax.tree_util.keystr(path)


# What may pass between devices: means; where the state is spread, parameters too; images never.
ALLOWED = {"jit": {"all-reduce"}, "jit, state spread": {"all-reduce", "all-gather"}}


@pytest.mark.parametrize("way", ALLOWED)
def test_twenty_steps_over_a_mesh_are_those_of_one_device(alone, mesh, parts, way):
    kind, sample, expected = alone
    shard_state = way != "jit"
    state = sharding.init_state(kind.init, KEY, mesh, shard_state=shard_state)
    call = sharding.compile_steps(kind.step, sample, mesh, shard_state=shard_state)
    compiled = call.lower(state, parts, KEY, steps=STEPS).compile()
    collectives = r"(all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)\("
    assert set(re.findall(collectives, compiled.as_text())) == ALLOWED[way]
    assert_same(compiled(state, parts, KEY), expected)


def test_twenty_steps_by_pmap_are_those_of_one_device(alone, parts):
    kind, sample, expected = alone
    call = sharding.pmap_steps(kind.step, sample)
    assert_same(call(jax.jit(kind.init)(KEY), parts, KEY, steps=STEPS), expected)


def test_a_spread_state_is_whole_on_no_device(mesh):
    kind, _ = gan_with_r1()
    state = sharding.init_state(kind.init, KEY, mesh, shard_state=True)
    expected = jax.jit(kind.init)(KEY)
    for leaf, wanted in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
        held = leaf.addressable_shards[0].data.size
        divides = any(size % 8 == 0 for size in leaf.shape)
        assert held == (leaf.size // 8 if divides else leaf.size)
        np.testing.assert_array_equal(leaf, wanted)
    jax.tree.map(np.testing.assert_array_equal, sharding.to_host(state), jax.device_get(expected))


def test_a_device_holds_only_the_rows_that_it_draws(mesh):
    asked = []

    def read(rows):
        asked.append(rows.tolist())
        return REAL.take(rows)

    parts = sharding.place_data(read, len(REAL), mesh)
    assert asked == [list(range(37))]  # one process has all devices
    assert parts.images.shape == (8, 6, 8, 8, 1)
    for part, (pixels, labels) in enumerate(
        zip(parts.images.addressable_shards, parts.labels.addressable_shards, strict=True)
    ):
        rows = loader.rows_of_part(37, part, 8)
        np.testing.assert_array_equal(pixels.data[0, : len(rows)], REAL.images[rows])
        np.testing.assert_array_equal(labels.data[0, : len(rows)], REAL.labels[rows])


@pytest.mark.parametrize("devices", [1, 2, 8])
def test_a_batch_is_the_same_on_any_number_of_devices(devices):
    mesh = sharding.make_mesh(devices)
    spread = sharding.place_data(REAL.take, len(REAL), mesh)
    expected = loader.sample_batch(KEY, loader.to_device(REAL), BATCH)
    drawn = jax.jit(partial(loader.sample_batch, batch_size=BATCH))(KEY, spread)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-6), drawn, expected)


def test_a_run_continues_on_other_devices_where_it_stopped(tmp_path):
    kind, sample = gan_with_r1()

    @cache
    def over(devices):
        mesh = sharding.make_mesh(devices)
        data = tuple(sharding.place_data(own.take, len(own), mesh) for own in (REAL, GENERATED))
        return mesh, data, sharding.compile_steps(kind.step, sample, mesh, shard_state=True)

    def run(devices, updates, folder):
        mesh, data, call = over(devices)
        state = sharding.init_state(kind.init, KEY, mesh, shard_state=True)
        settings = {"updates": updates, "steps_per_call": 2, "folder": folder}
        return loop.train(call, state, data, KEY, **settings)

    run(8, 2, tmp_path)
    resumed, whole = run(2, 4, tmp_path), run(2, 4, None)
    assert_same(resumed.state, jax.device_get(whole.state))
    np.testing.assert_allclose(
        resumed.history["generator_loss"], whole.history["generator_loss"], rtol=1e-4
    )


def test_sample_i_is_the_same_image_on_any_devices(mesh):
    kind, _ = gan_with_r1()
    state = jax.jit(kind.init)(KEY)
    labels = jnp.arange(16, dtype=jnp.int32) % CLASSES
    alone = jax.jit(kind.sample)(state, KEY, labels)
    rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(sharding.AXIS))
    spread = sharding.init_state(kind.init, KEY, mesh, shard_state=True)
    over_eight = jax.jit(kind.sample, out_shardings=rows)(spread, KEY, labels)
    np.testing.assert_allclose(over_eight, alone, atol=1e-5)
    last = jax.jit(kind.sample)(state, KEY, labels[-3:], 13)
    np.testing.assert_allclose(last, alone[-3:], atol=1e-5)


def test_what_does_not_fit_is_said_in_one_line(mesh):
    with pytest.raises(UserError, match="--devices 9, but JAX sees only 8"):
        sharding.make_mesh(9)
    with pytest.raises(UserError, match="at least 1, not 0"):
        sharding.make_mesh(0)
    with pytest.raises(UserError, match=r"batch of 12 .* 8 devices.* --devices 6 .*batch-size 16"):
        sharding.check_batch(12, mesh)
    two_axes = Mesh(np.array(jax.devices()).reshape(4, 2), ("data", "model"))
    kind, sample = gan_with_r1()
    with pytest.raises(UserError, match="one axis, 'devices'"):
        sharding.compile_steps(kind.step, sample, two_axes)
    with pytest.raises(UserError, match="one axis, 'devices'"):
        sharding.place_data(REAL.take, len(REAL), two_axes)
    with pytest.raises(UserError, match="batch of 12 does not divide by 8 devices"):
        loader.sample_batch(KEY, sharding.place_data(REAL.take, len(REAL), mesh), 12)
