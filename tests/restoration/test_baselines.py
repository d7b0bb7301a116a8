"""The classical baselines make images better by what they may know, or are left out in a line."""

import importlib.util
import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, uniform_filter1d
from skimage.data import camera
from skimage.util import random_noise

from ganjax.config import parse_degradation
from ganjax.metrics.image import psnr
from ganjax.ops import masks
from ganjax.restoration import baselines
from ganjax.restoration.baselines import baselines_for, left_out, noise_level

WAVELETS = importlib.util.find_spec("pywt") is not None
GAINS = {
    "noise:25": 6, "noise:15-35": 5, "poisson:30": 6, "salt-pepper:0.1": 8, "blur:1.6": 1,
    "blur:1-2": 0.5, "motion:5": 0, "down:2": 0.3, "box:0.1": 1, "jpeg:10": 0.5,
    "blur:1.6+noise:5": 0,
}  # fmt: skip


@pytest.fixture(name="original", scope="module")
def make_original():
    return np.ascontiguousarray(camera()[100:196, 200:280, None])


def degraded(text, original):
    """Return an image, degraded by other hands than ours, as float32 in [-1, 1]."""
    rng = np.random.default_rng(0)
    light = original / 255
    height, width = original.shape[:2]
    whole = Image.fromarray(original[..., 0])
    for spec in parse_degradation(text):
        amount = (spec.low + spec.high) / 2
        match spec.name:
            case "noise":
                light = light + amount / 255 * rng.normal(size=light.shape)
            case "poisson":
                light = rng.poisson(light * amount) / amount
            case "salt-pepper":
                light = random_noise(light, "s&p", rng=0, amount=amount)
            case "blur":
                light = gaussian_filter(light, (amount, amount, 0))
            case "motion":
                light = uniform_filter1d(light, int(amount), axis=1)
            case "down":
                factor = int(amount)
                small = whole.resize((width // factor, height // factor), Image.Resampling.BICUBIC)
                light = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) / 255
            case "jpeg":
                file = io.BytesIO()
                whole.save(file, "JPEG", quality=int(amount))
                light = np.asarray(Image.open(file)) / 255
            case "box":
                hole = np.zeros((height, width, 1), bool)
                hole[30:50, 20:50] = True
                light = (np.asarray(masks.cut(jnp.asarray(2 * light - 1), hole)) + 1) / 2
    return (2 * light - 1).astype(np.float32).reshape(original.shape)


def as_bytes(image):
    return np.round(255 * np.clip((image + 1) / 2, 0, 1)).astype(np.uint8)


@pytest.mark.parametrize("text", GAINS)
def test_every_method_makes_the_image_better(text, original):
    image = degraded(text, original)
    specs = parse_degradation(text)
    found = baselines_for(specs, validation=[(image, original)])
    assert found
    for baseline in found:
        restored = baseline.restore(image)
        assert restored.dtype == np.uint8
        gain = psnr(restored, original) - psnr(as_bytes(image), original)
        least = GAINS[text] - 2 * (baseline.name == "wavelet")
        assert gain[0] > least, (baseline.name, gain)


def test_names_and_settings_say_what_was_done():
    found = {b.name: b.settings for b in baselines_for(parse_degradation("noise:25"))}
    assert next(iter(found)) == "non-local means"
    assert found["non-local means"].endswith("h = 0.6 of the noise level")
    assert ("wavelet" in found) == WAVELETS
    (fill,) = baselines_for(parse_degradation("strokes:0.2"))
    assert fill.name == "biharmonic inpainting"


def test_a_free_strength_is_chosen_on_validation_images(original):
    specs = parse_degradation("jpeg:10")
    usual = baselines_for(specs)[0]
    assert usual.settings.endswith("weight 0.02, the usual strength")
    noisy = degraded("noise:25", original)
    chosen = baselines_for(specs, validation=[(noisy, original)])[0]
    assert chosen.settings.endswith("weight 0.1, chosen on validation images")
    untouched = original.astype(np.float32) / 127.5 - 1
    least = baselines_for(specs, validation=[(untouched, original)])[0]
    assert "weight 0.005," in least.settings


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 31, 3)])
@pytest.mark.parametrize(
    "text",
    ["noise:25", "noise:0-50", "poisson:9", "salt-pepper:0.1", "blur:3", "motion:9", "jpeg:10"],
)
@pytest.mark.filterwarnings("error")
def test_any_image_that_there_may_be_goes_through(text, shape):
    gradient = np.linspace(-1.2, 1.2, np.prod(shape)).astype(np.float32).reshape(shape)
    for image in (gradient, np.full(shape, -1, np.float32), np.full(shape, 255, np.uint8)):
        kept = image.copy()
        for baseline in baselines_for(parse_degradation(text)):
            assert baseline.restore(image).shape == shape
        np.testing.assert_array_equal(image, kept)
    for baseline in baselines_for(parse_degradation(text)):
        if not text.startswith(("blur", "poisson")):
            flat = baseline.restore(np.full(shape, 200, np.uint8)).astype(int)
            assert np.abs(flat - 200).max() <= 2, baseline.name


def test_without_holes_inpainting_changes_nothing(original):
    (fill,) = baselines_for(parse_degradation("box:0.1"))
    np.testing.assert_array_equal(fill.restore(original), original)


def test_the_noise_level_is_seen_in_the_image(original):
    for sigma in (10, 40):
        level = noise_level((degraded(f"noise:{sigma}", original) + 1) / 2)
        assert level == pytest.approx(sigma / 255, rel=0.25)


def test_what_is_not_installed_is_left_out_in_a_line(monkeypatch):
    noise, blur = parse_degradation("noise:25"), parse_degradation("blur:2")
    assert len(left_out(noise)) == (not WAVELETS)
    assert left_out(blur) == ()
    gone = {"pywt"}
    monkeypatch.setattr(baselines, "find_spec", lambda name: None if name in gone else name)
    assert [b.name for b in baselines_for(noise)] == ["non-local means"]
    (line,) = left_out(noise)
    assert line.startswith("Wavelet shrinkage is left out: PyWavelets is not installed")
    gone.add("skimage")
    assert baselines_for(noise) == []
    (line,) = left_out(blur)
    assert line.startswith("Classical methods are left out: scikit-image is not installed; type: ")
    assert "\n" not in line
