"""What restored images are called: as their originals, but that all are PNG."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import chain, count


def restored_names(files: Sequence[str]) -> list[str]:
    """Name the PNG of each original, relative to the folder that all go into.

    `a/b.jpg` becomes `a/b.png`. Where several would be called the same, or so nearly that some file
    system could not tell them apart (`a.jpg`, `a.png`, `A.gif`), each keeps its whole name:
    `a.jpg.png`, `a.png.png`, `A.gif.png`; and where even that is taken, gets a number.

    Args:
      files: names of the originals, their folders before "/".

    Returns:
      As many names, no two alike; the same for the same files in the same order.
    """
    short = [_with_png(file) for file in files]
    alike = Counter(map(_key, short))
    taken = {key for key, number in alike.items() if number == 1}
    names = []
    for file, name in zip(files, short, strict=True):
        if alike[_key(name)] > 1:
            longer = chain([f"{file}.png"], (f"{file}~{number}.png" for number in count(2)))
            name = next(own for own in longer if _key(own) not in taken)
            taken.add(_key(name))
        names.append(name)
    return names


def _with_png(file: str) -> str:
    folder, slash, name = file.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return f"{folder}{slash}{stem}.png"


def _key(name: str) -> str:
    """Return what is the same for names that some file system could not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()
