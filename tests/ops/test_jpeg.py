"""Compression costs what Pillow's does, at any quality and size."""

import io
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio as psnr

from ganjax.ops import jpeg

COLOUR = np.ascontiguousarray(data.astronaut()[60:141, 170:271])
GREY = np.asarray(Image.fromarray(COLOUR).convert("L"))[..., None]
IMAGES = {
    "grey": GREY,
    "grey in whole blocks": GREY[:64, :64],
    "colour": COLOUR,
    "colour in whole blocks": COLOUR[:64, :64],
    "colour in half a block": COLOUR[:24, :40],
}
CLASSIC5 = Path(__file__).resolve().parents[3] / "shared" / "data" / "denoise" / "classic5"

compressed = jax.jit(jpeg.compressed)


def ours(pixels: np.ndarray, quality: float) -> np.ndarray:
    image = compressed(jnp.asarray(pixels, jnp.float32) / 127.5 - 1, quality)
    values = (np.asarray(image, np.float64) + 1) * 127.5
    np.testing.assert_allclose(values, np.round(values), atol=1e-3)
    return np.round(values).astype(np.uint8)


def pillows(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).reshape(pixels.shape)


@pytest.mark.parametrize("name", IMAGES)
def test_as_good_and_as_bad_as_pillows(name):
    pixels = IMAGES[name]
    for quality in (1, 5, 10, 25, 40, 50, 75, 90):
        mine, theirs = ours(pixels, quality), pillows(pixels, quality)
        assert psnr(pixels, mine) == pytest.approx(psnr(pixels, theirs), abs=0.3), quality
        with np.errstate(divide="ignore"):  # no difference at all
            assert psnr(theirs, mine) > psnr(pixels, theirs) + 6, quality  # it is the same loss


@pytest.mark.parametrize("pixels", [GREY[:5, :11], COLOUR[:13, :7]], ids=["grey", "colour"])
def test_tiny_images_of_odd_sides(pixels):
    """There one coefficient that is rounded the other way counts: so of all qualities together."""
    qualities = (1, 5, 10, 25, 40, 50, 75, 90)
    mine, theirs = (np.stack([f(pixels, q) for q in qualities]) for f in (ours, pillows))
    both = np.broadcast_to(pixels, mine.shape)
    assert psnr(both, mine) == pytest.approx(psnr(both, theirs), abs=0.1)
    assert psnr(theirs, mine) > psnr(both, theirs) + 6


def test_most_pixels_are_just_pillows():
    for pixels in (GREY, COLOUR):
        assert (ours(pixels, 10) == pillows(pixels, 10)).mean() > 0.9


@pytest.mark.skipif(not CLASSIC5.is_dir(), reason=f"no classic5 at {CLASSIC5}")
def test_classic5_as_in_the_literature():
    pixels = np.asarray(Image.open(sorted(CLASSIC5.glob("*"))[0]).convert("L"))[..., None]
    mine, theirs = ours(pixels, 10), pillows(pixels, 10)
    assert psnr(pixels, mine) == pytest.approx(psnr(pixels, theirs), abs=0.01)


def test_qualities_are_rounded_and_kept_in_range():
    np.testing.assert_array_equal(ours(GREY, 10.4), ours(GREY, 10))
    np.testing.assert_array_equal(ours(GREY, -3.0), ours(GREY, 1))
    np.testing.assert_array_equal(ours(GREY, 200.0), ours(GREY, 100))


def test_what_is_out_of_range_is_clipped_as_a_file_does():
    image = jnp.asarray(GREY / 127.5 - 1, jnp.float32)
    np.testing.assert_array_equal(
        compressed(3 * image, 50), compressed(jnp.clip(3 * image, -1, 1), 50)
    )


def test_other_numbers_of_channels_are_grey_images():
    two = ours(np.concatenate([GREY, GREY[::-1]], axis=-1), 10)
    np.testing.assert_array_equal(two[..., :1], ours(GREY, 10))


def test_the_gradient_goes_straight_through():
    def slope_of(pixels):
        image = jnp.asarray(pixels / 127.5 - 1, jnp.float32)
        return jax.grad(lambda x: jnp.sum(jnp.square(compressed(x, 10.0))) / 2)(image)

    back = GREY[:16, :24]
    expected = ours(back, 10) / 127.5 - 1
    np.testing.assert_allclose(slope_of(back), expected, atol=1e-5)
    slope = slope_of(COLOUR[:11, :13])
    assert np.isfinite(slope).all()
    assert np.corrcoef(slope.ravel(), COLOUR[:11, :13].ravel())[0, 1] > 0.9
