"""The GAN's step with every penalty, with adaptive T(x), and in games of pairs and of three."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import Mesh, PartitionSpec

from ganjax import models, training
from ganjax.errors import UserError
from ganjax.models import Generator, Model
from ganjax.ops import augment, losses, policy
from ganjax.training import penalties
from ganjax.training.gan import Adaptive
from ganjax.typing import Batch

KEY = jax.random.key(0)
BATCH, SIDE, LATENT = 8, 4, 3
PIXELS = SIDE * SIDE
RATE = 0.1
REAL = Batch(
    0.5 * jax.random.normal(jax.random.key(8), (BATCH, SIDE, SIDE, 1)),
    jnp.zeros(BATCH, jnp.int32),
)
BRIGHTER = (policy.Transform(augment.random_brightness, 0.5),)


def latents_of(key, count, *, first=0):
    def one(number):
        return jax.random.normal(jax.random.fold_in(key, number), (LATENT,))

    return jax.vmap(one)(first + jnp.arange(count))


def linear_generator() -> Generator:
    def init(key):
        return {"params": {"w": 0.3 * jax.random.normal(key, (LATENT, PIXELS))}}

    def apply(variables, latents, labels=None, *, train=False, axis_name=None):
        return (latents @ variables["params"]["w"]).reshape(-1, SIDE, SIDE, 1), {}

    return Generator(init, apply, latents_of)


def linear_discriminator() -> Model:
    def init(key):
        return {"params": {"v": 0.3 * jax.random.normal(key, (PIXELS,))}}

    def apply(variables, images, labels=None, *, train=False, axis_name=None):
        return images.reshape(-1, PIXELS) @ variables["params"]["v"], {}

    return Model(init, apply)


def build(**settings):
    return training.gan(
        linear_generator(),
        linear_discriminator(),
        generator_optimizer=optax.sgd(RATE),
        discriminator_optimizer=optax.sgd(RATE),
        **settings,
    )


def stepped(gan, state=None):
    state = gan.init(KEY) if state is None else state
    after, metrics = jax.jit(gan.step)(state, REAL, jax.random.key(1))
    return state, after, metrics


def close(one, other, **tolerance):
    np.testing.assert_allclose(one, other, **{"rtol": 1e-4, "atol": 1e-6, **tolerance})


@pytest.mark.parametrize(
    ("penalty", "value", "change"),
    [
        # Of d(x) = v . x: the slope is v everywhere
        (penalties.r1(3.0), lambda v: v @ v, lambda v: 3.0 * v),
        (penalties.r2(3.0), lambda v: v @ v, lambda v: 3.0 * v),
        (
            penalties.gradient(5.0),
            lambda v: (jnp.sqrt(v @ v) - 1) ** 2,
            lambda v: 10.0 * (jnp.sqrt(v @ v) - 1) * v / jnp.sqrt(v @ v),
        ),
    ],
    ids=["r1", "r2", "gradient penalty"],
)
def test_slopes_are_punished_by_their_weight(penalty, value, change):
    state, plain, _ = stepped(build())
    _, punished, metrics = stepped(build(penalties=[penalty]))
    v = state.discriminator["params"]["v"]
    close(metrics[penalty.name], value(v))
    difference = plain.discriminator["params"]["v"] - punished.discriminator["params"]["v"]
    close(difference, RATE * change(v))


@pytest.mark.parametrize("kind", [penalties.r1, penalties.r2])
def test_a_lazy_penalty_comes_seldom_and_counts_as_many_times_as_much(kind):
    lazy = build(penalties=[kind(3.0, every=4)])
    for step, others, times in ((4, [kind(12.0)], 4), (5, [], 0)):
        state = replace(lazy.init(KEY), step=jnp.int32(step))
        _, after, metrics = stepped(lazy, state)
        _, expected, _ = stepped(build(penalties=others), state)
        v = state.discriminator["params"]["v"]
        close(after.discriminator["params"]["v"], expected.discriminator["params"]["v"])
        close(metrics[kind(3.0).name], times * (v @ v))


def test_consistency_of_a_shift_in_brightness_is_the_square_of_the_sum_of_weights():
    state, _, metrics = stepped(build(penalties=[penalties.consistency(BRIGHTER)]))
    # d(x + b) - d(x) = b sum(v), with E b^2 = (1/2)^2 / 3, for real and for generated images
    total = state.discriminator["params"]["v"].sum() ** 2
    assert 0.05 * total < metrics["consistency"] < 2 * 0.25 * total


def test_lecam_draws_logits_to_the_other_sides_average():
    gan = build(penalties=[penalties.lecam(2.0)])
    state, after, metrics = stepped(gan)
    real = REAL.images.reshape(BATCH, PIXELS) @ state.discriminator["params"]["v"]
    close(metrics["real_logits"], real.mean())
    # At first both averages are 0; after one update, by (1 + n) / (10 + n), nine tenths of the way
    close(after.real_average, 0.9 * metrics["real_logits"])
    close(after.fake_average, 0.9 * metrics["fake_logits"])
    _, _, then = stepped(gan, after)
    v = after.discriminator["params"]["v"]
    real = REAL.images.reshape(BATCH, PIXELS) @ v
    latents = jax.random.split(jax.random.key(1), 5)[0]
    fake = (latents_of(latents, BATCH) @ after.generator["params"]["w"]) @ v
    expected = (real - after.fake_average) ** 2 + (fake - after.real_average) ** 2
    close(then["lecam"], expected.mean())


def test_latent_consistency_is_for_the_discriminator_and_against_the_generator():
    _, plain, _ = stepped(build(loss=losses.wasserstein))
    consistency = penalties.LatentConsistency(discriminator=0.0, generator=0.5, noise=0.1)
    state, after, metrics = stepped(build(loss=losses.wasserstein, latent_consistency=consistency))
    w = state.generator["params"]["w"]
    latents_key = jax.random.split(jax.random.key(1), 5)[0]
    latents = latents_of(latents_key, BATCH)
    moved = consistency.nearby(latents_key, latents) - latents
    close(
        metrics["latent_consistency"],
        jnp.mean(((moved @ w) @ state.discriminator["params"]["v"]) ** 2),
    )

    def spread_of(w):
        return 0.5 * jnp.mean((moved @ w) ** 2)

    difference = after.generator["params"]["w"] - plain.generator["params"]["w"]
    close(difference, RATE * jax.grad(spread_of)(w), atol=1e-7)  # uphill
    assert np.std(moved) == pytest.approx(0.1, rel=0.5)


def test_nearby_latents_of_the_same_key_lie_in_other_directions():
    latents = latents_of(KEY, 200)
    moved = penalties.LatentConsistency(noise=0.1).nearby(KEY, latents) - latents
    assert np.std(moved) == pytest.approx(0.1, rel=0.1)
    assert abs(np.corrcoef(np.ravel(latents), np.ravel(moved))[0, 1]) < 0.2


def test_a_relativistic_generator_is_compared_with_the_real_images_of_its_batch():
    state, after, metrics = stepped(build(loss=losses.relativistic))
    v = after.discriminator["params"]["v"]
    real = REAL.images.reshape(BATCH, PIXELS) @ v
    latents = latents_of(jax.random.split(jax.random.key(1), 5)[0], BATCH)
    fake = latents @ state.generator["params"]["w"] @ v
    close(metrics["generator_loss"], jax.nn.softplus(real - fake).mean())


def test_three_terms_show_generated_images_as_they_are():
    moved = (policy.Transform(augment.random_brightness, 5.0),)
    state, _, metrics = stepped(build(loss=losses.three_terms, augment=moved))
    v = state.discriminator["params"]["v"]
    close(metrics["real_logits"], (REAL.images.reshape(BATCH, PIXELS) @ v).mean())
    latents = latents_of(jax.random.split(jax.random.key(1), 5)[0], BATCH)
    close(metrics["fake_logits"], (latents @ state.generator["params"]["w"] @ v).mean())
    _, _, plain = stepped(build(loss=losses.non_saturating))
    assert metrics["discriminator_loss"] > plain["discriminator_loss"]


def test_t_of_x_comes_more_often_while_the_discriminator_wins_and_goes_again():
    adaptive = Adaptive(target=0.6, images=4 * BATCH)
    close(adaptive.next(jnp.zeros(()), jnp.asarray(1.0), BATCH), 0.25)
    close(adaptive.next(jnp.asarray(0.9), jnp.asarray(1.0), BATCH), 1.0)
    close(adaptive.next(jnp.asarray(0.5), jnp.asarray(0.0), BATCH), 0.25)
    close(adaptive.next(jnp.asarray(0.1), jnp.asarray(0.0), BATCH), 0.0)
    state, after, metrics = stepped(build(augment=BRIGHTER, adaptive=adaptive))
    assert float(state.probability) == 0
    close(after.probability, adaptive.next(state.probability, metrics["overfit"], BATCH))
    close(metrics["probability"], after.probability)


def test_every_penalty_is_the_same_on_eight_devices():
    gan = build(
        loss=losses.relativistic,
        augment=BRIGHTER,
        adaptive=Adaptive(images=20),
        penalties=[
            penalties.r1(1.0),
            penalties.r2(1.0),
            penalties.gradient(),
            penalties.consistency(BRIGHTER),
            penalties.lecam(),
        ],
        latent_consistency=penalties.LatentConsistency(),
    )
    state, one, metrics = stepped(gan)
    mesh = Mesh(np.array(jax.devices()[:BATCH]), ("i",))
    spread = jax.jit(
        jax.shard_map(
            lambda state, batch: gan.step(state, batch, jax.random.key(1), axis_name="i"),
            mesh=mesh,
            in_specs=(PartitionSpec(), PartitionSpec("i")),
            out_specs=PartitionSpec(),
            check_vma=False,
        )
    )
    others, their_metrics = spread(state, REAL)
    for own, other in zip(
        jax.tree.leaves((one, metrics)), jax.tree.leaves((others, their_metrics)), strict=True
    ):
        close(own, other, atol=1e-5)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(UserError, match=r"three terms needs a T\(x\)"):
        build(loss=losses.three_terms)
    with pytest.raises(UserError, match="penalties of one name: r1, r1"):
        build(penalties=[penalties.r1(1.0), penalties.r1(2.0)])


def test_a_real_network_learns_with_the_modern_game():
    shape = {"size": 8, "classes": 2, "widths": (16,)}
    gan = training.gan(
        models.mlp_generator(**shape, latent_size=4),
        models.mlp_discriminator(**shape),
        loss=losses.relativistic,
        penalties=[penalties.r1(0.1), penalties.r2(0.1)],
        generator_optimizer=training.adam(2e-3),
        discriminator_optimizer=training.adam(2e-3),
    )
    state, step = gan.init(KEY), jax.jit(gan.step)
    bright = Batch(jnp.full((16, 8, 8, 1), 0.8), jnp.zeros(16, jnp.int32))
    for number in range(150):
        state, _ = step(state, bright, jax.random.key(number))
    made = gan.sample(state, KEY, jnp.zeros(16, jnp.int32))
    assert float(made.mean()) > 0.4
