"""R1 against closed forms, and its second-order gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from ganjax.ops import augment, regularizers

IMAGES = jax.random.normal(jax.random.key(0), (3, 4, 4, 2))


def test_of_a_linear_discriminator_is_the_norm_of_its_weights():
    weights = jax.random.normal(jax.random.key(1), (4, 4, 2))
    penalty = jax.jit(
        lambda x: regularizers.r1(lambda x: jnp.einsum("bhwc,hwc->b", x, weights) + 7, x)
    )(IMAGES)
    np.testing.assert_allclose(penalty, np.full(3, np.sum(np.square(weights))), rtol=1e-5)


def test_of_a_quadratic_discriminator_is_per_example():
    penalty = regularizers.r1(lambda x: jnp.sum(x**2, axis=(1, 2, 3)), IMAGES)
    np.testing.assert_allclose(penalty, 4 * np.sum(np.square(IMAGES), axis=(1, 2, 3)), rtol=1e-5)
    assert penalty.shape == (3,)
    assert len(np.unique(penalty)) == 3


def test_of_a_bfloat16_discriminator_is_summed_in_float32():
    penalty = regularizers.r1(lambda x: x.sum(axis=(1, 2, 3)), IMAGES.astype(jnp.bfloat16))
    assert penalty.dtype == jnp.float32
    np.testing.assert_array_equal(penalty, np.full(3, 32))


@pytest.mark.parametrize("transform", [lambda x: x, lambda x: augment.rotate(x, 20.0)])
def test_can_be_trained_on(transform):
    weights = jax.random.normal(jax.random.key(2), (32, 5)) / 6

    def discriminator(weights, images):
        hidden = jnp.tanh(transform(images).reshape(3, -1) @ weights)
        return jnp.sum(hidden, axis=1)

    @jax.jit
    def penalty(weights, images):
        return jnp.mean(regularizers.r1(lambda x: discriminator(weights, x), images))

    check_grads(penalty, (weights, IMAGES), order=1, modes=["rev"], atol=1e-2, rtol=1e-2)


def test_the_closed_form_gradient_of_the_penalty():
    weights = jnp.arange(1.0, 4.0)

    def penalty(weights):
        return jnp.mean(regularizers.r1(lambda x: x @ weights, jnp.ones((2, 3))))

    np.testing.assert_allclose(jax.grad(penalty)(weights), 2 * weights, rtol=1e-6)


def test_one_logit_per_image():
    with pytest.raises(AssertionError):
        regularizers.r1(lambda x: x.sum(axis=(1, 2)), IMAGES)
