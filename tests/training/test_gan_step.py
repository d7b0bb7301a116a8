"""The GAN's step against its written loss, on networks small enough to differentiate by hand."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ganjax import models, recipe, training
from ganjax.config import GANConfig
from ganjax.models import Generator, Model
from ganjax.ops import augment, losses, policy
from ganjax.training import penalties, updates
from ganjax.typing import Batch

KEY = jax.random.key(0)
BATCH, SIDE, LATENT, CLASSES = 6, 4, 3, 2
PIXELS = SIDE * SIDE
LATENTS = jax.random.normal(jax.random.key(7), (BATCH, LATENT))
REAL = Batch(
    0.5 * jax.random.normal(jax.random.key(8), (BATCH, SIDE, SIDE, 1)),
    jnp.arange(BATCH, dtype=jnp.int32) % CLASSES,
)
LOSSES = {
    name: getattr(losses, name)
    for name in ("minimax", "non_saturating", "wasserstein", "hinge", "least_squares")
}
RATE = 0.1


def fixed_latents(key, count, *, first=0):
    return LATENTS[first : first + count]


def normal_latents(key, count, *, first=0):
    return jax.random.normal(key, (count, LATENT))


def linear_generator(sample_latents=fixed_latents) -> Generator:
    def init(key):
        return {"params": {"w": 0.3 * jax.random.normal(key, (LATENT, PIXELS))}}

    def apply(variables, latents, labels=None, *, train=False):
        images = latents @ variables["params"]["w"]
        return images.reshape(-1, SIDE, SIDE, 1), {}

    return Generator(init, apply, sample_latents)


def linear_discriminator() -> Model:
    """logit = v . x, so that the step can be solved for what it was computed on."""

    def init(key):
        return {"params": {"v": 0.3 * jax.random.normal(key, (PIXELS,))}}

    def apply(variables, images, labels=None, *, train=False):
        return images.reshape(-1, PIXELS) @ variables["params"]["v"], {}

    return Model(init, apply)


def curved_discriminator() -> Model:
    """logit = (u + e_label) . tanh(V x)."""

    def init(key):
        keys = jax.random.split(key, 3)
        shapes = {"V": (PIXELS, 5), "u": (5,), "e": (CLASSES, 5)}
        return {
            "params": {
                name: 0.5 * jax.random.normal(key, shape)
                for key, (name, shape) in zip(keys, shapes.items(), strict=True)
            }
        }

    def apply(variables, images, labels=None, *, train=False):
        params = variables["params"]
        hidden = jnp.tanh(images.reshape(-1, PIXELS) @ params["V"])
        return jnp.sum((params["u"][None] + params["e"][labels]) * hidden, axis=-1), {}

    return Model(init, apply)


def build(discriminator=None, *, latents=fixed_latents, **settings):
    settings = {
        "loss": losses.non_saturating,
        "generator_optimizer": optax.sgd(RATE),
        "discriminator_optimizer": optax.sgd(RATE),
        **settings,
    }
    discriminator = discriminator or curved_discriminator()
    return training.gan(linear_generator(latents), discriminator, **settings)


def images_of(gan_generator, state):
    return gan_generator.apply(state.generator, LATENTS)[0]


def assert_close(one, other, **tolerance):
    chex.assert_trees_all_close(one, other, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


@pytest.mark.parametrize("r1_weight", [0.0, 3.0], ids=["no R1", "R1"])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_both_updates_descend_the_written_losses(loss, r1_weight):
    gan = build(loss=loss, penalties=[penalties.r1(r1_weight)] if r1_weight else [])
    apply = curved_discriminator().apply
    state = gan.init(KEY)
    images, labels = REAL

    def logits(params, images):
        return apply({"params": params}, images, labels)[0]

    def fake_from(params):
        return linear_generator().apply({"params": params}, LATENTS)[0]

    def discriminator_loss(params):
        real, fake = logits(params, images), logits(params, fake_from(state.generator["params"]))
        one = lambda i: apply({"params": params}, i[0][None], i[1][None])[0][0]  # noqa: E731
        each = jax.vmap(lambda x, y: jax.grad(lambda x: one((x, y)))(x))(images, labels)
        squared = jnp.sum(each**2, axis=(1, 2, 3))
        return jnp.mean(loss.discriminator(real, fake)) + r1_weight / 2 * jnp.mean(squared)

    d_params = state.discriminator["params"]
    value, gradient = jax.value_and_grad(discriminator_loss)(d_params)
    d_expected = jax.tree.map(lambda p, g: p - RATE * g, d_params, gradient)

    def generator_loss(params):
        return jnp.mean(loss.generator(logits(d_expected, fake_from(params))))

    g_params = state.generator["params"]
    g_value, g_gradient = jax.value_and_grad(generator_loss)(g_params)
    g_expected = jax.tree.map(lambda p, g: p - RATE * g, g_params, g_gradient)

    after, metrics = jax.jit(gan.step)(state, REAL, jax.random.key(1))
    assert_close(after.discriminator["params"], d_expected)
    assert_close(after.generator["params"], g_expected)
    assert_close(metrics["generator_loss"], g_value)
    penalty = r1_weight / 2 * metrics["r1"] if r1_weight else 0.0
    assert_close(metrics["discriminator_loss"] + penalty, value)


def test_the_generator_meets_the_updated_discriminator_on_the_same_fake_batch():
    # With a linear critic and plain descent, the step itself tells what it was computed on:
    # v' = v - rate (mean fake - mean real), and w' = w + rate (mean z) v'.
    gan = build(linear_discriminator(), loss=losses.wasserstein, latents=normal_latents)
    state = gan.init(KEY)
    after, metrics = jax.jit(gan.step)(state, REAL, jax.random.key(1))
    v, v_after = state.discriminator["params"]["v"], after.discriminator["params"]["v"]
    real = REAL.images.reshape(BATCH, PIXELS).mean(axis=0)
    fake = (v - v_after) / RATE + real
    assert_close(metrics["fake_logits"], v @ fake, atol=1e-4)
    assert_close(metrics["generator_loss"], -(v_after @ fake), atol=1e-4)
    assert abs(metrics["generator_loss"] + v @ fake) > 1e-2  # not the discriminator of before

    w, w_after = state.generator["params"]["w"], after.generator["params"]["w"]
    latent = (w_after - w) @ v_after / RATE / (v_after @ v_after)
    assert_close(w_after - w, RATE * jnp.outer(latent, v_after), atol=1e-5)
    assert_close(latent @ w, fake, atol=1e-3)


def test_each_step_draws_latents_of_its_own_key():
    gan = build(linear_discriminator(), latents=normal_latents)
    state, step = gan.init(KEY), jax.jit(gan.step)
    one, other = (step(state, REAL, jax.random.key(seed))[1]["fake_logits"] for seed in (1, 2))
    assert one != other


def add(key, images, *, limit):
    return images + limit


@pytest.mark.parametrize("strength", [0.0, 0.5, 2.0])
def test_transforms_reach_real_and_fake_images_in_both_updates(strength):
    gan = build(
        linear_discriminator(),
        loss=losses.wasserstein,
        augment=(policy.Transform(add, 10.0),),
        augment_strength=strength,
    )
    state = gan.init(KEY)
    after, metrics = jax.jit(gan.step)(state, REAL, jax.random.key(1))
    fake = images_of(linear_generator(), state).reshape(BATCH, PIXELS)
    real = REAL.images.reshape(BATCH, PIXELS)
    v, v_after = state.discriminator["params"]["v"], after.discriminator["params"]["v"]
    added = 10.0 * strength
    assert_close(metrics["real_logits"], jnp.mean((real + added) @ v), rtol=1e-4, atol=1e-4)
    assert_close(metrics["fake_logits"], jnp.mean((fake + added) @ v), rtol=1e-4, atol=1e-4)
    expected = -jnp.mean((fake + added) @ v_after)
    assert_close(metrics["generator_loss"], expected, rtol=1e-4, atol=1e-4)


def double(key, images, *, limit):
    return (1 + limit) * images


def test_the_generators_gradient_passes_through_the_transforms():
    plain, doubled = (
        build(linear_discriminator(), loss=losses.wasserstein, augment=transforms, **frozen)
        for frozen in [{"discriminator_optimizer": optax.set_to_zero()}]
        for transforms in [(), (policy.Transform(double, 1.0),)]
    )
    state = plain.init(KEY)
    moves = [
        jax.jit(gan.step)(state, REAL, KEY)[0].generator["params"]["w"]
        - state.generator["params"]["w"]
        for gan in (plain, doubled)
    ]
    assert_close(moves[1], 2 * moves[0], atol=1e-5)


def test_real_fake_and_generator_passes_draw_other_transforms():
    keys = []

    def record(key, images, *, limit):
        jax.debug.callback(lambda data: keys.append(tuple(data.tolist())), jax.random.key_data(key))
        return images

    gan = build(augment=(policy.Transform(record, 1.0),))
    gan.step(gan.init(KEY), REAL, jax.random.key(1))
    jax.effects_barrier()
    assert len(set(keys)) == 3 * BATCH


def test_the_penalty_is_the_squared_gradient_of_the_logits():
    gan = build(linear_discriminator(), penalties=[penalties.r1(2.0)])
    state = gan.init(KEY)
    _, metrics = jax.jit(gan.step)(state, REAL, KEY)
    v = state.discriminator["params"]["v"]
    assert_close(metrics["r1"], v @ v)


def test_averaged_parameters_follow_by_the_decay():
    gan = build(ema_decay=0.2)
    step, state = jax.jit(gan.step), gan.init(KEY)
    expected = state.generator["params"]["w"]
    assert_close(state.ema_generator["params"]["w"], expected)
    # It is reached gradually, as (1 + step) / (10 + step), so that the start is forgotten.
    for taken, decay in enumerate([1 / 10, 2 / 11, 0.2, 0.2]):
        state, _ = step(state, REAL, jax.random.key(taken))
        expected = decay * expected + (1 - decay) * state.generator["params"]["w"]
        assert_close(state.ema_generator["params"]["w"], expected)
    assert int(state.step) == 4


def test_batch_statistics_are_averaged_as_the_parameters_are(conv_gan, conv_batch):
    _, before, step = conv_gan
    after, _ = step(before, conv_batch, KEY)
    expected = jax.tree.map(
        lambda old, new: 0.1 * old + 0.9 * new, before.ema_generator, after.generator
    )
    assert set(expected) == {"params", "batch_stats"}
    chex.assert_trees_all_close(after.ema_generator, expected, rtol=1e-5, atol=1e-6)


def test_the_vectors_of_spectral_normalisation_are_the_newest():
    old = {"params": {"w": jnp.zeros(2)}, "spectral": {"u": jnp.array([1.0, 0.0])}}
    new = {"params": {"w": jnp.ones(2)}, "spectral": {"u": jnp.array([0.0, 1.0])}}
    found = updates.averaged_variables(old, new, jnp.asarray(10**6), 0.75)
    assert_close(found["params"]["w"], jnp.full(2, 0.25))
    assert_close(found["spectral"]["u"], new["spectral"]["u"])


def test_samples_come_from_the_averaged_parameters():
    gan = build()
    state, _ = jax.jit(gan.step)(gan.init(KEY), REAL, KEY)
    images = gan.sample(state, KEY, jnp.zeros(1, jnp.int32))
    expected = (LATENTS[:1] @ state.ema_generator["params"]["w"]).reshape(images.shape)
    assert_close(images, expected)


def test_adam_is_the_default_with_the_rates_of_dcgan():
    gan = build(generator_optimizer=None, discriminator_optimizer=None)
    named = build(
        generator_optimizer=optax.adam(2e-4, b1=0.5, b2=0.999),
        discriminator_optimizer=optax.adam(2e-4, b1=0.5, b2=0.999),
    )
    states = [jax.jit(one.step)(one.init(KEY), REAL, KEY)[0] for one in (gan, named)]
    chex.assert_trees_all_equal(*states)


@pytest.fixture(scope="module")
def conv_gan():
    shape = {"size": 8, "channels": 1, "classes": CLASSES, "width": 4}
    gan = training.gan(
        models.dcgan_generator(**shape, latent_size=8),
        models.mlp_discriminator(size=8, classes=CLASSES, widths=(8,)),
        augment=(policy.Transform(augment.random_brightness, 0.2),),
    )
    return gan, jax.jit(gan.init)(KEY), jax.jit(gan.step)


@pytest.fixture(scope="module")
def conv_batch():
    images = jax.random.uniform(jax.random.key(2), (BATCH, 8, 8, 1), minval=-1.0)
    return Batch(images, REAL.labels)


def test_the_discriminator_keeps_the_statistics_of_the_real_images():
    linear = linear_discriminator()

    def apply(variables, images, labels=None, *, train=False):
        return linear.apply(variables, images)[0], {"batch_stats": jnp.mean(images)}

    def init(key):
        return {**linear.init(key), "batch_stats": jnp.zeros(())}

    gan = build(Model(init, apply))
    after, _ = jax.jit(gan.step)(gan.init(KEY), REAL, KEY)
    assert_close(after.discriminator["batch_stats"], jnp.mean(REAL.images))


def test_a_step_is_a_pure_function(conv_gan, conv_batch):
    _, state, step = conv_gan
    before = jax.tree.map(np.array, (state, conv_batch))
    one, other = step(state, conv_batch, KEY), step(state, conv_batch, KEY)
    chex.assert_trees_all_equal(one, other)
    chex.assert_trees_all_equal(before, (state, conv_batch))
    chex.assert_trees_all_equal_shapes_and_dtypes(state, one[0])


def test_a_step_changes_both_networks_their_average_and_the_batch_statistics(conv_gan, conv_batch):
    _, state, step = conv_gan
    after, metrics = step(state, conv_batch, KEY)
    for name in ("generator", "discriminator", "ema_generator"):
        moved = jax.tree.map(
            lambda a, b: float(jnp.abs(a - b).max()), getattr(state, name), getattr(after, name)
        )
        assert min(jax.tree.leaves(moved)) > 0, (name, moved)
    assert all(np.isfinite(value) for value in metrics.values())
    assert set(metrics) == {
        "discriminator_loss", "generator_loss", "real_logits", "fake_logits",
        "discriminator_gradient", "generator_gradient", "overfit",
    }  # fmt: skip


def test_the_average_shares_no_buffer_with_the_generator():
    # Both are donated by the loop; a shared buffer would be donated twice.
    state = build().init(KEY)
    donate = jax.jit(partial(jax.tree.map, lambda x: x + 1), donate_argnums=0)
    donate(state)


def test_image_i_is_the_same_in_every_batch(conv_gan):
    gan, state, _ = conv_gan
    labels = jnp.arange(7, dtype=jnp.int32) % CLASSES
    sample = jax.jit(gan.sample)
    together = sample(state, KEY, labels)
    chex.assert_shape(together, (7, 8, 8, 1))
    in_parts = [sample(state, KEY, labels[i : i + 4], first=i) for i in (0, 3)]
    assert_close(together, jnp.concatenate([in_parts[0][:3], in_parts[1]]))
    assert jnp.abs(together[0] - together[2]).max() > 1e-6  # one class, other latents


def test_a_gan_without_labels_ignores_those_of_the_batch():
    gan = training.gan(
        models.mlp_generator(size=SIDE, widths=(8,), latent_size=4),
        models.mlp_discriminator(size=SIDE, widths=(8,)),
        augment=(policy.Transform(augment.random_brightness, 0.2),),
    )
    state, step = gan.init(KEY), jax.jit(gan.step)
    one, _ = step(state, REAL, KEY)
    other, _ = step(state, REAL._replace(labels=1 - REAL.labels), KEY)
    chex.assert_trees_all_equal(one, other)


def test_the_discriminator_of_a_configuration_learns_at_its_own_pace():
    config = GANConfig(network="mlp", width=8, learning_rate=1e-3, discriminator_pace=4.0)
    gan = recipe.gan(config, size=8, channels=1, classes=CLASSES)
    images = 0.5 * jax.random.normal(KEY, (BATCH, 8, 8, 1))
    before = jax.jit(gan.init)(KEY)
    after, _ = jax.jit(gan.step)(before, Batch(images, REAL.labels), KEY)

    def largest_change(old, new):
        changes = jax.tree.map(lambda a, b: jnp.max(jnp.abs(a - b)), old["params"], new["params"])
        return max(jax.tree.leaves(changes))

    # Adam's first update is the learning rate, whatever the gradient
    assert largest_change(before.generator, after.generator) == pytest.approx(1e-3, rel=1e-3)
    assert largest_change(before.discriminator, after.discriminator) == pytest.approx(
        4e-3, rel=1e-3
    )
