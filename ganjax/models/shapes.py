"""Checks of the sizes that networks are built for, with errors for the person who gave them."""

from collections.abc import Sequence

from ganjax.errors import UserError

POWERS_OF_TWO = (8, 16, 32, 64, 128)

LARGEST_IN_FULL = 16
"""Side in pixels up to which features are computed at the full size, unless one says otherwise."""


def check_power_of_two(size: int) -> None:
    """Raise `UserError` unless `size` is one that convolutional GANs are built for."""
    if size not in POWERS_OF_TWO:
        raise UserError(
            f"a convolutional GAN makes square images of 8, 16, 32, 64 or 128 pixels, not {size}: "
            "pad the images (ganjax.data.loader.pad_to_power_of_two) or use the mlp networks"
        )


def check_channels(channels: int) -> None:
    """Raise `UserError` unless images are grey (1) or colour (3)."""
    if channels not in (1, 3):
        raise UserError(f"images have 1 channel (grey) or 3 (colour), not {channels}")


def check_classes(classes: int | None) -> None:
    """Raise `UserError` unless `classes` is None (no labels) or at least 2."""
    if classes is not None and classes < 2:
        raise UserError(f"classes must be at least 2, or None for no labels, not {classes}")


def chosen_widths(given: Sequence[int] | None, default: Sequence[int]) -> tuple[int, ...]:
    """Return the channels of a network's stages: those given, or else the default.

    Raises:
      UserError: there are more or fewer than the network has stages, or one is below 1.
    """
    widths = tuple(default if given is None else given)
    if len(widths) != len(default) or min(widths) < 1:
        raise UserError(
            f"this network has {len(default)} widths, each at least 1, not {list(widths)}"
        )
    return widths


def largest_features(size: int, full_size: bool | None) -> int:
    """Return the side of a network's largest features: that of the images, or half of it.

    Args:
      size: side of the images in pixels.
      full_size: whether it is theirs; None to choose by `LARGEST_IN_FULL`.
    """
    full = size <= LARGEST_IN_FULL if full_size is None else full_size
    return size if full else size // 2
