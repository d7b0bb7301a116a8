"""Equal pixels have equal hashes, similar pictures similar ones."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import zoom

from ganjax.data.hashes import duplicate_groups, perceptual_hashes, pixel_hashes


def pictures(count, size=32, channels=3, seed=0):
    """Random pictures with more and less detail and mild colours, no two alike."""
    rng = np.random.default_rng(seed)
    spread = {3: 60, 6: 40, 12: 30, 24: 20}
    layers = [_enlarged(rng.normal(0, s, (count, n, n, 1)), size) for n, s in spread.items()]
    colours = _enlarged(rng.normal(0, 20, (count, 4, 4, channels)), size)
    return np.clip(128 + sum(layers) + colours, 0, 255).astype(np.uint8)


def _enlarged(images, size):
    factor = size / images.shape[1]
    return zoom(images, (1, factor, factor, 1), order=1, mode="nearest", grid_mode=True)


def test_two_encodings_of_the_same_pixels_have_one_hash():
    (pixels,) = pictures(1)
    read = []
    for kind in ("PNG", "BMP", "TIFF"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        read.append(np.asarray(Image.open(file)))
    hashes = pixel_hashes(np.stack(read))
    assert len(set(hashes.tolist())) == 1


def test_one_pixel_or_another_shape_makes_another_hash():
    images = pictures(3)
    images[1] = images[0]
    images[1, 31, 31, 2] ^= 1
    assert len(set(pixel_hashes(images).tolist())) == 3
    turned = images.transpose(0, 3, 1, 2)
    flat = np.zeros((1, 8, 2, 1), np.uint8)
    assert pixel_hashes(flat)[0] != pixel_hashes(flat.reshape(1, 4, 4, 1))[0]
    assert not set(pixel_hashes(turned).tolist()) & set(pixel_hashes(images).tolist())


def test_groups_are_named_by_their_first_image():
    images = pictures(4)[[2, 0, 2, 1, 0, 2, 3]]
    groups = duplicate_groups(images)
    assert groups.tolist() == [0, 1, 0, 3, 1, 0, 6]
    assert groups.dtype == np.int64
    assert duplicate_groups(images[:0]).tolist() == []


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (32, 3), (33, 1)])
def test_the_hash_is_the_dcts_sign_against_its_median(size, channels):
    images = pictures(5, size, channels)
    weights = np.array([1.0] if channels == 1 else [0.299, 0.587, 0.114])
    for image, found in zip(images, perceptual_hashes(images), strict=True):
        # scipy's DCT-II is the sum of the same cosines, times 2 in each direction
        spectrum = dctn(image @ weights, type=2)[:8, :8].ravel() / (4 * size * size)
        above = spectrum - np.median(spectrum[1:])
        bits = np.unpackbits(np.array([found]).view(np.uint8), bitorder="little").astype(bool)
        clear = np.abs(above) > 0.02  # the rest lies within rounding
        clear[0] = False
        assert clear.sum() > 50
        np.testing.assert_array_equal(bits[clear], above[clear] > 0)
        assert not bits[0]


def test_similar_pictures_have_similar_hashes_and_others_do_not():
    images = pictures(50)
    noise = np.random.default_rng(1).normal(0, 4, images.shape)
    noisy = np.clip(images + noise, 0, 255).astype(np.uint8)
    one, other = perceptual_hashes(images), perceptual_hashes(noisy)
    apart = np.bitwise_count(one[:, None] ^ other[None])
    assert np.diag(apart).max() <= 7
    assert apart[~np.eye(50, dtype=bool)].min() > 7


def test_flat_images_have_no_hash_of_their_own():
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    flat = np.broadcast_to(levels[:, None, None, None], (len(levels), 28, 28, 3))
    assert not perceptual_hashes(flat).any()
