"""Where labelled images come from, who may see them, and where they go."""

from ganjax.data.arrays import from_arrays
from ganjax.data.export import write_labelled_images
from ganjax.data.sealed import SealedTest
from ganjax.data.sources import Dataset, Source, load
from ganjax.data.splits import Draw, draw, part

__all__ = [
    "Dataset",
    "Draw",
    "SealedTest",
    "Source",
    "draw",
    "from_arrays",
    "load",
    "part",
    "write_labelled_images",
]
