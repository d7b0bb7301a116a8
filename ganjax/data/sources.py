"""Where images come from, all as one `Source`.

digits               scikit-learn's 1,797 scans of 8x8 pixels
tfds:NAME[:VERSION]  a set of TensorFlow Datasets, prepared in --data-dir
folder:PATH          one folder per class, or such folders in train/, validation/ and test/, and
                     beside these unlabelled/ with images of no class
zip:PATH             the same in a zip archive
npz:PATH             arrays: train_images, train_labels, val_images, ... or images, labels; and
                     unlabelled_images
"""

import difflib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ganjax.config import Reading
from ganjax.data import opened
from ganjax.data.dataset import Dataset, Source, Tell, Unread
from ganjax.data.listing import Listing
from ganjax.errors import UserError

Say = Callable[[str], None]

GRAMMAR = "digits, tfds:NAME[:VERSION], folder:PATH, zip:PATH or npz:PATH"
KINDS = ("digits", "tfds", "folder", "zip", "npz")


def load(
    source: str,
    *,
    data_dir: str | Path | None = None,
    reading: Reading = Reading(),
    cache: bool = True,
    strict: bool = True,
    unlabelled: bool = False,
    tell: Tell | None = None,
    say: Say = lambda line: None,
) -> Source:
    """Read a source.

    Args:
      source: one of the grammar that stands at the head of this file.
      data_dir: where TFDS keeps its prepared sets; only for `tfds:`.
      reading: what size and channels they are brought to, and what is done about bad ones.
      cache: keep decoded images in the cache folder, and take them from there.
      strict: raise where too much of it is bad; else all that is bad is but listed.
      unlabelled: read the images without labels too that it may bring.
      tell: told how many images have been read.
      say: told in a line what is fetched first.

    Returns:
      The source's images.

    Raises:
      UserError: it is unknown, missing or empty, or too much of it is bad; the message says what to
        do.
    """
    tell = tell or (lambda done, total: None)
    kind, rest = _parsed(source)
    if kind == "digits":
        return opened.fitted(_digits(), reading, strict=strict)
    if kind == "npz":
        from ganjax.data.arrays import read_npz

        found = read_npz(
            Path(rest).expanduser(), reading, tell, strict=strict, unlabelled=unlabelled
        )
        return checked(found)
    listing = _listing(kind, rest, data_dir, cache, unlabelled, say)
    found = opened.in_memory(listing, reading, cache=cache, strict=strict, tell=tell)
    return checked(found)


def unread(
    source: str,
    *,
    data_dir: str | Path | None = None,
    reading: Reading = Reading(),
    cache: bool = True,
    in_part: bool = False,
    unlabelled: bool = False,
    tell: Tell | None = None,
    say: Say = lambda line: None,
) -> Unread:
    """Find a source's training images, to be read when they are taken.

    All are decoded once into the cache folder, unless they are there already, and lie in a file.

    Args: as of `load`, whose training images are the same, in the same order, and the unlabelled
      ones after them; and
      in_part: only a part will be taken, so each image is decoded when it is: for several
        processes, each of which reads its own. `tfds:` reads single records, and all of them
        without decoding where all labels are asked for.

    Raises:
      UserError: as `load`; in part, an image that proves bad when it is taken is not left out but
        refused.
    """
    tell = tell or (lambda done, total: None)
    kind, rest = _parsed(source)
    if kind in ("digits", "npz") or not (cache or in_part):
        found = load(
            source,
            data_dir=data_dir,
            reading=reading,
            cache=cache,
            unlabelled=unlabelled,
            tell=tell,
            say=say,
        )
        return opened.as_unread(found, reading)
    listing = _listing(kind, rest, data_dir, cache, unlabelled, say)
    open_ = opened.in_part if in_part else opened.in_file
    images = open_(listing, reading, tell)
    if len(images.class_names) < 2:
        raise UserError(f"{images.name} has 1 class; a classifier needs at least 2")
    return images


def _parsed(source: str) -> tuple[str, str]:
    """Return a source's kind and what follows it."""
    kind, _, rest = source.partition(":")
    if (kind == "digits") == bool(rest) or kind not in KINDS:
        raise UserError(f"unknown source {source!r}{_nearest(source)}: give {GRAMMAR}")
    return kind, rest


def _listing(
    kind: str, rest: str, data_dir: str | Path | None, cache: bool, unlabelled: bool, say: Say
) -> Listing:
    path = Path(rest).expanduser()
    if kind == "folder":
        from ganjax.data.folders import list_folder

        found = list_folder(path)
    elif kind == "zip":
        from ganjax.data.archives import list_zip

        found = list_zip(path)
    else:
        from ganjax.data.prepared import list_prepared

        found = list_prepared(rest, data_dir, cache=cache, say=say)
    return found if unlabelled else opened.without_unlabelled(found)


def checked(source: Source) -> Source:
    """Return a source as it is, or raise `UserError` where no classifier could be trained on it."""
    classes = int((source.train.counts() > 0).sum())
    if len(source.train) and not classes:
        raise UserError(
            f"none of the {len(source.train):,} images of {source.train.name} has a label, and "
            "each class needs a few"
        )
    if classes < 2:
        raise UserError(
            f"{source.train.name} has {classes} class with images; a classifier needs at least 2: "
            "give a set with one folder (or label) per class"
        )
    for own in source.splits().values():
        if own.images.dtype != np.uint8:
            raise UserError(f"{own.name} has {own.images.dtype} pixels; 8 bits are needed")
        if own.images.shape[1:] != source.train.images.shape[1:]:
            raise UserError(
                f"{own.name} trains on images of {source.train.images.shape[1:]} and tests on "
                f"{own.images.shape[1:]}; images of one size and channel count are needed"
            )
    return source


def _digits() -> Source:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]  # grey levels 0..16
    names = tuple(str(name) for name in digits.target_names)
    return Source(Dataset("digits", images, digits.target.astype(np.int32), names), None)


def _nearest(source: str) -> str:
    if Path(source).expanduser().is_dir():
        return f" (did you mean folder:{source}?)"
    kind = source.partition(":")[0]
    near = difflib.get_close_matches(kind, KINDS, n=1)
    return f" (did you mean {near[0]}?)" if near and near[0] != kind else ""
