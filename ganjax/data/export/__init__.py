"""A labelled set on disk, with a manifest: PNG files in class folders, arrays, or array_record."""

from ganjax.data.export.claim import check_free
from ganjax.data.export.contents import FORMATS, Contents, Format, Images
from ganjax.data.export.from_memory import write_labelled_images
from ganjax.data.export.picture import png
from ganjax.data.export.writing import write_set

__all__ = [
    "FORMATS",
    "Contents",
    "Format",
    "Images",
    "check_free",
    "png",
    "write_labelled_images",
    "write_set",
]
