"""Pictures of what is in a set: a sheet with a row per class, and previews for a terminal."""

import io
from collections.abc import Sequence

import numpy as np
from rich.text import Text

LEAST_SIDE = 48
"""Pixels a side up to which small images are enlarged by whole factors."""

LABEL_WIDTH, GAP, FONT_SIZE = 200, 4, 13
MOST_ROWS = 200
PREVIEW = 16


def class_sheet(images: Sequence[np.ndarray], names: Sequence[str]) -> bytes:
    """Draw a row of images per class, its name in front.

    Args:
      images: of each class uint8 `[n, height, width, channels]`, 1 or 3 channels; n may differ.
      names: of the classes. Of letters that the font may lack the escapes are drawn.

    Returns:
      A PNG file; at most 200 rows, then it says how many classes are left out.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = images[0].shape[1:3]
    scale = max(1, LEAST_SIDE // max(height, width))
    across, down = width * scale + GAP, max(height * scale, FONT_SIZE) + GAP
    shown = min(len(images), MOST_ROWS)
    left_out = len(images) - shown
    sheet = Image.new(
        "RGB",
        (LABEL_WIDTH + across * max(map(len, images)), down * (shown + bool(left_out)) + GAP),
        "white",
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for row, (own, name) in enumerate(zip(images[:shown], names, strict=False)):
        top = GAP + row * down
        for column, image in enumerate(own):
            enlarged = image.repeat(scale, axis=0).repeat(scale, axis=1)
            tile = Image.fromarray(enlarged[..., 0] if image.shape[-1] == 1 else enlarged)
            sheet.paste(tile, (LABEL_WIDTH + column * across, top))
        draw.text((GAP, top), _fitting(name, font), "black", font)
    if left_out:
        draw.text((GAP, GAP + shown * down), f"and {left_out:,} more classes", "black", font)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def preview(image: np.ndarray) -> Text:
    """Draw an image in 16x8 characters, each of two colours.

    Args:
      image: uint8 `[height, width, channels]`, 1 or 3 channels.
    """
    from PIL import Image

    whole = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("RGB")
    pixels = np.asarray(whole.resize((PREVIEW, PREVIEW), Image.Resampling.BOX))
    drawn = Text()
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            drawn.append("▀", f"{_colour(above)} on {_colour(below)}")
        drawn.append("\n")
    return drawn


def _fitting(name: str, font) -> str:
    """Return a class's name so that it can be drawn, cut to its column."""
    shown = name.encode("latin-1", "backslashreplace").decode("latin-1")
    room = LABEL_WIDTH - 2 * GAP
    if len(shown) <= room and font.getlength(shown) <= room:  # a letter takes a pixel at least
        return shown
    shown = shown[:room]
    while shown and font.getlength(shown + "...") > room:
        shown = shown[:-1]
    return shown + "..."


def _colour(pixel: np.ndarray) -> str:
    red, green, blue = pixel.tolist()
    return f"rgb({red},{green},{blue})"
