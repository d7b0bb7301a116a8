"""`ganjax restore apply`: better images beside the originals, which are never touched.

Folders and names stay, all are PNG (`ganjax.restoration.names`); modes and transparency stay as of
`ganjax.data.original`. A restorer of images in colour restores grey ones too, and they stay grey;
one of grey images takes images in colour only where red, green and blue are the same everywhere,
and they stay in colour. What cannot be used is listed and left out.

Every image is written whole or not at all, and the same command goes on after a cut
(`ganjax.restoration.done`). What an image becomes depends on no other, but for the rounding of
float32: how many images have its size decides how it is cut into tiles.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganjax import interruption
from ganjax.data.atomic import write_bytes_atomically
from ganjax.data.decode import Unreadable
from ganjax.data.export.contents import MAKER
from ganjax.data.export.writing import told
from ganjax.data.find_pictures import find_pictures
from ganjax.data.listing import Bad, Entry
from ganjax.data.lock import hold
from ganjax.data.natural import as_encoded, none_usable, refusal
from ganjax.data.original import Look, Original, encode_original, look, read_original
from ganjax.data.pictures import Natural
from ganjax.errors import UserError, quoted
from ganjax.progress import Progress, Silent, Tick
from ganjax.restoration import done
from ganjax.restoration.done import Row
from ganjax.restoration.names import restored_names
from ganjax.restoration.tiling import SIDE, Network, restore_image, tile_shape

MOST_SHAPES = 8
"""Shapes of tiles, the commonest, that are compiled for; other images are cut into few shapes."""


@dataclass(frozen=True)
class Applied:
    """What was written.

    Attributes:
      restored: images that were restored now.
      before: images that were there already, of a run that was cut off.
      bad: what could not be used, and why.
      notes: what a person should know, a line each.
    """

    restored: int
    before: int
    bad: tuple[Bad, ...]
    notes: tuple[str, ...] = ()


class Task(NamedTuple):
    """An image that is to be restored.

    Attributes:
      entry: the original.
      name: of its PNG.
      sha256: of the original's file.
      few_shapes: whether it is cut into tiles of few shapes.
    """

    entry: Entry
    name: str
    sha256: str
    few_shapes: bool


def restore_source(
    network: Network,
    source: str,
    out: Path,
    *,
    model: str,
    facts: Mapping[str, Any] | None = None,
    data_dir: str | Path | None = None,
    split: str | None = None,
    on_bad: str = "skip",
    side: int = SIDE,
    command: str = "",
    progress: Progress | None = None,
) -> Applied:
    """Restore all images of a source into a folder, or go on where the same call was cut off.

    Args:
      network: who restores.
      source: by the grammar of `ganjax.data.sources`; any folder of images will do.
      out: missing, empty, or begun by the same call; neither within the source nor around it.
      model: SHA-256 of the network's weights, for the manifest and for each file.
      facts: what else the manifest is to tell of the network, as JSON values.
      data_dir: where prepared TFDS sets are.
      split: restore only the images of this split.
      on_bad: what is done about what cannot be used: "skip" lists it in quarantine.json and goes
        on, "fail" stops at the first.
      side: of tiles in pixels, as of `restore_image`.
      command: what is being run, for others that want the same folder.
      progress: where to tell how far it is.

    Raises:
      UserError: there is no image that can be used, or one cannot be and `on_bad` is "fail"; `out`
        is in the source, holds something else, or cannot be written.
      OSError: the disk is full; with room, the same call goes on.
      Interrupted: a signal asked to stop; the same call goes on.
    """
    progress = progress or Silent()
    out = Path(out).expanduser().resolve()
    about = {"model": model, "channels": network.channels, "tile": side, **(facts or {})}
    identity = {"source": _checked(source, out), "split": split, **about}
    done.check_out(out, identity)
    pictures = find_pictures(
        source, Natural(), (), data_dir=data_dir, split=split, say=progress.say
    )
    entries = as_encoded(pictures)
    with told(out), hold(out, command=command), interruption.deferred():
        done.check_out(out, identity)
        with progress.stage("look", len(entries), "images") as tick:
            looks = look(entries, lambda count, total: _tell(tick, count))
        bad = [*pictures.bad, *_bad(entries, looks)]
        if bad and on_bad == "fail":
            raise refusal(source, bad[0])
        tasks = _planned(network, entries, looks, side)
        before = done.begin(out, identity, {t.entry.file: (t.name, t.sha256) for t in tasks})
        rows = dict(before)
        with progress.stage("restore", len(tasks), "images") as tick:
            for found in _restored(network, tasks, before, out, side, model, tick):
                if isinstance(found, Row):
                    rows[found.original] = found
                    continue
                bad.append(found)
                if on_bad == "fail":
                    raise refusal(source, found)
        if not rows:
            done.forget(out)
            raise none_usable(source, bad)
        in_order = (rows[task.entry.file] for task in tasks if task.entry.file in rows)
        done.finish(out, in_order, identity, bad)
    return Applied(len(rows) - len(before), len(before), tuple(bad), pictures.notes)


def _checked(source: str, out: Path) -> str:
    """Return a source by its whole path, or raise where `out` could touch its originals."""
    kind, _, rest = source.partition(":")
    if kind not in ("folder", "zip", "npz") or not rest:
        return source
    path = Path(rest).expanduser().resolve()
    if kind == "folder" and path.is_dir() and (_within(out, path) or _within(path, out)):
        where = "is in the folder of the originals" if _within(out, path) else "is around them"
        raise UserError(
            f"--out {quoted(out)} {where} ({quoted(path)}), which are never touched: give a folder "
            "beside it"
        )
    return f"{kind}:{path}"


def _within(inner: Path, outer: Path) -> bool:
    """Say whether a folder is another or lies in it, whatever either is called."""
    places = (inner, *inner.parents)
    return outer.exists() and any(place.exists() and place.samefile(outer) for place in places)


def _bad(entries: Sequence[Entry], looks: Sequence[Look | Unreadable]) -> Iterator[Bad]:
    for entry, found in zip(entries, looks, strict=True):
        if isinstance(found, Unreadable):
            yield Bad(entry.split, entry.label, entry.file, str(found))


def _planned(
    network: Network, entries: Sequence[Entry], looks: Sequence[Look | Unreadable], side: int
) -> list[Task]:
    """Name what is to be written, and say which images are cut into tiles of few shapes."""
    names = restored_names([entry.file for entry in entries])
    good = [
        (entry, name, found)
        for entry, name, found in zip(entries, names, looks, strict=True)
        if isinstance(found, Look)
    ]
    sizes = [(found.header.height, found.header.width) for _, _, found in good]
    shapes = [tile_shape(network, size, side=side) for size in sizes]
    counts = Counter(shapes)
    common = set(sorted(counts, key=lambda shape: (-counts[shape], shape))[:MOST_SHAPES])
    return [
        Task(entry, name, found.sha256, shape not in common)
        for (entry, name, found), shape in zip(good, shapes, strict=True)
    ]


def _restored(
    network: Network,
    tasks: Sequence[Task],
    before: Mapping[str, Row],
    out: Path,
    side: int,
    model: str,
    tick: Tick,
) -> Iterator[Row | Bad]:
    """Restore and write one image after another; give its row, or why there is none."""
    with (out / done.TABLE).open("a", encoding="utf-8", newline="") as table:
        for number, task in enumerate(tasks):
            _tell(tick, number)
            if task.entry.file in before:
                continue

            def tell(tile: int, total: int, number: int = number) -> None:
                _tell(tick, number, f"tile {tile} of {total}" if total > 1 else "")

            restore = partial(
                restore_image, network, side=side, few_shapes=task.few_shapes, tick=tell
            )
            better = _better(network.channels, restore, read_original(task.entry))
            if isinstance(better, Unreadable):
                yield Bad(task.entry.split, task.entry.label, task.entry.file, str(better))
                continue
            row = _write(out, task, better, model)
            table.write(done.lines([row]))
            table.flush()  # a row is there only when its image is
            yield row
    _tell(tick, len(tasks))


def _better(
    channels: int,
    restore: Callable[[np.ndarray], np.ndarray],
    original: Original | Unreadable,
) -> Original | Unreadable:
    """Restore an image by a network of some channels; it keeps its own, and its transparency."""
    if isinstance(original, Unreadable):
        return original
    seen = Natural(channels).of_pixels(original.pixels)
    if isinstance(seen, Unreadable):
        return seen
    own = Natural(original.pixels.shape[-1], to_grey=True).of_pixels(restore(seen))
    return own if isinstance(own, Unreadable) else original._replace(pixels=own)


def _write(out: Path, task: Task, better: Original, model: str) -> Row:
    """Write an image, whole or not at all."""
    words = {"Software": MAKER, "ganjax:restored": "1", "ganjax:model": model}
    content = encode_original(better, words)
    write_bytes_atomically(out / task.name, content)
    height, width, _ = better.pixels.shape
    digest = hashlib.sha256(content).hexdigest()
    return Row(task.name, task.entry.file, width, height, better.mode, task.sha256, digest)


def _tell(tick: Tick, count: int, note: str = "") -> None:
    """Say how far it is, and stop where a signal asked to."""
    tick(count, note)
    signal = interruption.requested()
    if signal is not None:
        raise interruption.Interrupted(signal)
