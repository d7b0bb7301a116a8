"""What classical methods of image processing, which learn nothing, make of a degraded image.

They are scikit-image's, an extra: `pip install "ganjax[restore]"`. Where it is not installed there
are none, and `left_out` says so in a line. What a method may know is what the degradation says of
itself: the level of noise, the width of a blur. A strength that follows from it is set by it; any
other is chosen on validation images, or else stays at a value that suits natural images.

Noise of a known level: non-local means (Buades et al. 2005, "A non-local algorithm for image
denoising") and wavelet shrinkage (BayesShrink, Chang et al. 2000, IEEE Transactions on Image
Processing 9(9)). Counts of photons: the same, after Anscombe's transform. Salt and pepper: the
median. A known blur: Wiener's filter and Richardson-Lucy; an unknown one: unsharp masking. Holes:
biharmonic inpainting. JPEG and mixtures: total variation (Chambolle 2004) and non-local means.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganjax.config import DegradationSpec
from ganjax.metrics.image import psnr

Image = NDArray[np.floating]
"""`[height, width, channels]`, black 0 and white 1; noise may reach beyond."""

Bytes = NDArray[np.uint8]
Pair = tuple[NDArray, Bytes]
"""A degraded image, as `Baseline.restore` takes it, and its original, uint8."""

PATCH, REACH = 5, 6
"""Of non-local means, in pixels: the side of what is compared, and how far it is looked for."""

OF_NOISE = 0.6
"""Strength of non-local means as a part of the noise level; the best on images of Train400."""

WAVELET = "db2"
MOST_ITERATED = (2, 5, 10, 20, 40)


class Baseline(NamedTuple):
    """A classical method, ready to use.

    Attributes:
      name: of the method.
      restore: takes one image `[height, width, channels]`, uint8 or float in [-1, 1] (not clipped:
        noise may reach beyond), any height and width, 1 or 3 channels; returns uint8 of that shape.
        Holes are seen in floats alone, where they are just 0, which no pixel of a file is.
      settings: its parameters in words, and how they were set.
    """

    name: str
    restore: Callable[[NDArray], Bytes]
    settings: str


class _Method(NamedTuple):
    """A method with a strength that is yet to be chosen.

    Attributes:
      name: of the method.
      apply: image and strength to image.
      strengths: what may be chosen; one where nothing is.
      usual: which of them, without validation images.
      settings: in words, `{}` for the strength.
    """

    name: str
    apply: Callable[[Image, float], Image]
    strengths: tuple[float, ...]
    usual: float
    settings: str


def baselines_for(
    specs: Sequence[DegradationSpec], *, validation: Sequence[Pair] = ()
) -> list[Baseline]:
    """Return the classical methods that suit a degradation, the strongest tradition first.

    Args:
      specs: what was done to the images, as `parse_degradation` gives it.
      validation: degraded images and their originals on which free strengths are chosen, by mean
        PSNR; never test images. A dozen will do. Without any, the usual strengths stay.

    Returns:
      One or more methods; none where scikit-image is not installed.
    """
    if find_spec("skimage") is None:
        return []
    return [_chosen(method, validation) for method in _methods(specs)]


def left_out(specs: Sequence[DegradationSpec]) -> tuple[str, ...]:
    """Say in a line each which methods there would be if they were installed.

    Args:
      specs: as in `baselines_for`.
    """
    if find_spec("skimage") is None:
        return (_not_installed("Classical methods are", "scikit-image"),)
    if [spec.name for spec in specs] in (["noise"], ["poisson"]) and not _wavelets():
        return (_not_installed("Wavelet shrinkage is", "PyWavelets"),)
    return ()


def _not_installed(what: str, package: str) -> str:
    return (
        f"{what} left out: {package} is not installed; type: pip install 'ganjax[restore]', then "
        "evaluate again."
    )


def _wavelets() -> bool:
    return find_spec("pywt") is not None


def _methods(specs: Sequence[DegradationSpec]) -> list[_Method]:
    """Choose the methods by what was done; of a mixture, such as smooth whatever there is."""
    if len(specs) != 1:
        return [_total_variation(), _blind_non_local_means()]
    (spec,) = specs
    known = spec.low == spec.high
    match spec.name:
        case "noise":
            return _against_noise(spec.low / 255 if known else None)
        case "poisson":
            return _against_counts((spec.low * spec.high) ** 0.5)
        case "salt-pepper":
            return [_median()]
        case "blur" if known and spec.low > 0:
            return [_wiener(spec.low), _richardson_lucy(spec.low)]
        case "blur" | "motion" | "down":
            return [_unsharp_mask()]
        case "box" | "strokes":
            return [_biharmonic()]
        case _:
            return [_total_variation(), _blind_non_local_means()]


def _chosen(method: _Method, validation: Sequence[Pair]) -> Baseline:
    """Choose the strength at which validation images come nearest to their originals."""
    strength, how = method.usual, ""
    if len(method.strengths) > 1:
        how = ", the usual strength"
    if len(method.strengths) > 1 and validation:

        def mean(strength: float) -> float:
            own = (psnr(_restore(d, method, strength), o, bounded=True) for d, o in validation)
            return float(np.mean(list(own)))

        strength, how = max(method.strengths, key=mean), ", chosen on validation images"
    settings = method.settings.format(f"{strength:g}") + how
    return Baseline(method.name, partial(_restore, method=method, strength=strength), settings)


def _restore(image: NDArray, method: _Method, strength: float) -> Bytes:
    image = np.asarray(image)
    light = image / np.float32(255) if image.dtype == np.uint8 else (image + 1) / 2
    restored = np.asarray(method.apply(light, strength), np.float64).reshape(image.shape)
    return np.round(255 * np.clip(restored, 0, 1)).astype(np.uint8)


def _against_noise(sigma: float | None) -> list[_Method]:
    """Methods against normal noise of a standard deviation, or one estimated of each image."""
    level = "the noise level" if sigma is not None else "the noise level estimated of each image"

    def non_local(image: Image, strength: float) -> Image:
        return _non_local_means(image, sigma if sigma is not None else noise_level(image), strength)

    def shrunk(image: Image, _: float) -> Image:
        return _wavelet(image, sigma if sigma is not None else noise_level(image))

    patches = f"patches of {PATCH} pixels, {REACH} to each side, h = {{}} of {level}"
    found = [_Method("non-local means", non_local, (OF_NOISE,), OF_NOISE, patches)]
    if _wavelets():
        words = f"BayesShrink with {WAVELET}, soft, by {level}"
        found.append(_Method("wavelet", shrunk, (1.0,), 1.0, words))
    return found


def _against_counts(peak: float) -> list[_Method]:
    """Methods against Poisson noise, made normal of one level by Anscombe's transform.

    z = 2 sqrt(count + 3/8) has a standard deviation near 1 (Anscombe 1948, Biometrika 35); back,
    the count is (z / 2)^2 - 1/8, which is unbiased where counts are not few.
    """
    span = 2 * (peak + 3 / 8) ** 0.5

    def through(method: _Method) -> Callable[[Image, float], Image]:
        def apply(image: Image, strength: float) -> Image:
            steady = 2 * np.sqrt(np.maximum(image * peak, 0) + 3 / 8) / span
            counts = np.square(method.apply(steady, strength).clip(0) * span / 2) - 1 / 8
            return counts / peak

        return apply

    return [
        own._replace(apply=through(own), settings=f"{own.settings}, of the square roots of counts")
        for own in _against_noise(1 / span)
    ]


def _non_local_means(image: Image, sigma: float, strength: float) -> Image:
    from skimage.restoration import denoise_nl_means

    return denoise_nl_means(
        image,
        patch_size=PATCH,
        patch_distance=REACH,
        h=max(strength * sigma, 1e-6),
        sigma=sigma,
        channel_axis=-1,
    )


def _wavelet(image: Image, sigma: float) -> Image:
    from skimage.restoration import denoise_wavelet

    if sigma == 0:
        return image  # nothing to shrink by: it would divide 0 by 0
    return denoise_wavelet(
        image, sigma=sigma, wavelet=WAVELET, method="BayesShrink", mode="soft", channel_axis=-1
    )


def _blind_non_local_means() -> _Method:
    return _Method(
        "non-local means",
        lambda image, strength: _non_local_means(image, strength, 1.0),
        (0.01, 0.02, 0.03, 0.05, 0.08, 0.12),
        0.03,
        f"patches of {PATCH} pixels, {REACH} to each side, h = {{}} of white",
    )


def _total_variation() -> _Method:
    def apply(image: Image, strength: float) -> Image:
        from skimage.restoration import denoise_tv_chambolle

        return denoise_tv_chambolle(image, weight=strength, channel_axis=-1)

    strengths = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2)
    return _Method("total variation", apply, strengths, 0.02, "Chambolle's, weight {}")


def _median() -> _Method:
    def apply(image: Image, strength: float) -> Image:
        from scipy.ndimage import median_filter

        side = int(strength)
        return median_filter(image, (side, side, 1), mode="reflect")

    return _Method("median", apply, (3, 5, 7), 3, "of {} pixels a side")


def _unsharp_mask() -> _Method:
    def apply(image: Image, strength: float) -> Image:
        from skimage.filters import unsharp_mask

        # A channel at a time: of all at once scikit-image 0.26 leaves values unset.
        sharpen = partial(unsharp_mask, radius=1.5, amount=strength, preserve_range=True)
        return np.stack([sharpen(own) for own in np.moveaxis(image, -1, 0)], axis=-1)

    amounts = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
    return _Method("unsharp masking", apply, amounts, 0.5, "radius 1.5 pixels, amount {}")


def _wiener(sigma: float) -> _Method:
    def apply(image: Image, strength: float) -> Image:
        from skimage.restoration import wiener

        return _by_channel(partial(wiener, balance=strength, clip=False), image, sigma)

    balances = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    return _Method("Wiener", apply, balances, 1e-3, "of the known blur, balance {}")


def _richardson_lucy(sigma: float) -> _Method:
    def apply(image: Image, strength: float) -> Image:
        from skimage.restoration import richardson_lucy

        sharpen = partial(richardson_lucy, num_iter=int(strength), clip=False, filter_epsilon=1e-6)
        return _by_channel(sharpen, image.clip(0, 1), sigma)

    return _Method("Richardson-Lucy", apply, MOST_ITERATED, 10, "of the known blur, {} iterations")


def _by_channel(sharpen: Callable[..., Image], image: Image, sigma: float) -> Image:
    """Undo a Gaussian blur of each channel, with mirrored borders, as the blur saw them."""
    reach = int(4 * sigma + 0.5)
    bell = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    kernel = np.outer(bell, bell) / bell.sum() ** 2
    edge = 2 * reach
    mirrored = np.pad(image, ((edge, edge), (edge, edge), (0, 0)), mode="symmetric")
    found = [sharpen(own, kernel) for own in np.moveaxis(mirrored.astype(np.float64), -1, 0)]
    height, width = image.shape[:2]
    return np.stack(found, axis=-1)[edge : edge + height, edge : edge + width]


def _biharmonic() -> _Method:
    def apply(image: Image, _: float) -> Image:
        from skimage.restoration import inpaint_biharmonic

        hole = (image == 0.5).all(axis=-1)
        return inpaint_biharmonic(image, hole, channel_axis=-1) if hole.any() else image

    return _Method("biharmonic inpainting", apply, (1.0,), 1.0, "of pixels that are just mid-grey")


def noise_level(image: Image) -> float:
    """Return the standard deviation of the noise in an image, in the unit of its values.

    The mean of |Laplacian of Laplacians|, in which lines and planes vanish and noise stays:
    sigma = sqrt(pi / 2) mean(|image * N|) / 6, N = [[1, -2, 1], [-2, 4, -2], [1, -2, 1]].
    Texture counts as noise.

    Args:
      image: `[height, width, channels]`, at least 3 pixels a side.

    References:
      Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64(2),
      1996.
    """
    for axis in (0, 1):
        image = np.diff(image, n=2, axis=axis)
    return float(np.sqrt(np.pi / 2) * np.abs(image).mean() / 6)
