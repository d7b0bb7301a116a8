"""Adversarial losses against values worked out by hand, and at extreme logits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.ops import losses

REAL = jnp.array([0.0, 2.0, -1.0])
FAKE = jnp.array([0.0, -3.0, 0.5])


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


LOG = -np.log(sigmoid(REAL)) - np.log(1 - sigmoid(FAKE))
BY_HAND = {
    "minimax": (LOG, np.log(1 - sigmoid(FAKE))),
    "non_saturating": (LOG, -np.log(sigmoid(FAKE))),
    "wasserstein": ([0.0, -5.0, 1.5], [0.0, 3.0, -0.5]),
    "hinge": ([2.0, 0.0, 3.5], [0.0, 3.0, -0.5]),
    "least_squares": ([0.5, 5.0, 2.125], [0.5, 8.0, 0.125]),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_values_by_hand(name):
    loss = getattr(losses, name)
    discriminator, generator = BY_HAND[name]
    np.testing.assert_allclose(jax.jit(loss.discriminator)(REAL, FAKE), discriminator, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(loss.generator)(FAKE), generator, rtol=1e-6)


def test_the_original_game_at_even_odds_costs_log_4():
    even = jnp.zeros(2)
    np.testing.assert_allclose(losses.minimax.discriminator(even, even), np.log(4), rtol=1e-6)
    np.testing.assert_allclose(losses.minimax.generator(even), -np.log(2), rtol=1e-6)


@pytest.mark.parametrize("name", BY_HAND)
def test_the_generator_wants_higher_and_the_discriminator_tells_apart(name):
    loss = getattr(losses, name)
    # Within the margins, where each loss has a slope.
    real, fake = jnp.array([-0.5, 0.5]), jnp.array([0.5, -0.5])
    on_real, on_fake = jax.grad(lambda r, f: loss.discriminator(r, f).sum(), (0, 1))(real, fake)
    assert (on_real < 0).all()  # descending raises the logits of real images
    if name == "least_squares":
        np.testing.assert_allclose(on_fake, fake)  # towards the label 0 from both sides
    else:
        assert (on_fake > 0).all()
    assert (jax.grad(lambda f: loss.generator(f).sum())(fake) < 0).all()


@pytest.mark.parametrize("name", BY_HAND)
def test_extreme_logits_stay_finite(name):
    loss = getattr(losses, name)
    real, fake = jnp.array([1e4, -1e4, 1e4, -1e4]), jnp.array([1e4, 1e4, -1e4, -1e4])
    discriminator = jax.value_and_grad(lambda r, f: loss.discriminator(r, f).sum(), (0, 1))
    values = (
        loss.discriminator(real, fake),
        discriminator(real, fake),
        loss.generator(fake),
        jax.grad(lambda f: loss.generator(f).sum())(fake),
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(values))


def test_the_relativistic_game_by_hand():
    difference = np.asarray(REAL - FAKE)
    loss = losses.relativistic
    np.testing.assert_allclose(
        loss.discriminator(REAL, FAKE), -np.log(sigmoid(difference)), rtol=1e-5
    )
    np.testing.assert_allclose(loss.generator(FAKE, REAL), -np.log(sigmoid(-difference)), rtol=1e-5)


def test_only_differences_count_in_the_relativistic_game():
    loss = losses.relativistic
    np.testing.assert_allclose(
        loss.discriminator(REAL + 7, FAKE + 7), loss.discriminator(REAL, FAKE), rtol=1e-5
    )


def test_the_three_terms_are_the_original_game_and_one_more():
    transformed = jnp.array([1.0, -1.0, 0.0])
    np.testing.assert_allclose(
        losses.three_terms.discriminator(REAL, FAKE, transformed),
        LOG - np.log(sigmoid(transformed)),
        rtol=1e-5,
    )


def test_only_the_non_saturating_generator_learns_when_the_discriminator_wins():
    sure = jnp.array([-30.0])

    def slope(generator):
        return jax.grad(lambda f: generator(f).sum())(sure)

    assert abs(slope(losses.minimax.generator)[0]) < 1e-10
    np.testing.assert_allclose(slope(losses.non_saturating.generator), -1, rtol=1e-6)


def test_the_hinge_ignores_what_is_beyond_its_margin():
    far = jnp.array([1.5])
    slopes = jax.grad(lambda r, f: losses.hinge.discriminator(r, f).sum(), (0, 1))(far, -far)
    np.testing.assert_array_equal(slopes, np.zeros((2, 1)))


def test_logits_are_one_per_example():
    with pytest.raises(AssertionError):
        losses.hinge.discriminator(jnp.zeros(3), jnp.zeros(2))
    with pytest.raises(AssertionError):
        losses.wasserstein.generator(jnp.zeros((3, 1)))
    assert len({losses.minimax, losses.non_saturating, losses.hinge}) == 3  # hashable values
