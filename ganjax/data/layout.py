"""How labelled images lie in folders: the same rules for folders on disk and within archives.

    ant/0.png  bee/7.jpg                                a folder per class, or
    train/ant/0.png  validation/ant/3.png  test/...     such folders in a folder per split
    unlabelled/0.png                                    beside these: images of no class

A folder around all this is looked through. Hidden names (".git", ".DS_Store") and what macOS
and Windows leave beside the files ("__MACOSX", "Thumbs.db") count as not there. An image is what
has an image's suffix and lies directly in a class folder. Those in unlabelled/ may lie in folders
of train's classes too: these are not looked at.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ganjax.data.decode import SUFFIXES
from ganjax.data.listing import SPLITS, UNLABELLED
from ganjax.errors import UserError, quoted

SPLIT_OF = {
    "train": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
    "unlabelled": "unlabelled",
    "unlabeled": "unlabelled",
}
"""What a split's folder may be called; capitals do not matter."""

LEFT_BY_SYSTEMS = {"__macosx", "thumbs.db", "desktop.ini"}
ADVICE = "put the images of each class into a folder of its own"
SHOWN = 5


class Placed(NamedTuple):
    """One image's place.

    Attributes:
      split: "train", "validation", "test" or "unlabelled".
      label: index into the layout's `class_names`; -1 for one that is unlabelled.
      name: as it was given.
    """

    split: str
    label: int
    name: str


class Layout(NamedTuple):
    """What names say of classes and splits.

    Attributes:
      class_names: those of the training part, by code point.
      images: split by split, class by class, by name: the same order on any machine.
      problems: what was passed over and perhaps should not be, a printable line each.
    """

    class_names: tuple[str, ...]
    images: list[Placed]
    problems: tuple[str, ...]


class _Path(NamedTuple):
    """A name, and its parts: split folder (empty where there are none), class folder, file.

    The last part is empty where the name is a folder's.
    """

    name: str
    parts: tuple[str, ...]

    @property
    def in_class(self) -> bool:
        return len(self.parts) > 2

    @property
    def is_image(self) -> bool:
        return _is_image(self.parts[-1])

    @property
    def counts(self) -> bool:
        return len(self.parts) == 3 and self.is_image


def arrange(names: Iterable[str], root: str) -> Layout:
    """Find the classes, splits and images among names.

    Args:
      names: of files and folders below `root`, each once, parts separated by "/"; a folder's ends
        with "/". A folder needs to be named only where it is empty. No part is empty, "." or "..".
      root: what the names are relative to; for messages.

    Returns:
      The images, and what was passed over.

    Raises:
      UserError: there are no class folders, one holds no image, a split's folder stands beside
        other ones, or a class is not in the training part, be it only among the unlabelled; the
        message says which.
    """
    every = [_Path(name, tuple(name.split("/"))) for name in names]
    visible = [path for path in every if not any(_hidden(part) for part in path.parts)]
    paths, root = _within_splits(*_look_through(visible, root))
    folder_of = {_split_of(path.parts[0]): path.parts[0] for path in paths if len(path.parts) > 1}
    if not folder_of:
        raise UserError(f"{quoted(root)} {_nothing(paths)}")
    own = {split: [p for p in paths if p.parts[0] == folder_of[split]] for split in folder_of}
    class_names = tuple(sorted({path.parts[1] for path in own["train"] if path.in_class}))
    images: list[Placed] = []
    problems = _alike(class_names)
    train = _joined(root, folder_of["train"])
    for split in (split for split in SPLITS if split in own):
        shown = _joined(root, folder_of[split])
        if split == "unlabelled":
            images += _of_no_class(own[split], class_names, shown, train)
        else:
            images += _placed(own[split], split, class_names, shown, train)
            problems += _absent(own[split], class_names, shown)
    read = {image.name for image in images}
    left = [path for path in paths if path.name not in read]
    return Layout(class_names, images, (*problems, *_looks_unlabelled(own), *_passed_over(left)))


def _hidden(part: str) -> bool:
    return part.startswith(".") or part.casefold() in LEFT_BY_SYSTEMS


def _split_of(folder: str) -> str:
    return SPLIT_OF[folder.casefold()] if folder else "train"


def _look_through(paths: list[_Path], root: str) -> tuple[list[_Path], str]:
    """Go into folders that hold nothing but one folder of folders."""
    while True:
        tops = {path.parts[0] for path in paths if len(path.parts) > 1}
        inside = [path for path in paths if len(path.parts) > 1]
        holds_images = any(len(path.parts) == 2 and path.is_image for path in inside)
        holds_folders = any(len(path.parts) > 2 for path in inside)
        if len(tops) != 1 or holds_images or not holds_folders:
            return paths, root
        (top,) = tops
        if top.casefold() in SPLIT_OF:
            return paths, root
        # what lies beside that folder stays in sight, as loose as it is
        paths = [p._replace(parts=p.parts[1:]) if len(p.parts) > 1 else p for p in paths]
        root = _joined(root, top)


def _within_splits(paths: list[_Path], root: str) -> tuple[list[_Path], str]:
    """Return the paths such that each begins with its split's folder, or with an empty part.

    A class may be called "train": it is one where it holds images itself beside other classes.
    """
    tops = {path.parts[0] for path in paths if len(path.parts) > 1}
    named = sorted(top for top in tops if top.casefold() in SPLIT_OF)
    train = [top for top in named if top.casefold() == "train"]
    flat = any(len(p.parts) == 2 and p.parts[0] in train and p.is_image for p in paths)
    if not named or (len(named) < len(tops) and (flat or not train)):
        return [path._replace(parts=("", *path.parts)) for path in paths], root
    other = sorted(tops - set(named))
    if other:
        raise UserError(
            f"{quoted(root)} holds {_list(other)} beside {_list(named)}: only the folders train, "
            "validation (or val, valid), test and unlabelled may be there"
        )
    if not train:
        raise UserError(
            f"{quoted(root)} holds {_list(named)} but no folder train: add it, with one folder per "
            "class"
        )
    if len({_split_of(top) for top in named}) < len(named):
        raise UserError(f"{quoted(root)} holds {_list(named)}: give one folder per split")
    return paths, root


def _placed(
    paths: list[_Path], split: str, class_names: tuple[str, ...], shown: str, train: str
) -> list[Placed]:
    """Return a split's images in order, or raise where its class folders are not as they must."""
    classes = {path.parts[1] for path in paths if path.in_class}
    if not classes:
        raise UserError(f"{quoted(shown)} {_nothing(paths)}")
    other = sorted(classes - set(class_names))
    if other:
        raise UserError(f"{quoted(shown)} has classes that {quoted(train)} has not: {_list(other)}")
    label_of = {name: label for label, name in enumerate(class_names)}
    found = [Placed(split, label_of[p.parts[1]], p.name) for p in paths if p.counts]
    if not found:
        raise UserError(
            f"{quoted(shown)} has class folders but no image in them ({', '.join(SUFFIXES)})"
            f"{_deeper_hint(paths)}"
        )
    for name in sorted(classes - {class_names[image.label] for image in found}):
        below = [path for path in paths if path.in_class and path.parts[1] == name]
        raise UserError(
            f"{quoted(_joined(shown, name))} holds no image: add some or remove the folder"
            f"{_deeper_hint(below)}"
        )
    return sorted(found, key=lambda image: (image.label, image.name))


def _of_no_class(
    paths: list[_Path], class_names: tuple[str, ...], shown: str, train: str
) -> list[Placed]:
    """Return the images that are told no class of, by name."""
    other = sorted({path.parts[1] for path in paths if path.in_class} - set(class_names))
    if other:
        raise UserError(
            f"{quoted(shown)} has classes that {quoted(train)} has not: {_list(other)}: nothing "
            f"could be learnt of them; put their images into {quoted(shown)} itself to have them "
            "taken for images of the other classes, or remove them"
        )
    found = [
        Placed("unlabelled", UNLABELLED, p.name) for p in paths if p.is_image and len(p.parts) < 4
    ]
    if not found:
        raise UserError(
            f"{quoted(shown)} holds no image ({', '.join(SUFFIXES)}): add some or remove the folder"
            f"{_deeper_hint(paths)}"
        )
    return sorted(found, key=lambda image: image.name)


def _looks_unlabelled(own: dict[str, list[_Path]]) -> list[str]:
    """Name a class that is called as what has none."""
    classes = {path.parts[1] for path in own["train"] if path.in_class}
    return [
        f"the folder {quoted(name)} is read as a class; if it is none, put the class folders into "
        "a folder train beside it"
        for name in sorted(classes)
        if SPLIT_OF.get(name.casefold()) == "unlabelled" and "unlabelled" not in own
    ]


def _nothing(paths: list[_Path]) -> str:
    loose = any(path.is_image for path in paths)
    return f"{'holds images but no class folders' if loose else 'is empty'}: {ADVICE}"


def _deeper_hint(paths: Iterable[_Path]) -> str:
    deeper = sorted(path.name for path in paths if len(path.parts) > 3 and path.is_image)
    return f"; images in folders within it do not count ({quoted(deeper[0])})" if deeper else ""


def _absent(paths: list[_Path], class_names: tuple[str, ...], shown: str) -> list[str]:
    absent = sorted(set(class_names) - {path.parts[1] for path in paths if path.in_class})
    return [f"{quoted(shown)} has no images of {_list(absent)}"] if absent else []


def _alike(class_names: tuple[str, ...]) -> list[str]:
    """Name classes that some file systems could not tell apart."""
    same = {name: unicodedata.normalize("NFC", name.casefold()) for name in class_names}
    several = {key for key, count in Counter(same.values()).items() if count > 1}
    alike = [name for name in class_names if same[name] in several]
    return [f"classes whose names look alike are read as different: {_list(alike)}"] * bool(alike)


def _passed_over(paths: list[_Path]) -> list[str]:
    """Say what is not read, by kind, with the first of each."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        if kind := _kind_passed_over(path):
            kinds.setdefault(kind, []).append(path.name)
    lines = []
    for (noun, where), names in sorted(kinds.items()):
        several = len(names) > 1
        what = f"{len(names):,} {noun}{'s' * several} {where}"
        lines.append(f"not read: {what} ({quoted(min(names))}{', ...' * several})")
    return lines


def _kind_passed_over(path: _Path) -> tuple[str, str] | None:
    if path.is_image and not path.in_class:
        return "image", "beside class folders"
    if path.is_image and len(path.parts) > 3:
        return "image", "in folders within class folders"
    if not path.parts[-1] and len(path.parts) == 4 and _is_image(path.parts[2]):
        return "folder", "named like an image"
    if path.parts[-1] and len(path.parts) == 3 and not path.is_image:
        return "file", "in class folders without an image's suffix"
    return None


def _is_image(file: str) -> bool:
    return file.lower().endswith(SUFFIXES)


def _joined(root: str, folder: str) -> str:
    return f"{root}/{folder}" if folder else root


def _list(names: Sequence[str]) -> str:
    more = f", and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(quoted(name) for name in names[:SHOWN]) + more
