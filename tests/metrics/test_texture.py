"""The texture distance: what it sees, and what it lets pass."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ganjax.metrics.texture import texture_distance


@pytest.fixture(scope="module")
def images():
    rough = np.random.default_rng(0).normal(128, 40, (3, 40, 48, 1))
    return np.clip(gaussian_filter(rough, (0, 0.6, 0.6, 0)), 0, 255).astype(np.uint8)


def test_an_image_is_at_no_distance_from_itself(images):
    np.testing.assert_array_equal(texture_distance(images, images), np.zeros(3))


def test_smoothing_costs_more_than_other_details_of_the_same_kind(images):
    smooth = gaussian_filter(images, (0, 1.5, 1.5, 0))
    other = np.roll(images, 1, axis=0)
    moved = np.roll(images, 1, axis=2)
    smoothing, exchange, move = (texture_distance(o, images) for o in (smooth, other, moved))
    assert (move < exchange).all()
    assert (2 * exchange < smoothing).all()
    # PSNR would rather have them smooth
    error = [np.mean((o - images.astype(float)) ** 2) for o in (smooth, other)]
    assert error[0] < error[1]


def test_noise_is_texture_too(images):
    flat = np.full_like(images, 128)
    noise = np.random.default_rng(1).normal(0, 10, images.shape)
    noisy = np.clip(flat + noise, 0, 255).astype(np.uint8)
    assert (texture_distance(noisy, flat) > 2).all()


def test_each_image_counts_by_itself(images):
    other = np.roll(images, 1, axis=0)
    one = [texture_distance(other[i : i + 1], images[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(texture_distance(other, images), one, rtol=1e-6)


def test_images_of_other_shapes_are_refused(images):
    with pytest.raises(ValueError, match="shape"):
        texture_distance(images[:, :-1], images)
