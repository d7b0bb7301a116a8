"""PSNR and SSIM against scikit-image and by hand; intervals over images against their promise."""

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ganjax.errors import UserError
from ganjax.metrics import image
from ganjax.metrics.image import mean_interval, psnr, recovered, ssim, window


def pairs(*shape, seed=0, noise=20.0):
    """Return smooth random images and noisy versions of them, uint8."""
    rng = np.random.default_rng(seed)
    height, width = shape[1:3]
    across = (
        np.sin(np.linspace(0, 7, width))[:, None] * np.cos(np.linspace(1, 5, height))[:, None, None]
    )
    originals = 127 + 100 * across * rng.uniform(0.2, 1, (shape[0], 1, 1, shape[3]))
    noisy = originals + noise * rng.normal(size=shape)
    return np.round(originals).astype(np.uint8), np.round(noisy.clip(0, 255)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(4, 28, 28, 1), (3, 32, 32, 3), (2, 11, 40, 1), (1, 33, 12, 3)])
def test_both_are_those_of_scikit_image(shape):
    one, other = pairs(*shape)
    for mine, theirs in (
        (psnr(one, other), peak_signal_noise_ratio),
        (ssim(one, other), structural_similarity_of_wang),
    ):
        assert mine.dtype == np.float64
        expected = [theirs(x, y) for x, y in zip(one, other, strict=True)]
        np.testing.assert_allclose(mine, expected, rtol=0, atol=1e-9)


def structural_similarity_of_wang(one, other):
    return structural_similarity(
        one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255, channel_axis=-1,
    )  # fmt: skip


def test_psnr_by_hand():
    black = np.zeros((3, 2, 2, 1), np.uint8)
    other = black.copy()
    other[1, 0, 0, 0] = 1
    other[2] = 255
    assert psnr(black, other)[[0, 2]].tolist() == [math.inf, 0.0]
    assert psnr(black, other)[1] == pytest.approx(20 * math.log10(255) + 10 * math.log10(4))
    assert psnr(black, other, bounded=True)[0] == psnr(black, other)[1]


def test_ssim_of_itself_is_one_and_of_its_negative_is_below_zero():
    one, _ = pairs(3, 28, 28, 1)
    np.testing.assert_allclose(ssim(one, one), 1, atol=1e-12)
    strong = np.where(one > 127, 255, 0).astype(np.uint8)
    assert (ssim(strong, 255 - strong) < 0).all()


def test_small_images_have_the_largest_odd_window_that_fits():
    assert [window(side, 28) for side in (7, 8, 9, 10, 11, 28)] == [7, 7, 9, 9, 11, 11]
    one, other = pairs(2, 8, 8, 1)
    weights = np.exp(-0.5 * (np.arange(-3, 4) / 1.5) ** 2)
    weights = np.outer(weights, weights) / weights.sum() ** 2
    found = []
    for top in (0, 1):
        for left in (0, 1):
            x, y = (own[1, top : top + 7, left : left + 7, 0].astype(float) for own in (one, other))
            mx, my = (weights * x).sum(), (weights * y).sum()
            vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            both = (weights * (x - mx) * (y - my)).sum()
            c1, c2 = 6.5025, 58.5225
            found.append(
                (2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
            )
    assert ssim(one, other)[1] == pytest.approx(np.mean(found), abs=1e-10)


def test_one_image_is_as_among_many_whatever_the_parts(monkeypatch):
    one, other = pairs(9, 16, 20, 3)
    whole = psnr(one, other), ssim(one, other)
    monkeypatch.setattr("ganjax.metrics.products.BLOCK", 2 * 16 * 20 * 3 * 4)
    for together, metric in zip(whole, (psnr, ssim), strict=True):
        np.testing.assert_array_equal(metric(one, other), together)
        np.testing.assert_array_equal(metric(one[4], other[4]), together[4:5])


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (np.zeros((2, 9, 9, 1)), np.zeros((2, 9, 9, 1)), "uint8, 0 to 255; got float64"),
        (np.zeros((2, 9, 9), np.uint8), np.zeros((2, 9, 9), np.uint8), "got [2, 9, 9]"),
        (np.zeros((0, 9, 9, 1), np.uint8), np.zeros((0, 9, 9, 1), np.uint8), "got [0, 9, 9, 1]"),
        (np.zeros((9, 9, 1), np.uint8), np.zeros((9, 8, 1), np.uint8), "[9, 9, 1] and [9, 8, 1]"),
    ],
)
def test_what_cannot_be_compared_is_said(one, other, said):
    for metric in (psnr, ssim):
        with pytest.raises(UserError) as caught:
            metric(one, other)
        assert said in str(caught.value)


def test_images_too_small_for_structure_are_said():
    with pytest.raises(UserError, match="at least 7 by 7 pixels; got 6 by 28"):
        ssim(*pairs(1, 6, 28, 1))


def test_a_mean_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [mean_interval(rng.normal(3, 2, 12)) for _ in range(2000)]
    assert 0.935 < np.mean([own.low < 3 < own.high for own in found]) < 0.965
    assert mean_interval([2.0] * 5) == (2, 2, 2)
    alone = mean_interval([4.0])
    assert alone.mean == 4
    assert math.isnan(alone.low)
    assert math.isnan(alone.high)


def test_what_is_recovered_covers_the_true_part_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(1000):
        hard, mended = rng.uniform(size=400), rng.uniform(size=400)
        clean = hard < 0.9
        degraded = hard < 0.6
        restored = degraded | (clean & (mended < 0.7))
        part = recovered(clean, degraded, restored)
        covered.append(part.low < 0.7 < part.high)
    assert 0.93 < np.mean(covered) < 0.97


def test_what_is_recovered_by_hand():
    clean, degraded = [1] * 40, [0] * 20 + [1] * 20
    assert recovered(clean, degraded, clean) == pytest.approx((1, 1, 1))
    assert recovered(clean, degraded, degraded) == pytest.approx((0, 0, 0))
    assert recovered(clean, degraded, [0] * 40).mean == -1
    assert recovered(clean, [0] + [1] * 39, clean) is None
    assert recovered(degraded, clean, clean) is None


@pytest.mark.parametrize("values", [[], [1.0, math.inf], [[1.0, 2.0]]])
def test_what_has_no_interval_is_said(values):
    with pytest.raises(UserError, match="bounded=True"):
        mean_interval(values)


def test_levels_and_counts_are_checked():
    with pytest.raises(UserError, match="between 0 and 1"):
        mean_interval([1.0, 2.0], level=95)
    with pytest.raises(UserError, match="got 3, 3 and 2"):
        recovered([1, 1, 1], [0, 0, 0], [1, 1])


def test_the_settings_are_those_of_the_paper():
    assert (image.WINDOW, image.SIGMA, image.K1, image.K2, image.PEAK) == (11, 1.5, 0.01, 0.03, 255)
