"""One image file to one array, or a clear reason why not."""

from pathlib import Path

import numpy as np

from ganjax.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")

GREY_MODES = ("1", "L")
MOST_PIXELS = 64_000_000


def decode(path: Path) -> np.ndarray:
    """Read an image file.

    Args:
      path: of the file.

    Returns:
      uint8 `[height, width, channels]`: 1 channel where the file is grey, else 3 (palettes and
      transparency are resolved to colour).

    Raises:
      UserError: the file is broken, no image, or enormous.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UserError(
                    f"{path} is {image.width}x{image.height} pixels, more than {MOST_PIXELS:,}: "
                    "shrink or remove it"
                )
            if image.mode.startswith(("I", "F")):  # I;16B and the like too
                raise UserError(
                    f"{path} has {image.mode} pixels of more than 8 bits: convert it to 8 bits"
                )
            grey = image.mode in GREY_MODES
            image.load()
            pixels = np.asarray(image.convert("L" if grey else "RGB"))
    except UserError:
        raise
    # a broken header can surface as a ValueError: Pillow parses the numbers of a .ppm by int()
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(
            f"{path} cannot be read as an image ({error}): repair or remove it"
        ) from None
    return pixels[..., None] if grey else pixels
