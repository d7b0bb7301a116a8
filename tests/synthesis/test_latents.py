"""Latents, truncated or expanded: within their bound, and the same whatever the count."""

from functools import partial

import jax
import numpy as np
import pytest

from ganjax import models, recipe
from ganjax.config import GANConfig
from ganjax.data.sources import Dataset
from ganjax.errors import UserError
from ganjax.synthesis.description import describe
from ganjax.synthesis.latents import expanded, truncated, truncated_latents
from ganjax.synthesis.trained import Trained

KEY = jax.random.key(3)


@pytest.fixture(scope="module")
def generator():
    return models.mlp_generator(size=8, channels=1, widths=(8,), latent_size=50)


@pytest.fixture(scope="module")
def latents(generator):
    return jax.jit(partial(truncated_latents, generator.sample_latents), static_argnames="count")


@pytest.mark.parametrize("bound", [0.1, 0.7, 2.0])
def test_latents_are_those_of_a_truncated_normal_distribution(latents, bound):
    from scipy.stats import kstest, truncnorm

    keys = jax.random.split(KEY, 10)
    found = np.concatenate([latents(key, count=20, bound=bound) for key in keys])
    assert np.abs(found).max() <= bound
    assert kstest(found.ravel(), truncnorm(-bound, bound).cdf).pvalue > 0.01


def test_numbers_within_the_bound_are_what_they_are_without(generator, latents):
    plain = generator.sample_latents(KEY, 20)
    found = latents(KEY, count=20, bound=1.0)
    within = np.abs(plain) <= 1
    np.testing.assert_array_equal(found[within], plain[within])
    np.testing.assert_array_equal(latents(KEY, count=20, bound=10.0), plain)


def test_a_latent_is_the_same_whatever_the_count_and_the_first(latents):
    found = latents(KEY, count=20, bound=0.5)
    np.testing.assert_array_equal(latents(KEY, count=5, bound=0.5), found[:5])
    np.testing.assert_array_equal(latents(KEY, count=5, bound=0.5, first=9), found[9:14])
    assert (np.asarray(latents(jax.random.key(4), count=20, bound=0.5)) != found).all()


def test_no_bound_is_so_small_that_it_never_ends(latents):
    assert np.abs(latents(KEY, count=20, bound=1e-6)).max() <= np.float32(1e-6)


@pytest.fixture(scope="module")
def gan():
    images = np.zeros((4, 8, 8, 1), np.uint8)
    dataset = Dataset("toy", images, np.arange(4, dtype=np.int32) % 2, ("a", "b"))
    description = describe(GANConfig(width=8, latent_size=4), dataset)
    functions = description.build()
    return Trained(description, functions, jax.jit(functions.init)(KEY), 0, {}, {})


def variety(images, labels):
    """How much the images of each class differ."""
    return np.array([images[labels == label].std(axis=0).mean() for label in (0, 1)])


def test_a_truncated_gan_makes_more_alike_images_and_the_same_where_nothing_is_cut(gan):
    plain, labels = gan.sample(KEY, 60)
    narrow, same = truncated(gan, 0.3).sample(KEY, 60)[0], truncated(gan, 100.0).sample(KEY, 60)[0]
    np.testing.assert_array_equal(plain, same)
    assert (variety(narrow, labels) < 0.6 * variety(plain, labels)).all()


def test_an_expanded_gan_is_given_its_latents_so_many_times_as_far_from_0(gan):
    plain, labels = gan.sample(KEY, 60)
    wide, same = expanded(gan, 2.0).sample(KEY, 60)[0], expanded(gan, 1.0).sample(KEY, 60)[0]
    np.testing.assert_array_equal(plain, same)
    assert (variety(wide, labels) > 1.2 * variety(plain, labels)).all()
    generator, _ = recipe.networks(gan.description.config, size=8, channels=1, classes=2)
    latents = 2.0 * generator.sample_latents(KEY, 60)
    np.testing.assert_allclose(
        expanded(gan, 2.0).gan.sample(gan.state, KEY, labels),
        generator.apply(gan.state.ema_generator, latents, labels)[0],
        atol=1e-6,
    )


def test_equal_bounds_share_what_they_compile_to(gan):
    assert truncated(gan, 0.5).gan is truncated(gan, 0.5).gan
    assert expanded(gan, 1.5).gan is expanded(gan, 1.5).gan


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan")])
def test_a_bound_must_be_above_0(gan, bound):
    with pytest.raises(UserError, match="--truncation must be above 0"):
        truncated(gan, bound)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_must_be_above_0_and_finite(gan, factor):
    with pytest.raises(UserError, match=r"--expansion must be above 0, such as 1\.5, not"):
        expanded(gan, factor)
