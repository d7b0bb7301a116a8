"""The energy distance and the spread of a class, against their definitions and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as of_scipy

from ganjax.metrics.energy import (
    class_energy_distance,
    distances,
    energy_distance,
    nearest_of_own_class,
)

RNG = np.random.default_rng(0)


def test_distances_are_those_of_scipy():
    one, other = RNG.normal(size=(21, 5)), RNG.normal(size=(34, 5))
    found = jax.jit(distances)(jnp.float32(one), jnp.float32(other))
    np.testing.assert_allclose(found, cdist(one, other), rtol=1e-5)


def test_images_that_are_almost_the_same_are_told_apart():
    one = jnp.float32([[1000.0, 0.0]])
    np.testing.assert_allclose(distances(one, one + jnp.float32([[0.0, 1e-3]])), 1e-3, rtol=1e-4)


def test_in_one_dimension_it_is_the_square_of_scipys():
    """Which is its root, of the biased estimate: with as many values as here they hardly differ."""
    one, other = RNG.normal(0, 1, 900), RNG.normal(0.8, 1.5, 900)
    found = jax.jit(energy_distance)(jnp.float32(one[:, None]), jnp.float32(other[:, None]))
    np.testing.assert_allclose(found, of_scipy(one, other) ** 2, atol=5e-3)


def test_it_is_unbiased_where_sets_are_alike():
    draws = jnp.float32(RNG.normal(size=(200, 2, 12, 3)))
    found = jax.vmap(lambda pair: energy_distance(pair[0], pair[1]))(draws)
    assert abs(float(found.mean())) < 4 * float(found.std()) / np.sqrt(200)
    assert float(found.min()) < 0 < float(found.max())


def test_a_set_without_variety_is_far_from_one_with_it():
    real = jnp.float32(RNG.normal(size=(100, 8)))
    fresh = jnp.float32(RNG.normal(size=(100, 8)))
    collapsed = jnp.tile(fresh[:1], (100, 1))
    centre = jnp.zeros((100, 8))
    assert float(energy_distance(real, fresh)) < 0.1
    assert min(float(energy_distance(real, x)) for x in (collapsed, centre)) > 1


def test_class_by_class_it_is_the_mean_over_the_classes():
    one, other = (jnp.float32(RNG.normal(size=(count, 4))) for count in (30, 20))
    labels, other_labels = jnp.arange(30) % 3, jnp.arange(20) % 3
    found = jax.jit(class_energy_distance, static_argnums=4)(one, labels, other, other_labels, 5)
    own = [energy_distance(one[labels == c], other[other_labels == c]) for c in range(3)]
    np.testing.assert_allclose(found, np.mean(own), rtol=1e-5)


def test_one_image_per_class_is_near_the_whole_set_and_far_from_each_class():
    centres = 10 * RNG.normal(size=(10, 8))
    labels = np.arange(200) % 10
    real, fresh = (jnp.float32(centres[labels] + RNG.normal(size=(200, 8))) for _ in range(2))
    collapsed = fresh[:10][labels]
    near, far = (float(energy_distance(x, real)) for x in (fresh, collapsed))
    class_near, class_far = (
        float(class_energy_distance(x, labels, real, labels, 10)) for x in (fresh, collapsed)
    )
    assert far - near < 0.5
    assert class_far - class_near > 2


def test_the_nearest_of_the_own_class_is_found():
    features = jnp.float32([[0.0], [1.0], [3.0], [0.1], [0.3]])
    labels = jnp.int32([0, 0, 0, 1, 1])
    found = jax.jit(nearest_of_own_class)(features, labels)
    assert float(found) == pytest.approx((1 + 1 + 2 + 0.2 + 0.2) / 5)


def test_an_image_alone_in_its_class_does_not_count():
    features = jnp.float32([[0.0], [1.0], [9.0]])
    assert float(nearest_of_own_class(features, jnp.int32([0, 0, 1]))) == 1.0
    assert np.isnan(nearest_of_own_class(features, jnp.int32([0, 1, 2])))
