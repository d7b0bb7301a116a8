"""Restorers: the identity at first, any height and width, no farther than they say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import models
from ganjax.errors import UserError
from ganjax.ops import shuffle

KEY = jax.random.key(0)
BUILT = {
    "shuffled": models.residual_restorer(width=4, depth=4, shuffled=2),
    "whole": models.residual_restorer(width=4, depth=3),
    "unet": models.unet_restorer(width=4, levels=3),
}


def variables_that_do_something(restorer):
    """The last layer is 0 at first; positive weights, that no pixel's influence may cancel."""
    first = restorer.init(KEY)
    return jax.tree.map(lambda leaf: jnp.abs(leaf) + 0.01 * (leaf.ndim > 1), first)


@pytest.fixture(scope="module", params=list(BUILT))
def restorer(request):
    return BUILT[request.param]


def test_a_network_that_knows_nothing_returns_the_image(restorer):
    images = jax.random.normal(KEY, (2, 12, 8, 1))
    restored, updates = restorer.apply(restorer.init(KEY), images, train=True)
    np.testing.assert_array_equal(restored, images)
    assert updates == {}


@pytest.mark.parametrize("size", [(7, 9), (1, 5), (16, 12)])
def test_any_height_and_width_will_do(restorer, size):
    images = jax.random.normal(KEY, (2, *size, 1))
    restored, _ = restorer.apply(variables_that_do_something(restorer), images)
    assert restored.shape == images.shape
    assert not np.allclose(restored, images)


def test_a_pixel_sees_as_far_as_the_radius_says_and_no_farther(restorer):
    radius, unit = restorer.radius, restorer.multiple
    side = (2 * radius // unit + 4) * unit
    variables = variables_that_do_something(restorer)

    @jax.jit
    def seen(place):
        def pixel(images):
            return restorer.apply(variables, images)[0][0, place, place, 0]

        return jnp.any(jax.grad(pixel)(jnp.ones((1, side, side, 1)))[0, ..., 0] != 0, axis=0)

    middle = side // 2 // unit * unit
    farthest = 0
    for place in range(middle, middle + unit):  # where it lies in its block decides
        columns = np.flatnonzero(seen(place))
        farthest = max(farthest, place - columns[0], columns[-1] - place)
    assert farthest <= radius
    assert farthest >= 0.8 * radius  # nor does it promise less, which would cost tiles


def test_the_published_denoiser_has_its_convolutions():
    """DnCNN of depth 17 and width 64: 64 (9 + 1) + 15 (64 64 9 + 64) + (64 9 + 1), normalisation
    left out."""
    ours = models.residual_restorer(width=64, depth=17)
    count = models.parameter_count(jax.eval_shape(ours.init, KEY))
    assert count == 64 * 10 + 15 * (64 * 64 * 9 + 64) + 64 * 9 + 1


def test_in_bfloat16_the_image_keeps_its_digits():
    image = jnp.full((1, 8, 8, 1), 0.12345678)
    rounded = models.residual_restorer(width=4, depth=3, bfloat16=True)
    np.testing.assert_array_equal(rounded.apply(rounded.init(KEY), image)[0], image)
    variables, noise = variables_that_do_something(rounded), jax.random.normal(KEY, (1, 8, 8, 1))
    exact, near = (own.apply(variables, noise)[0] for own in (BUILT["whole"], rounded))
    assert not np.array_equal(exact, near)
    np.testing.assert_allclose(near - noise, exact - noise, rtol=0.05, atol=0.01)


@pytest.mark.parametrize(
    "build",
    [
        lambda: models.residual_restorer(depth=1),
        lambda: models.residual_restorer(shuffled=0),
        lambda: models.unet_restorer(levels=0),
        lambda: models.patch_discriminator(layers=0),
        lambda: models.residual_restorer(channels=2),
    ],
)
def test_a_number_out_of_range_is_refused(build):
    with pytest.raises(UserError, match=r"at least|channel"):
        build()


def test_pixels_become_channels_and_pixels_again():
    images = jnp.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    fewer = shuffle.to_channels(images, 2)
    assert fewer.shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(fewer[0, 0, 0], images[0, :2, :2].reshape(-1))
    np.testing.assert_array_equal(shuffle.to_pixels(fewer, 2), images)


@pytest.mark.parametrize(("size", "patches"), [((8, 8), (2, 2)), ((28, 12), (7, 3))])
def test_a_patch_discriminator_judges_every_patch(size, patches):
    discriminator = models.patch_discriminator(width=4)
    variables = discriminator.init(KEY)
    logits, updates = discriminator.apply(variables, jnp.ones((3, *size, 2)), train=True)
    assert logits.shape == (3, *patches)
    assert set(updates) == {"spectral"}


def test_a_patch_is_26_pixels_a_side():
    discriminator = models.patch_discriminator(width=4)
    variables = discriminator.init(KEY)
    seen = jax.grad(lambda pairs: discriminator.apply(variables, pairs)[0][0, 8, 8])(
        jax.random.normal(KEY, (1, 64, 64, 2))
    )
    columns = np.flatnonzero(np.any(seen[0] != 0, axis=(0, 2)))
    assert columns[-1] - columns[0] + 1 == 26
