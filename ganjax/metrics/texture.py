"""How much fine structure there is where in an image, whatever it is exactly.

A pixel loss is served best by the mean of all originals that a degraded image may have come from,
and that is smooth; PSNR does not mind. The local strength of an image's fine bands does: it falls
where texture is smoothed away, and rises where some is invented.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]

BANDS = (0.0, 0.7, 1.4, 2.8)
"""Standard deviations in pixels of the Gaussians between which the bands lie (Burt and Adelson
1983, "The Laplacian Pyramid as a Compact Image Code", at full size)."""

WINDOW = 9
"""Side in pixels of the window that a band's strength is told over."""


def texture_distance(images: Images, originals: Images) -> Floats:
    """Return how far images are from their originals in the strength of their texture.

    The mean, over three bands of spatial frequency and all places, of the absolute difference of
    the root mean squares of the band around the place. Moving or exchanging the details of a
    texture for others of the same kind costs little, smoothing or sharpening them costs all.

    Args:
      images: uint8 `[n, height, width, channels]`.
      originals: likewise.

    Returns:
      Float64 `[n]`, in grey levels of 0 to 255: 0 where they are equal.
    """
    if images.shape != originals.shape or images.ndim != 4:
        raise ValueError(f"images of shape {images.shape}, originals of {originals.shape}")
    return np.mean(np.abs(_strengths(images) - _strengths(originals)), axis=(0, 2, 3, 4))


def _strengths(images: Images) -> NDArray[np.float32]:
    """Return the local root mean square of each band: `[bands, n, height, width, channels]`."""
    smooth = [_smoothed(images.astype(np.float32), sigma) for sigma in BANDS]
    bands = np.stack([finer - coarser for finer, coarser in pairwise(smooth)])
    mean = uniform_filter(np.square(bands), (0, 0, WINDOW, WINDOW, 0), mode="reflect")
    return np.sqrt(np.maximum(mean, 0))


def _smoothed(images: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return gaussian_filter(images, (0, sigma, sigma, 0), mode="reflect") if sigma else images
