"""The leak detector: do generated images carry the transforms T(x) of the discriminator?

A generator is to learn the images, not the transforms. Where T(x) is applied to real images alone,
or is shown as one more kind of real image, its samples come out rotated, moved, cut out (arXiv
2006.06676, section 2.1). `detector` trains a network that tells which transforms an image went
through; `shares` makes of its answers the share of the samples that carry each, with an interval.
"""

from ganjax.synthesis.leak.detector import Detector, train_detector
from ganjax.synthesis.leak.shares import Leak, leaks

__all__ = ["Detector", "Leak", "leaks", "train_detector"]
