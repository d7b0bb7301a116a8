"""How near an image is to the original: PSNR and SSIM of each image, and intervals over images.

Images come as uint8, 0 to 255, so what is measured is what would be written to a file: whoever has
floats rounds and clips them first. Everything is float64 NumPy on the host.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganjax.errors import UserError
from ganjax.metrics.products import in_parts

Floats = NDArray[np.float64]
Images = NDArray[np.uint8]

PEAK = 255.0
WINDOW, SIGMA = 11, 1.5
"""Side and standard deviation of SSIM's Gaussian window, in pixels."""

SMALLEST_SIDE = 7
"""Pixels a side below which no SSIM is told: a smaller window says nothing of structure."""

K1, K2 = 0.01, 0.03


class MeanInterval(NamedTuple):
    """A mean over images and its confidence interval."""

    mean: float
    low: float
    high: float


def psnr(one: ArrayLike, other: ArrayLike, *, bounded: bool = False) -> Floats:
    """Return the peak signal-to-noise ratio of each image, in dB: 10 log10(255^2 / MSE).

    The mean squared error is over all pixels and channels of an image.

    Args:
      one: uint8 `[n, height, width, channels]`, or one image without n; 1 or 3 channels.
      other: the originals, of the same shape.
      bounded: what two identical images get. Infinity by default. With True what the least error
        that there can be would give, one value off by one: 10 log10(255^2 height width channels),
        77.1 dB for a grey image of 28 by 28. A mean over images needs it.

    Returns:
      float64 `[n]`, in dB.

    Raises:
      UserError: no uint8, other shapes, or shapes that differ.

    Example:
      >>> black = np.zeros((2, 8, 8, 1), np.uint8)
      >>> psnr(black, black + np.array([0, 255], np.uint8)[:, None, None, None]).tolist()
      [inf, 0.0]
    """
    one, other = _checked(one, other)
    values = one[0].size

    def squared_error(rows: slice) -> Floats:
        apart = np.subtract(one[rows], other[rows], dtype=np.int32).reshape(-1, values)
        return np.square(apart).sum(axis=1, dtype=np.int64).astype(np.float64)

    total = np.concatenate(in_parts(squared_error, len(one), values))
    if bounded:
        total = np.maximum(total, 1)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(PEAK**2 * values / total)


def ssim(one: ArrayLike, other: ArrayLike) -> Floats:
    """Return the structural similarity of each image: 1 for identical ones, near 0 for unrelated.

    With mu, sigma^2 and sigma_xy the means, variances and covariance under a Gaussian window,

        SSIM = (2 mu_x mu_y + C1)(2 sigma_xy + C2)
               / ((mu_x^2 + mu_y^2 + C1)(sigma_x^2 + sigma_y^2 + C2))

    C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2; the window has 11 by 11 pixels and a standard
    deviation of 1.5. The mean is over all windows that lie wholly within the image (borders are
    not padded), and over channels. So it is scikit-image's `structural_similarity` with
    `gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255`, and Wang's.

    A side below 11 pixels has a smaller window, the central `window(height, width)` pixels of it
    with weights that sum to 1: 7 by 7 for images of 8 by 8, as `digits`. Its values cannot be
    compared with those of other windows.

    Args:
      one: uint8 `[n, height, width, channels]`, or one image without n; 1 or 3 channels.
      other: the originals, of the same shape.

    Returns:
      float64 `[n]`, at most 1.

    Raises:
      UserError: no uint8, other shapes, shapes that differ, or a side below 7 pixels.

    References:
      Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to
      structural similarity", IEEE Transactions on Image Processing 13(4), 2004.
    """
    one, other = _checked(one, other)
    height, width, channels = one.shape[1:]
    weights = _gaussian(window(height, width))

    def mean(images: Floats) -> Floats:
        """Return the windows' weighted means, where a window fits."""
        from scipy.ndimage import correlate1d

        edge = len(weights) // 2
        for axis in (1, 2):
            images = correlate1d(images, weights, axis)
        return images[:, edge : height - edge, edge : width - edge]

    def similarity(rows: slice) -> Floats:
        x, y = (own[rows].astype(np.float64) for own in (one, other))
        mu_x, mu_y = mean(x), mean(y)
        variances = mean(np.square(x) + np.square(y)) - np.square(mu_x) - np.square(mu_y)
        covariance = mean(x * y) - mu_x * mu_y
        c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
        likeness = (2 * mu_x * mu_y + c1) * (2 * covariance + c2)
        likeness /= (np.square(mu_x) + np.square(mu_y) + c1) * (variances + c2)
        return likeness.mean(axis=(1, 2, 3))

    return np.concatenate(in_parts(similarity, len(one), height * width * channels * 4))


def window(height: int, width: int) -> int:
    """Return the side of SSIM's window for images of a size: 11, or the largest odd one that fits.

    Raises:
      UserError: a side below 7 pixels.
    """
    side = min(height, width)
    if side < SMALLEST_SIDE:
        raise UserError(
            f"SSIM needs images of at least {SMALLEST_SIDE} by {SMALLEST_SIDE} pixels; got "
            f"{height} by {width}"
        )
    return min(WINDOW, side - 1 + side % 2)


def mean_interval(values: ArrayLike, *, level: float = 0.95) -> MeanInterval:
    """Return the mean over images with a t interval for other images of the same kind.

    For a difference give the differences image by image: paired, so that what all methods find
    hard does not widen it.

    Args:
      values: float `[n]`, finite: one of each image.
      level: nominal coverage, between 0 and 1.

    Returns:
      The mean and its interval; of one image, the value itself and NaN for both ends.

    Raises:
      UserError: no image, values that are not finite, or a level outside (0, 1).

    Example:
      >>> [round(end, 2) for end in mean_interval([1.0, 2.0, 3.0])]
      [2.0, -0.48, 4.48]
    """
    values = _finite(values)
    mean = float(values.mean())
    if len(values) < 2:
        return MeanInterval(mean, np.nan, np.nan)
    width = _t(len(values), level) * float(values.std(ddof=1)) / len(values) ** 0.5
    return MeanInterval(mean, mean - width, mean + width)


def recovered(
    clean: ArrayLike, degraded: ArrayLike, restored: ArrayLike, *, level: float = 0.95
) -> MeanInterval | None:
    """Return which part of what degradation took from a classifier restoration gives back.

        (accuracy restored - accuracy degraded) / (accuracy clean - accuracy degraded)

    1 is everything, 0 nothing, below 0 harm. The interval is Fieller's, for other images of the
    same kind: those r at which the mean of gain - r loss, image by image, does not differ from 0.

    Args:
      clean: whether each clean image was named rightly, `[n]`, bool or in [0, 1].
      degraded: the same of the degraded images.
      restored: the same of the restored ones.
      level: nominal coverage, between 0 and 1.

    Returns:
      The part and its interval; None where degradation took nothing that can be told from chance,
      so that there is nothing to be a part of.

    Raises:
      UserError: numbers of images that differ, fewer than 2, values that are not finite, or a level
        outside (0, 1).

    References:
      Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B
      16(2), 1954.

    Example:
      >>> part = recovered([1] * 40, [0] * 20 + [1] * 20, [0] * 10 + [1] * 30)
      >>> print(f"{part.mean:.2f} [{part.low:.2f}, {part.high:.2f}]")
      0.50 [0.26, 0.74]
    """
    was, taken, back = (_finite(own) for own in (clean, degraded, restored))
    if not len(was) == len(taken) == len(back) > 1:
        raise UserError(
            "what is recovered needs the same images clean, degraded and restored, at least 2; got "
            f"{len(was)}, {len(taken)} and {len(back)}"
        )
    gain, loss = back - taken, was - taken
    (v_gain, v_both), (_, v_loss) = np.cov(gain, loss) / len(gain)
    a, b = gain.mean(), loss.mean()
    t2 = _t(len(gain), level) ** 2
    # The ends solve (a - r b)^2 = t^2 (v_gain - 2 r v_both + r^2 v_loss)
    square, middle, rest = b**2 - t2 * v_loss, a * b - t2 * v_both, a**2 - t2 * v_gain
    if b <= 0 or square <= 0:
        return None
    root = np.sqrt(max(middle**2 - square * rest, 0.0))
    low, high = (middle - root) / square, (middle + root) / square
    return MeanInterval(float(a / b), float(low), float(high))


def _checked(one: ArrayLike, other: ArrayLike) -> tuple[Images, Images]:
    found = np.asarray(one), np.asarray(other)
    for images in found:
        if images.dtype != np.uint8:
            raise UserError(
                f"images are compared as uint8, 0 to 255; got {images.dtype}: round and clip first"
            )
        if images.ndim not in (3, 4) or images.shape[-1] not in (1, 3) or 0 in images.shape:
            raise UserError(
                "images must be [n, height, width, channels], or one [height, width, channels], "
                f"with 1 or 3 channels; got {list(images.shape)}"
            )
    if found[0].shape != found[1].shape:
        shapes = " and ".join(str(list(images.shape)) for images in found)
        raise UserError(f"images and their originals must have the same shape; got {shapes}")
    one, other = (images[None] if images.ndim == 3 else images for images in found)
    return one, other


def _gaussian(size: int) -> Floats:
    """Return the window's weights along one side."""
    places = np.arange(size) - size // 2
    weights = np.exp(-np.square(places) / (2 * SIGMA**2))
    return weights / weights.sum()


def _finite(values: ArrayLike) -> Floats:
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not len(found) or not np.isfinite(found).all():
        raise UserError(
            "an interval over images needs one finite value of each image; PSNR is infinite for "
            "identical images: give bounded=True"
        )
    return found


def _t(images: int, level: float) -> float:
    from scipy.special import stdtrit

    if not 0 < level < 1:
        raise UserError(f"level must be between 0 and 1, such as 0.95; got {level}")
    return float(stdtrit(images - 1, (1 + level) / 2))
