"""Image folders: one folder per class, or train/ and test/ of such folders."""

from pathlib import Path

import numpy as np

from ganjax.data.decode import SUFFIXES, decode
from ganjax.data.sources import Dataset, Source, Tell, Unread
from ganjax.errors import UserError


def read_folder(path: Path, tell: Tell) -> Source:
    """Read all images of a folder of class folders.

    Args:
      path: the folder.
      tell: told how many images have been read.

    Returns:
      The images; with a test split where the folder holds `train` and `test`.

    Raises:
      UserError: it is missing, empty, flat, or mixes sizes or numbers of channels.
    """
    _check_folder(path)
    names = {entry.name for entry in _folders(path)}
    if names == {"train", "test"}:
        train_names = tuple(sorted(entry.name for entry in _folders(path / "train")))
        files = [_files(path / "train", train_names), _files(path / "test", train_names)]
        _no_other_classes(path, train_names)
        images, labels = _read(path, files[0] + files[1], tell)
        cut = len(files[0])
        name = f"folder:{path}"
        return Source(
            Dataset(name, images[:cut], labels[:cut], train_names),
            Dataset(name, images[cut:], labels[cut:], train_names),
        )
    class_names = tuple(sorted(names))
    images, labels = _read(path, _files(path, class_names), tell)
    return Source(Dataset(f"folder:{path}", images, labels, class_names), None)


def list_folder(path: Path, tell: Tell) -> Unread:
    """Find the training images of a folder of class folders, to be read when they are taken.

    Raises:
      UserError: as `read_folder`; of sizes, only where images taken together mix them.
    """
    _check_folder(path)
    names = {entry.name for entry in _folders(path)}
    root = path / "train" if names == {"train", "test"} else path
    class_names = tuple(sorted(entry.name for entry in _folders(root)))
    files = _files(root, class_names)
    labels = np.array([label for _, label in files], np.int32)
    return Unread(
        f"folder:{path}",
        class_names,
        np.arange(len(files)),
        lambda: labels,
        lambda rows: _read(path, [files[row] for row in rows], tell),
    )


def _check_folder(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UserError(f"{path} is a file: give a folder with one folder per class")
    if not path.is_dir():
        raise UserError(f"folder:{path} does not exist: give a folder with one folder per class")


def _folders(path: Path) -> list[Path]:
    return [e for e in path.iterdir() if e.is_dir() and not e.name.startswith(".")]


def _files(path: Path, class_names: tuple[str, ...]) -> list[tuple[Path, int]]:
    if not class_names:
        loose = any(entry.suffix.lower() in SUFFIXES for entry in path.iterdir())
        what = "holds images but no class folders" if loose else "is empty"
        raise UserError(f"{path} {what}: put the images of each class into a folder of its own")
    found = [
        (file, label)
        for label, name in enumerate(class_names)
        if (path / name).is_dir()
        for file in sorted((path / name).iterdir())
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    ]
    if not found:
        raise UserError(f"{path} has class folders but no image in them ({', '.join(SUFFIXES)})")
    for label, name in enumerate(class_names):
        if not any(own == label for _, own in found):
            raise UserError(f"{path / name} holds no image: add some or remove the folder")
    return found


def _no_other_classes(path: Path, train_names: tuple[str, ...]) -> None:
    other = sorted({entry.name for entry in _folders(path / "test")} - set(train_names))
    if other:
        raise UserError(
            f"{path / 'test'} has classes that {path / 'train'} has not: {', '.join(other[:5])}"
        )


def _read(path: Path, files: list[tuple[Path, int]], tell: Tell) -> tuple[np.ndarray, np.ndarray]:
    images: list[np.ndarray] = []
    first = files[0][0]
    for done, (file, _) in enumerate(files, start=1):
        image = decode(file)
        if images and image.shape != images[0].shape:
            raise UserError(
                f"folder:{path} mixes sizes or channels: {first} is {_shape(images[0])}, "
                f"{file} is {_shape(image)}; convert all to one size and one mode"
            )
        images.append(image)
        tell(done, len(files))
    return np.stack(images), np.array([label for _, label in files], np.int32)


def _shape(image: np.ndarray) -> str:
    height, width, channels = image.shape
    return f"{width}x{height} {'grey' if channels == 1 else 'colour'}"
