"""Images at their own size, as restorers are trained and measured on: they need no labels.

All images of a source count, in whatever folders they lie (`ganjax.data.find_pictures`). Each keeps
its height and width. All have one number of channels: that asked for, or grey where every image is
grey by its mode, and else colour, where a grey image has its level three times.

A camera's EXIF orientation is applied, what is transparent lies on white, and 16 bits become 8, as
`ganjax.data.decode` has it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganjax.data import quarantine
from ganjax.data.decode import Unreadable
from ganjax.data.export.picture import png
from ganjax.data.few import MOST_HELD_OUT, random_stream
from ganjax.data.find_pictures import find_pictures
from ganjax.data.hashes import first_of_equals, pixel_hashes
from ganjax.data.listing import UNLABELLED, Bad, Entry
from ganjax.data.pictures import IN_COLOUR, Natural, Pictures
from ganjax.errors import UserError, quoted

AT_A_TIME = 256


@dataclass(frozen=True, eq=False)
class NaturalImages:
    """Images in memory, each of its own height and width.

    Attributes:
      name: of the source.
      images: uint8 `[height, width, channels]` each.
      files: what each is called in the source.
      labels: int32 `[n]`, indices into the classes that were asked for, or `UNLABELLED`.
      split: of the source, that they are all of; None where it was not parted.
      bad: what could not be used.
      notes: what a person should know, a line each.
    """

    name: str
    images: tuple[np.ndarray, ...]
    files: tuple[str, ...]
    labels: np.ndarray
    split: str | None = None
    bad: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """1 or 3, the same for all."""
        return self.images[0].shape[-1]

    @property
    def shorter_sides(self) -> np.ndarray:
        """Of each image the shorter of height and width in pixels, int64 `[n]`."""
        return np.array([min(image.shape[:2]) for image in self.images], np.int64)

    @property
    def stacked(self) -> np.ndarray | None:
        """All as uint8 `[n, height, width, channels]`; None where their sizes differ."""
        return np.stack(self.images) if len({i.shape for i in self.images}) == 1 else None

    def only(self, rows: Sequence[int] | np.ndarray) -> "NaturalImages":
        """Return some of the images, in the order of `rows`."""
        images = tuple(self.images[row] for row in rows)
        files = tuple(self.files[row] for row in rows)
        return replace(self, images=images, files=files, labels=self.labels[np.asarray(rows, int)])


class Tiles(NamedTuple):
    """Equally large squares that cover images, for a compiled step to cut patches from.

    Attributes:
      pixels: uint8 `[n, side, side, channels]`, image by image.
      image_of: of which image each is, int32 `[n]`.
      bad: images that are smaller than a patch.
    """

    pixels: np.ndarray
    image_of: np.ndarray
    bad: tuple[Bad, ...]


def find_natural(
    source: str,
    *,
    data_dir: str | Path | None = None,
    split: str | None = None,
    prefer: str | None = None,
    class_names: Sequence[str] | None = None,
    channels: int | None = None,
    to_grey: bool = False,
    on_bad: str = "skip",
    tell: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda line: None,
) -> NaturalImages:
    """Read all images of a source at their own height and width.

    Args:
      source: by the grammar of `ganjax.data.sources`; folders need no classes.
      data_dir: where TFDS keeps its prepared sets; only for `tfds:`.
      split: take only the images of this split.
      prefer: where no split is given, the one to take if the source has it; else all are taken.
      class_names: classes whose labels are read, where the source tells any.
      channels: 1 (grey) or 3 (colour) for all; None for grey where every image is.
      to_grey: with `channels=1`, turn images in colour grey. By default they cannot be used, unless
        they only look like it: red, green and blue are the same in every pixel.
      on_bad: what is done about files that cannot be used: "skip" lists them, "fail" stops.
      tell: told how many are read, of how many.
      say: told in a line what is fetched first.

    Returns:
      The images, in the source's own order.

    Raises:
      UserError: the source is unknown, missing, or holds no image that can be used; or one cannot
        be used and `on_bad` is "fail".
    """

    def find(split: str | None) -> Pictures:
        framing = Natural(channels, to_grey)
        return find_pictures(
            source, framing, class_names or (), data_dir=data_dir, split=split, say=say
        )

    split, pictures = (split, find(split)) if split or not prefer else _preferring(prefer, find)
    bad = list(pictures.bad)
    images, rows = [], []
    for start in range(0, len(pictures), AT_A_TIME):
        stop = min(start + AT_A_TIME, len(pictures))
        for row, image in enumerate(pictures.take(start, stop), start):
            if isinstance(image, Unreadable):
                bad.append(Bad(split or "", UNLABELLED, pictures.files[row], str(image)))
            else:
                images.append(image)
                rows.append(row)
        if bad and on_bad == "fail":
            raise refusal(source, bad[0])
        tell(stop, len(pictures))
    if not images:
        raise none_usable(source, bad)
    grey = sum(image.shape[-1] == 1 for image in images)
    notes = pictures.notes
    if channels is None and 0 < grey < len(images):
        images = [np.repeat(i, 3, axis=-1) if i.shape[-1] == 1 else i for i in images]
        some = f"{grey:,} of {len(images):,} images are grey"
        notes = (*notes, f"{some}; all are read as colour (--channels 1 for grey)")
    files = tuple(pictures.files[row] for row in rows)
    labels = pictures.labels[rows]
    return NaturalImages(source, tuple(images), files, labels, split, tuple(bad), notes)


def _preferring(split: str, find: Callable[[str | None], Pictures]) -> tuple[str | None, Pictures]:
    """Find the images of a split, or all where there is no such split; say which."""
    try:
        return split, find(split)
    except UserError:  # anything else that is wrong with the source is wrong again
        return None, find(None)


def as_encoded(pictures: Pictures) -> list[Entry]:
    """Return images as files that can be read one by one; of arrays, each as a PNG.

    Args:
      pictures: found as `Natural`.
    """
    if pictures.entries:
        return list(pictures.entries)

    def read(row: int) -> bytes:
        (found,) = pictures.take(row, row + 1)
        if isinstance(found, Unreadable):
            raise found
        return png(found)

    return [
        Entry("", UNLABELLED, file, partial(read, row)) for row, file in enumerate(pictures.files)
    ]


def split_by_image(
    images: NaturalImages, *, fraction: float, seed: int
) -> tuple[NaturalImages, NaturalImages]:
    """Part images into those that are trained on and those that only watch.

    No picture is on both sides: images of the same pixels stay together.

    Args:
      images: what to part; at least 2 that differ.
      fraction: part of them that watches; at least one image, and not much more than 1,000.
      seed: of the draw, which is the same on any machine.

    Returns:
      The two parts, each in its old order.

    Raises:
      UserError: all images are the same.
    """
    hashes = np.concatenate([pixel_hashes(image[None]) for image in images.images])
    groups = first_of_equals(hashes)
    distinct = np.unique(groups)
    if len(distinct) < 2:
        raise UserError(
            f"{quoted(images.name)} has 1 image that can be used: at least 2 that differ are "
            "needed, one to train on and one to watch the training"
        )
    most = min(len(distinct) - 1, MOST_HELD_OUT)
    count = int(np.clip(round(fraction * len(distinct)), 1, most))
    chosen = random_stream(seed, "restoration", "validation").permutation(distinct)[:count]
    held = np.isin(groups, chosen)
    return images.only(np.flatnonzero(~held)), images.only(np.flatnonzero(held))


def training_tiles(images: NaturalImages, *, patch: int) -> Tiles:
    """Cover images with equal squares, which patches are cut from in a compiled step.

    Their side is twice the patch's, or the shortest height or width of all images where that is
    less. As many as are needed are spread evenly over each image, the first and last flush with its
    borders, and overlap by what is left over: so an image gives about as many tiles as its area
    asks for. They take up to four times the images' memory, of large images little more than once.

    Args:
      images: what to cover; those smaller than a patch, in height or width, are left out.
      patch: side of a patch in pixels.

    Returns:
      The tiles.

    Raises:
      UserError: all images are smaller than a patch.
    """
    sides = images.shorter_sides
    large = sides >= patch
    if not large.any():
        raise UserError(
            f"none of the {len(images):,} images of {quoted(images.name)} is as large as a patch "
            f"of {patch}x{patch} pixels: give larger images, or a patch of at most "
            f"{int(sides.max())}"
        )
    side = min(2 * patch, int(sides[large].min()))
    found: list[np.ndarray] = []
    image_of: list[int] = []
    for row in np.flatnonzero(large).tolist():
        image = images.images[row]
        rows, columns = (_starts(length, side) for length in image.shape[:2])
        found += [image[r : r + side, c : c + side] for r in rows for c in columns]
        image_of += [row] * (len(rows) * len(columns))
    return Tiles(np.stack(found), np.array(image_of, np.int32), too_small(images, patch=patch))


def too_small(images: NaturalImages, *, patch: int) -> tuple[Bad, ...]:
    """Return the images that are smaller than a patch, in height or width, each with the reason."""
    return tuple(
        Bad(
            "",
            UNLABELLED,
            file,
            f"has {image.shape[1]}x{image.shape[0]} pixels, less than a patch of {patch}x{patch}",
        )
        for file, image in zip(images.files, images.images, strict=True)
        if min(image.shape[:2]) < patch
    )


def _starts(length: int, side: int) -> list[int]:
    """Place as few windows of a side as cover a length, evenly."""
    count = -(-length // side)
    return np.linspace(0, length - side, count).round().astype(int).tolist()


def refusal(name: str, bad: Bad) -> UserError:
    """Return the error that names an image which cannot be used, where none may be left out."""
    return UserError(
        f"{quoted(name)}: {quarantine.sentence(bad)}: repair or remove it, or give --on-bad skip"
    )


def none_usable(name: str, bad: Sequence[Bad]) -> UserError:
    """Return the error for a source that has no image which can be used."""
    if all(own.reason == str(IN_COLOUR) for own in bad):
        return UserError(
            f"{quoted(name)}: all of its {len(bad):,} images are in colour, and only grey ones can "
            "be used here: give grey images, or train a restorer on images in colour"
        )
    return UserError(
        f"{quoted(name)}: none of its {len(bad):,} files is an image that can be used; the first: "
        f"{quarantine.sentence(bad[0])}"
    )
