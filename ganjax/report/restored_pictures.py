"""Pictures of a restoration: what came in, what came out, what it should be, and the difference.

An image too large to be seen beside others is shown in part: where the first restoration is
farthest from the original, so that nothing is hidden. All differences of a page are stretched
alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ganjax.report import plots
from ganjax.report.plots import Picture
from ganjax.report.restored_words import DASH, decibel, names, there

LARGEST = 128
"""Pixels a side above which a part is shown."""

PIXELATED = 64
"""Pixels a side up to which pixels are shown as squares."""

ROWS = 4
"""Images of each kind."""

FACTORS = (1, 2, 4, 8, 16)
"""What differences may be multiplied by."""

KINDS = {
    "typical": "Typical: those whose PSNR lies in the middle",
    "worst": "The worst: those of the lowest PSNR",
    "best": "The best: those of the highest PSNR",
}

FRAME = (213, 94, 0)


def laid_out(r: Mapping[str, Any], given: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Lay out all pictures of a page.

    Args:
      r: what the evaluation found.
      given: as in `ganjax.report.restoration.build`.

    Returns:
      `factor`, `shown`: the kinds of images with their rows, `invented`: rows of crops, `in_part`:
      whether any image is shown in part.
    """
    called = names(r)
    rows = {kind: list(given.get(kind) or [])[:ROWS] for kind in KINDS}
    factor = _factor([row for own in rows.values() for row in own])
    shown: list[dict[str, Any]] = [
        {"title": KINDS[kind], "rows": [_row(one, called, factor) for one in own]}
        for kind, own in rows.items()
        if own
    ]
    return {
        "factor": factor,
        "shown": shown,
        "in_part": any(row["part"] for kind in shown for row in kind["rows"]),
        "invented": [_crops(row) for row in list(given.get("invented") or [])[: 2 * ROWS]],
    }


def _factor(rows: Sequence[Any]) -> int:
    """Choose the largest factor at which hardly any difference of a restored image is cut."""
    apart = [
        np.quantile(difference(image, original, 1), 0.995)
        for _, original, _, restored, _ in rows
        for image in restored.values()
    ]
    fitting = [factor for factor in FACTORS if factor * max(apart, default=0.0) <= 255]
    return max(fitting, default=FACTORS[0])


def difference(image: np.ndarray, original: np.ndarray, factor: int) -> np.ndarray:
    """Return |image - original| times a factor, cut at 255: uint8 of the same shape."""
    apart = np.abs(np.asarray(image, np.int32) - np.asarray(original, np.int32))
    return np.minimum(apart * factor, 255).astype(np.uint8)


def _row(shown: Any, called: Mapping[str, str], factor: int) -> dict[str, Any]:
    """Lay out an image's pictures, each with its PSNR and its difference from the original."""
    name, original, degraded, restored, psnr = shown
    top, left, height, width = _part(original, next(iter(restored.values()), degraded))

    def cut(image: np.ndarray) -> np.ndarray:
        return np.asarray(image)[top : top + height, left : left + width]

    in_part = (height, width) != original.shape[:2]
    cells = [
        {
            "kind": "Original",
            "note": "",
            "picture": picture(cut(original)),
            "below": picture(_framed(original, top, left, height, width)) if in_part else None,
            "said": "the whole image" if in_part else "",
        }
    ]
    for key, image in {"degraded": degraded, **restored}.items():
        value = psnr.get(key)
        own = called.get(key, key[:1].upper() + key[1:])
        cells.append(
            {
                "kind": own,
                "note": f"{decibel(value)} dB"
                if value is not None and there(value)
                else _same(value),
                "picture": picture(cut(image)),
                "below": picture(cut(difference(image, original, factor))),
                "said": f"difference ×{factor}",
            }
        )
    return {
        "name": name,
        "part": in_part,
        "cells": cells,
        "pixelated": max(height, width) <= PIXELATED,
    }


def _same(value: float | None) -> str:
    return DASH if value is None else "identical"


def _part(original: np.ndarray, image: np.ndarray) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the part that is shown.

    Along a side longer than `LARGEST` the window is put where the squared error is largest.
    """
    error = np.square(difference(image, original, 1).astype(np.float64)).sum(axis=-1)
    height, width = (min(side, LARGEST) for side in error.shape)
    sums = np.pad(error, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    windows = (
        sums[height:, width:]
        - sums[:-height, width:]
        - sums[height:, :-width]
        + sums[:-height, :-width]
    )
    top, left = np.unravel_index(int(windows.argmax()), windows.shape)
    return int(top), int(left), height, width


def _framed(original: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Return the whole image made small, with a frame around the part that is shown."""
    from PIL import Image

    factor = -(-max(original.shape[:2]) // (2 * LARGEST))
    colour = np.repeat(original, 3, axis=-1) if original.shape[-1] == 1 else original
    small = np.array(Image.fromarray(np.ascontiguousarray(colour)).reduce(factor))
    first, last = (
        (top // factor, left // factor),
        ((top + height) // factor, (left + width) // factor),
    )
    inner = np.zeros(small.shape[:2], bool)
    outer = inner.copy()
    outer[first[0] : last[0], first[1] : last[1]] = True
    inner[first[0] + 2 : last[0] - 2, first[1] + 2 : last[1] - 2] = True
    small[outer & ~inner] = FRAME
    return small


def _crops(row: Any) -> dict[str, Any]:
    """Lay out one place where the adversarial restoration is farthest from the original."""
    name, *crops = row
    kinds = ("Original", "Degraded", "Plain", "Adversarial")
    return {
        "name": name,
        "cells": [
            {"kind": kind, "picture": picture(crop)}
            for kind, crop in zip(kinds, crops, strict=True)
        ],
    }


def picture(image: np.ndarray) -> Picture:
    """Return an image, uint8 `[height, width, 1 or 3]`, as a PNG in a data URI."""
    pixels = np.full((*image.shape[:2], 4), 255, np.uint8)
    pixels[..., :3] = image
    return plots.png(pixels)
