"""Policies: what they do, what they never do unasked, and what they say of themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.ops import augment, policy

KEY = jax.random.key(0)
IMAGES = jax.random.uniform(jax.random.key(1), (4, 8, 8, 1), minval=-1, maxval=1)
POLICIES = {
    "none": policy.none(),
    "classical": policy.classical(),
    "classical with all": policy.classical(flip=True, cutout=0.25),
    "diffaugment": policy.diffaugment(),
    "diffaugment flipped": policy.diffaugment(flip=True),
}
apply = jax.jit(policy.apply, static_argnums=0)


@pytest.mark.parametrize("name", POLICIES)
def test_strength_zero_is_exactly_the_identity(name):
    np.testing.assert_array_equal(apply(POLICIES[name], KEY, IMAGES, strength=0.0), IMAGES)


@pytest.mark.parametrize("name", POLICIES)
def test_full_strength_keeps_shape_and_gradients(name):
    out = apply(POLICIES[name], KEY, IMAGES)
    assert out.shape == IMAGES.shape
    assert np.array_equal(out, IMAGES) == (name == "none")
    slope = jax.grad(lambda x: jnp.sum(apply(POLICIES[name], KEY, x)))(IMAGES)
    assert np.isfinite(slope).all()
    assert slope.any()


def test_a_strength_per_model_inside_vmap():
    classical = policy.classical(flip=True)

    def transform(key, strength):
        return policy.apply(classical, key, IMAGES, strength=strength)

    keys, strengths = jax.random.split(KEY, 3), jnp.array([0.0, 0.5, 1.0])
    mapped = jax.jit(jax.vmap(transform))(keys, strengths)
    np.testing.assert_array_equal(mapped[0], IMAGES)
    for i in (1, 2):
        alone = apply(classical, keys[i], IMAGES, strength=strengths[i])
        np.testing.assert_allclose(mapped[i], alone, atol=1e-6)


def test_an_image_is_transformed_the_same_in_every_batch_and_part_of_one():
    classical = policy.classical(flip=True)
    whole = apply(classical, KEY, IMAGES)
    part = apply(classical, KEY, IMAGES[2:], first=2)
    np.testing.assert_allclose(part, whole[2:], atol=1e-6)
    alone = apply(classical, KEY, IMAGES[3:], first=jnp.int32(3))
    np.testing.assert_allclose(alone, whole[3:], atol=1e-6)


def test_every_transform_has_a_key_of_its_own():
    twice = 2 * (policy.Transform(augment.random_brightness, 1.0),)
    added = apply(twice, KEY, jnp.zeros((8, 1, 1, 1)))
    once = apply(twice[:1], KEY, jnp.zeros((8, 1, 1, 1)))
    assert not np.allclose(added, 2 * once)


def left_of(policy_value, images, **kwargs):
    """The mean of the left half minus that of the right half, of each transformed image."""
    out = apply(policy_value, KEY, images, **kwargs)
    return (out[:, :, :4] - out[:, :, 4:]).mean(axis=(1, 2, 3))


@pytest.mark.parametrize("make", [policy.classical, policy.diffaugment])
def test_no_mirror_unless_asked(make):
    flips = {augment.random_horizontal_flip, augment.random_vertical_flip}
    assert not flips & {op for op, _ in make()}
    assert flips & {op for op, _ in make(flip=True)} == {augment.random_horizontal_flip}
    assert "no mirroring" in policy.describe(make())
    assert "mirror left and right" in policy.describe(make(flip=True))


def test_a_digit_keeps_its_handedness_under_the_classical_policy():
    images = -jnp.ones((200, 8, 8, 1)).at[:, 1:7, 1:4].set(-1.0)  # bright on the left
    assert (left_of(policy.classical(), images) > 0).all()
    mirrored = (left_of(policy.classical(flip=True), images) < 0).mean()
    assert 0.4 < mirrored < 0.6


def test_a_flip_grows_with_the_strength_up_to_one_half():
    flip = (policy.Transform(augment.random_horizontal_flip, 0.5),)
    images = -jnp.ones((400, 8, 8, 1)).at[:, :, :4].set(-1.0)
    for strength, share in [(0.4, 0.2), (1.0, 0.5), (4.0, 0.5)]:
        mirrored = (left_of(flip, images, strength=strength) < 0).mean()
        assert abs(mirrored - share) < 0.1


def test_policies_are_hashable_values():
    assert policy.classical() == policy.classical()
    assert hash(policy.classical()) == hash(policy.classical())
    assert len(set(POLICIES.values())) == len(POLICIES)
    assert policy.none() + policy.classical() == policy.classical()


def test_describe_is_one_line_about_what_happens():
    mine = (
        policy.Transform(augment.random_translate, 0.125),
        policy.Transform(augment.random_rotate, 15.0),
    )
    assert policy.describe(mine) == (
        "translate up to 0.125 of the size, rotate up to 15 degrees, no mirroring"
    )
    assert "rotate up to 7.5 degrees" in policy.describe(mine, 0.5)
    assert policy.describe(mine, 0.0) == "no transforms, no mirroring"
    assert policy.describe(policy.none()) == "no transforms, no mirroring"
    assert "probability 0.5" in policy.describe(policy.classical(flip=True), 3.0)
    assert "scale up to 1.15-fold" in policy.describe(policy.classical())


def test_describe_names_every_op_and_those_of_others():
    def my_noise(key, images, *, limit):
        return images + limit * jax.random.normal(key, images.shape)

    everything = tuple(
        policy.Transform(getattr(augment, name), 0.25)
        for name in augment.__all__
        if name.startswith("random_")
    )
    assert "random_" not in policy.describe(everything)
    assert "my_noise up to 0.1" in policy.describe((policy.Transform(my_noise, 0.1),))
