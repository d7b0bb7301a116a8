"""Noise has the statistics that it is named after."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from ganjax.ops import noise

KEY = jax.random.key(0)


quantile = jax.jit(noise.poisson_quantile)
by = jax.jit(lambda op, image, amount: op(KEY, image, amount), static_argnums=0)


def on_flat(op, amount, brightness, side=200):
    """A flat image of a brightness in [0, 1], with noise, as float64 in [0, 1]."""
    flat = jnp.full((side, side, 1), 2 * brightness - 1)
    return (np.asarray(by(op, flat, amount), np.float64) + 1) / 2


@pytest.mark.parametrize("sigma", [5.0, 50.0])
def test_gaussian_noise_is_normal_and_not_clipped(sigma):
    values = 255 * on_flat(noise.gaussian_noise, sigma, 1.0).ravel()
    standard = (values - 255) / sigma
    assert stats.kstest(standard, "norm").pvalue > 0.01
    assert (values > 255).mean() == pytest.approx(0.5, abs=0.01)


def test_gaussian_noise_without_amount_is_the_image():
    image = jax.random.uniform(KEY, (9, 7, 3))
    np.testing.assert_array_equal(by(noise.gaussian_noise, image, 0.0), image)


@pytest.mark.parametrize("mean", [0.0, 0.3, 3.9, 4.1, 9.0, 30.0, 255.0, 9999.0])
def test_quantiles_of_poisson_are_scipys(mean):
    uniform = np.linspace(1e-5, 1 - 1e-5, 50_001, dtype=np.float32)
    ours = quantile(uniform, np.full_like(uniform, mean))
    theirs = stats.poisson.ppf(uniform.astype(np.float64), mean)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.003
    assert abs((ours - theirs).mean()) < 0.0005


@pytest.mark.parametrize("brightness", [0.1, 0.9])
def test_poisson_noise_has_the_variance_of_its_mean(brightness):
    peak = 30.0
    counts = peak * on_flat(noise.poisson_noise, peak, brightness)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-4)
    assert counts.mean() == pytest.approx(peak * brightness, rel=0.01)
    assert counts.var() == pytest.approx(peak * brightness, rel=0.05)


def test_poisson_noise_counts_nothing_in_the_dark():
    assert (on_flat(noise.poisson_noise, 5.0, 0.0) == 0).all()
    assert (on_flat(noise.poisson_noise, 5.0, -0.5) == 0).all()


def test_the_slope_of_poisson_noise_is_that_of_its_mean():
    image = jax.random.uniform(KEY, (5, 5, 1), minval=-1)
    slope = jax.grad(lambda x: jnp.sum(by(noise.poisson_noise, x, 8.0)))(image)
    np.testing.assert_array_equal(slope, 1)


def test_salt_is_as_frequent_as_pepper_and_the_rest_stays():
    values = on_flat(noise.salt_and_pepper, 0.2, 0.25)
    assert set(np.unique(values)) == {0.0, 0.25, 1.0}
    assert (values == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert (values == 1).mean() == pytest.approx(0.1, abs=0.01)


def test_salt_and_pepper_stop_the_gradient_where_they_are():
    image = jnp.full((20, 20, 1), 0.5)
    noisy = by(noise.salt_and_pepper, image, 0.5)
    slope = jax.grad(lambda x: jnp.sum(by(noise.salt_and_pepper, x, 0.5)))(image)
    np.testing.assert_array_equal(slope, noisy == 0.5)


@pytest.mark.parametrize("amount", [0.0, 1.0])
def test_salt_and_pepper_nowhere_and_everywhere(amount):
    values = on_flat(noise.salt_and_pepper, amount, 0.25)
    assert (values == 0.25).all() == (amount == 0)
    assert (values == 0.25).any() == (amount == 0)
