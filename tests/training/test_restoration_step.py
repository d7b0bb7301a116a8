"""The restorer's step: its equations, what it learns, and that devices do not change it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ganjax import models
from ganjax.data import loader
from ganjax.data.patches import sample_patches
from ganjax.data.sources import Dataset
from ganjax.models import Restorer
from ganjax.ops import losses, pixel_losses
from ganjax.training import loop, restoration, sharding
from ganjax.training.restoration import Adversary, FeatureLoss
from ganjax.typing import Batch

KEY, SIDE, WEIGHT, FEATURE_WEIGHT, RATE = jax.random.key(0), 4, 0.3, 0.7, 0.1


def degrade(key, images, *, first=0):
    """Noise, other for each image, by its number in the batch."""

    def one(number, image):
        return image + 0.2 * jax.random.normal(jax.random.fold_in(key, number), image.shape)

    return jax.vmap(one)(first + jnp.arange(images.shape[0]), images)


def affine():
    """A pixel's estimate by two numbers: small enough to differentiate by hand of the equation."""

    def apply(variables, images, *, train=False, axis_name=None):
        gain, offset = variables["params"]
        return gain * jnp.tanh(images) + offset, {}

    return Restorer(lambda key: {"params": jnp.array([0.8, 0.1])}, apply, 0, 1)


def of_pairs():
    """A logit for each row of pixels."""

    def init(key):
        return {"params": jax.random.normal(key, (SIDE, 2))}

    def apply(variables, pairs, labels=None, *, train=False, axis_name=None):
        return jnp.einsum("bhwc,wc->bh", jnp.sin(pairs), variables["params"]), {}

    return models.Model(init, apply)


def features(images):
    return jnp.cos(2 * images).reshape(images.shape[0], -1)[:, :5]


def build(loss=losses.non_saturating, optimizer=optax.sgd):
    return restoration(
        affine(),
        degrade,
        pixel_loss=pixel_losses.l2,
        adversary=Adversary(of_pairs(), WEIGHT, loss, optimizer(RATE)),
        feature_loss=FeatureLoss(features, FEATURE_WEIGHT),
        optimizer=optimizer(RATE),
    )


def batch_of(count):
    images = jax.random.uniform(jax.random.key(1), (count, SIDE, SIDE, 1), minval=-1.0)
    return Batch(images, jnp.zeros(count, jnp.int32))


@pytest.mark.parametrize("loss", [losses.non_saturating, losses.relativistic])
def test_a_step_descends_the_published_objectives(loss):
    own, batch = build(loss), batch_of(6)
    before = own.init(KEY)
    after, metrics = jax.jit(own.step)(before, batch, KEY)
    x, y = batch.images, degrade(KEY, batch.images)
    judge = of_pairs().apply

    def logits(d, images):
        return judge({"params": d}, jnp.concatenate([y, images], -1))[0].reshape(-1)

    def restored(r):
        return affine().apply({"params": r}, y)[0]

    r0, d0 = before.restorer["params"], before.discriminator["params"]

    def discriminator(d):
        return jnp.mean(loss.discriminator(logits(d, x), logits(d, restored(r0))))

    d1 = d0 - RATE * jax.grad(discriminator)(d0)

    def restorer(r):
        fake = logits(d1, restored(r))
        adversarial = loss.generator(fake, logits(d1, x)) if loss.relativistic else (
            loss.generator(fake)
        )  # fmt: skip
        pixels = jnp.mean(jnp.square(restored(r) - x))
        seen = jnp.mean(jnp.square(features(restored(r)) - features(x)))
        return pixels + WEIGHT * jnp.mean(adversarial) + FEATURE_WEIGHT * seen

    r1 = r0 - RATE * jax.grad(restorer)(r0)
    np.testing.assert_allclose(after.discriminator["params"], d1, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(after.restorer["params"], r1, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(metrics["restorer_loss"], restorer(r0), rtol=1e-5)
    np.testing.assert_allclose(metrics["discriminator_loss"], discriminator(d0), rtol=1e-5)
    assert after.step == 1
    np.testing.assert_allclose(after.ema_params, r0 + 0.9 * (r1 - r0), rtol=1e-5)


def test_without_an_adversary_there_is_no_discriminator_at_all():
    plain = restoration(affine(), degrade, pixel_loss=pixel_losses.l1, optimizer=optax.sgd(RATE))
    state = plain.init(KEY)
    assert state.discriminator == {}
    assert state.discriminator_optimizer == ()
    _, metrics = jax.jit(plain.step)(state, batch_of(4), KEY)
    assert set(metrics) == {"pixel_loss", "restorer_loss", "restorer_gradient"}


def test_it_learns_to_remove_noise():
    """The best affine estimate of a uniform pixel under this noise has 0.036 squared error."""
    plain = restoration(affine(), degrade, pixel_loss=pixel_losses.l2, optimizer=optax.adam(0.02))
    images = batch_of(64)
    state, step = plain.init(KEY), jax.jit(plain.step)
    for n in range(150):
        state, metrics = step(state, images, jax.random.fold_in(KEY, n))
    other = jax.random.uniform(jax.random.key(7), (256, SIDE, SIDE, 1), minval=-1.0)
    noisy = degrade(jax.random.key(8), other)
    before, after = (float(jnp.mean((own - other) ** 2)) for own in (
        noisy, plain.restore(state, noisy),
    ))  # fmt: skip
    assert after < 0.95 * before
    assert metrics["pixel_loss"] < 0.04


@pytest.fixture(scope="module")
def originals():
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 6, 1), np.uint8)
    return Dataset("noise", images, np.zeros(50, np.int32), ("image",))


def test_one_device_and_eight_learn_the_same_by_jit_and_by_pmap(originals):
    own = build(optimizer=optax.adam)
    draw = partial(sample_patches, batch_size=16, patch=SIDE, turned=True)
    data = loader.to_device(originals)
    alone, told = loop.repeat(own.step, draw)(jax.jit(own.init)(KEY), data, KEY, steps=5)
    mesh = sharding.make_mesh()
    parts = sharding.place_data(originals.take, len(originals), mesh)
    spread = sharding.compile_steps(own.step, draw, mesh)
    found = [spread(sharding.init_state(own.init, KEY, mesh), parts, KEY, steps=5)]
    found.append(sharding.pmap_steps(own.step, draw)(jax.jit(own.init)(KEY), parts, KEY, steps=5))
    for state, metrics in found:
        jax.tree.map(
            partial(np.testing.assert_allclose, rtol=2e-4, atol=1e-6),
            jax.device_get((state, metrics)),
            jax.device_get((alone, told)),
        )
