"""Whatever lies in a folder: it is read as it is, or left out in one line, and does no harm.

Files, names, classes and links that somebody broke, or made to do harm. What they cost (time,
memory) is measured for all of them together in a process of its own, which also tells what it wrote
and started.
"""

import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hostile import Case, cases
from hostile_bytes import PICTURE, WHOLE
from PIL import Image

from ganjax.config import Reading
from ganjax.data import folders
from ganjax.data.sources import load, unread
from ganjax.errors import UserError, quoted

CASES = list(cases())
GOOD = 10
"""Images beside a hostile one: the least that lets one be left out."""

WATCH = """
import json, os, sys, time
written, started = [], []
def watch(event, arguments):
    if arguments and isinstance(arguments[0], int):  # what is open already
        pass
    elif event == "open" and isinstance(arguments[2], int):
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            written.append(os.fsdecode(arguments[0]))
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link", "os.truncate"):
        written.append(os.fsdecode(arguments[0]))
    elif event.split(".")[0] in ("subprocess", "pty", "socket", "ctypes") or event in (
        "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty",
    ):
        started.append(event)
from ganjax.data.sources import load
sys.addaudithook(watch)
found = load(sys.argv[1])
peak = int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) * 1024
print(json.dumps({
    "read": len(found.train), "bad": [b.file for b in found.bad], "peak": peak,
    "written": written, "started": started,
}))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("GANJAX_CACHE", str(folder))
    return folder


@pytest.fixture
def photos(tmp_path) -> Path:
    """Two classes of ten images that are as they should be."""
    return fill(tmp_path / "photos")


def fill(root: Path, count: int = GOOD, classes=("ant", "bee")) -> Path:
    for name in classes:
        (root / name).mkdir(parents=True)
        first = root / name / "000.png"
        first.write_bytes(WHOLE["png"])
        for i in range(1, count):
            os.link(first, root / name / f"{i:03}.png")
    return root


def one_line(text: object) -> str:
    """What a person sees of a message: one line that prints as it is."""
    assert str(text).isprintable()
    return str(text)


def check_left_out(photos: Path, file: str, reason: str, count: int = 2 * GOOD) -> None:
    """One file is left out with its reason, and all others are as they are; or it is refused."""
    found = load(f"folder:{photos}")
    assert [bad.file for bad in found.bad] == [file]
    assert re.search(reason, found.bad[0].reason), found.bad[0].reason
    assert "\n" not in found.bad[0].reason
    assert (found.train.images == PICTURE).all()
    assert len(found.train) == count
    assert file not in found.train.files
    with pytest.raises(UserError) as caught:
        load(f"folder:{photos}", reading=Reading(on_bad="fail"))
    assert f"{quoted(file)} {quoted(found.bad[0].reason)}" in one_line(caught.value)


def check_read(photos: Path, file: str, pixels=PICTURE, within: int = 0) -> None:
    """One file is read as it should be, and so are all others."""
    for on_bad in ("skip", "fail"):
        found = load(f"folder:{photos}", reading=Reading(on_bad=on_bad))  # type: ignore[arg-type]
        assert not found.bad
        own = found.train.files == file
        assert own.sum() == 1
        assert np.abs(found.train.images[own][0].astype(int) - pixels).max() <= within
        assert (found.train.images[~own] == PICTURE).all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_is_read_or_left_out(case: Case, photos):
    (photos / "ant" / case.name).write_bytes(case.content)
    file = f"ant/{case.name}"
    bad = load(f"folder:{photos}").bad
    if bad:
        assert case.reason is not None, bad[0].reason
        check_left_out(photos, file, case.reason)
    else:
        assert case.pixels is not None
        check_read(photos, file, case.pixels, case.within)


def test_there_are_enough_of_them():
    assert len({case.name for case in CASES}) == len(CASES) >= 80
    assert sum(case.reason is None for case in CASES) >= 40
    assert sum(case.pixels is None for case in CASES) >= 80


NAMES = {
    "newline": "a\nganjax: error: all is lost\n.png",
    "terminal": "\x1b[2J\x1b]0;title\a.png",
    "backspace": "a\b\b\b.png",
    "delete": "\x7f.png",
    "turned": "\u202egnp.exe.png",
    "isolates": "\u2066\u2069.png",
    "no-width": "a\u200b\ufeff.png",
    "line-separator": "a\u2028b\u2029.png",
    "emoji": "🦊👩‍👩‍👧.png",
    "composed": "e\u0301.png",
    "long": "x" * 251 + ".png",
    "long-emoji": "🦊" * 62 + ".png",
    "no-utf-8": os.fsdecode(b"\xff\xfe\x80.png"),
    "half-utf-8": os.fsdecode(b"\xf0\x9f.png"),
    "surrogate": os.fsdecode(b"\xed\xa0\x80.png"),
    "dots": "...png",
    "dots-within": "a..b.png",
    "suffix-twice": "x.png.png",
    "spaces": "  .png",
    "trailing-space": "CON .png",
    "device": "NUL.png",
    "device-port": "COM1.aux.png",
    "dash": "-rf.png",
    "dashes": "--on-bad=fail.png",
    "quotes": "'\"`$(id)`.png",
    "percent": "%s%n%2e%2e%2f.png",
    "braces": "{0.__class__}.png",
    "backslash": "..\\..\\x.png",
    "stream": "a.png:hidden.png",
    "wildcard": "*?[a].png",
    "formula": "=cmd|' ⁄C calc'!A0.png",
    "markup": "<img src=x onerror=alert(1)>.png",
    "capitals": "A.PNG",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_file_may_have_any_name(name, photos):
    (photos / "ant" / name).write_bytes(b"no image")
    if name.startswith("."):  # hidden: not there
        assert len(load(f"folder:{photos}").train) == 2 * GOOD
        return
    check_left_out(photos, f"ant/{name}", "is no image")
    (photos / "ant" / name).write_bytes(WHOLE["png"])
    check_read(photos, f"ant/{name}")


CLASSES = {
    "markup": "<script>alert(1)<⁄script>",
    "formula": "=cmd|' ⁄C calc'!A0",
    "parent-like": "..x",
    "parent-backwards": "..\\x",
    "train": "train",
    "test": "test",
    "validation": "val",
    "device": "CON",
    "dash": "-rf",
    "newline": "a\nb",
    "terminal": "\x1b[31m",
    "turned": "\u202etac",
    "emoji": "🦊",
    "no-utf-8": os.fsdecode(b"\xff\xfe"),
    "long": "x" * 255,
    "capitals": "ANT",
    "composed": "cafe\u0301",
    "space": " ",
    "nul-like": "\\0",
    "template": "{{7*7}}",
    "percent": "%s",
    "manifest": "manifest.json",
}


@pytest.mark.parametrize("name", CLASSES.values(), ids=CLASSES)
def test_a_class_may_have_any_name(name, photos):
    fill(photos, classes=[name])
    found = load(f"folder:{photos}")
    if name.startswith("."):  # hidden: not there
        assert found.train.class_names == ("ant", "bee")
        return
    shown = quoted(name) if name == CLASSES["no-utf-8"] else name  # which no report could hold
    assert set(found.train.class_names) == {"ant", "bee", shown}
    assert (found.train.images == PICTURE).all()
    for note in found.notes:
        one_line(note)
    for i in range(2):
        (photos / name / f"{i}.jpg").write_bytes(b"no image")
    with pytest.raises(UserError) as caught:
        load(f"folder:{photos}")
    assert f"2 of the 12 images of class {quoted(name)} cannot" in one_line(caught.value)


def test_classes_that_differ_in_case_only_are_two_and_said(photos):
    fill(photos, classes=["ANT"])
    found = load(f"folder:{photos}")
    assert found.train.class_names == ("ANT", "ant", "bee")
    assert any("look alike" in note and "ANT, ant" in note for note in found.notes)


def make_folder(path: Path) -> None:
    path.mkdir()
    (path / "in.png").write_bytes(WHOLE["png"])


OBJECTS = {
    "folder": (make_folder, "is a folder"),
    "pipe": (os.mkfifo, "no regular file"),
    "link-to-nowhere": (lambda path: path.symlink_to("nowhere"), "No such file"),
    "link-to-itself": (lambda path: path.symlink_to(path), "symbolic links"),
    "link-to-folder": (lambda path: path.symlink_to(path.parent), "is a folder"),
    "link-to-zeros": (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
    "link-to-terminal": (lambda path: path.symlink_to("/dev/tty"), "no regular file|No such"),
    "link-without-end": (lambda path: path.symlink_to("/proc/self/pagemap"), "empty|No such"),
    "link-to-log": (lambda path: path.symlink_to("/proc/kmsg"), "empty|No such"),
    "link-to-text": (lambda path: path.symlink_to("/etc/passwd"), "is no image"),
    "holes": (lambda path: (path.touch(), os.truncate(path, 2**40)), "1,099,511,627,776 bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "reason"), OBJECTS.values(), ids=OBJECTS)
def test_what_is_called_like_an_image_and_is_none(make, reason, photos):
    make(photos / "ant" / "x.png")
    check_left_out(photos, "ant/x.png", reason)


def test_a_file_that_may_not_be_read(photos):
    (photos / "ant" / "x.png").write_bytes(WHOLE["png"])
    (photos / "ant" / "x.png").chmod(0)
    if os.access(photos / "ant" / "x.png", os.R_OK):
        pytest.skip("root may read any file")
    check_left_out(photos, "ant/x.png", "Permission denied")


def test_a_folder_that_may_not_be_read(photos):
    (photos / "bee").chmod(0)
    if os.access(photos / "bee", os.R_OK):
        pytest.skip("root may read any folder")
    with pytest.raises(UserError, match=r"bee cannot be read \(Permission denied\)"):
        load(f"folder:{photos}")
    (photos / "bee").chmod(0o700)


def test_links_to_images_are_followed(photos):
    (photos.parent / "far.png").write_bytes(WHOLE["png"])
    (photos / "ant" / "x.png").symlink_to(photos.parent / "far.png")
    check_read(photos, "ant/x.png")


@pytest.mark.parametrize("target", [".", "..", "../../photos", "/"])
def test_links_to_folders_above_are_passed_over(target, photos):
    (photos / "ant" / "again").symlink_to(target if target != "/" else photos)
    found = load(f"folder:{photos}")
    assert len(found.train) == 2 * GOOD
    assert found.train.class_names == ("ant", "bee")


def test_folders_that_link_to_each_other_end(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_FOLDERS", 2000)  # else it takes seconds
    names = [f"class{i}" for i in range(12)]
    root = fill(tmp_path / "photos", 2, names)
    for name in names:
        for other in names:
            (root / name / f"to-{other}").symlink_to(root / other)
    with pytest.raises(UserError, match="is folder 2,001 of the set") as caught:
        load(f"folder:{root}")
    one_line(caught.value)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_manifest_that_never_ends_is_none(make, photos):
    make(photos / "manifest.json")
    assert load(f"folder:{photos}").train.class_names == ("ant", "bee")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"folders": ["ant", "bee"], "classes": ["one", "one"]}',
        b'{"folders": ["ant", "bee"], "classes": [["one"], {"a": 1}]}',
        b'{"folders": ["ant", "bee"], "classes": [1, null]}',
        b'{"folders": "ab", "classes": "cd"}',
        b'{"folders": {"ant": 1}, "classes": 7}',
        b'{"generated": {"ant": Infinity}}',
        b'{"generated": {"ant": "' + b"9" * 5000 + b'"}}',
        b'{"generated": {"ant": ' + b"9" * 4000 + b"}}",
        b'{"generated": {"ant": -1, "bee": []}}',
        b" " * 10_000_001,
    ],
    ids=range(13),
)
def test_a_manifest_of_somebody_else_is_none(content, photos):
    (photos / "manifest.json").write_bytes(content)
    found = load(f"folder:{photos}")
    assert found.train.class_names == ("ant", "bee")
    assert not found.notes


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere", "does not exist"),
        ("photos/ant/000.png", "is a file"),
        ("photos/ant/000.png/x", "does not exist"),
        ("circle", "symbolic links"),
        ("x" * 300, "name too long"),
        ("a\nb", "does not exist"),
        ("pipe", "is a file"),
    ],
)
def test_what_is_no_folder_is_refused(place, said, photos):
    (photos.parent / "circle").symlink_to("circle")
    os.mkfifo(photos.parent / "pipe")
    with pytest.raises(UserError) as caught:
        load(f"folder:{photos.parent / place}")
    assert said in one_line(caught.value)


def test_a_source_of_a_hostile_name_fails_in_one_line(tmp_path):
    root = fill(tmp_path / "a\n\x1b[31mb")
    for i in range(3):
        (root / "ant" / f"x{i}.png").write_bytes(b"no image")
    for reading in (Reading(), Reading(on_bad="fail")):
        with pytest.raises(UserError) as caught:
            load(f"folder:{root}", reading=reading)
        one_line(caught.value)
    for file in root.glob("*/*.png"):
        file.unlink()
        file.write_bytes(b"no image")
    with pytest.raises(UserError, match="none of its 23 files") as caught:
        load(f"folder:{root}")
    one_line(caught.value)


class Everything(NamedTuple):
    """A folder of all hostile files and names at once, and what a process that read it told.

    Attributes:
      root: the folder.
      cache: where decoded images were kept.
      bad: files that must be left out.
      perhaps: files that may be.
      ran: the process, its output as bytes.
    """

    root: Path
    cache: Path
    bad: set[str]
    perhaps: set[str]
    ran: subprocess.CompletedProcess


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Everything:
    root, cache = tmp_path_factory.mktemp("all") / "photos", tmp_path_factory.mktemp("cache")
    fill(root, 11 * len(CASES))
    bad, perhaps = set(), set()
    for case in CASES:
        (root / "ant" / case.name).write_bytes(case.content)
        if case.reason is not None:
            (perhaps if case.pixels is not None else bad).add(f"ant/{case.name}")
    for name in NAMES.values():
        if not name.startswith("."):
            (root / "bee" / name).write_bytes(b"no image")
            bad.add(f"bee/{name}")
    for name, (make, _) in OBJECTS.items():
        make(root / "bee" / f"{name}.png")
        bad.add(f"bee/{name}.png")
    # as large as is read, in the mode that takes most
    Image.new("RGBA", (8000, 8000), "red").save(root / "bee" / "large.png", compress_level=1)
    (root.parent / "temporary").mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", WATCH, f"folder:{root}"],
        capture_output=True,
        env={**os.environ, "GANJAX_CACHE": str(cache), "TMPDIR": str(root.parent / "temporary")},
        timeout=300,  # without care it would take hours, or for ever
    )
    return Everything(root, cache, bad, perhaps, ran)


def test_all_at_once_cost_little_and_touch_nothing(everything):
    assert everything.ran.returncode == 0, everything.ran.stderr
    assert everything.ran.stderr == b""  # neither warnings of Pillow's nor words of libtiff's
    told = json.loads(everything.ran.stdout)
    assert everything.bad <= set(told["bad"]) <= everything.bad | everything.perhaps
    assert told["read"] + len(told["bad"]) == sum(1 for _ in everything.root.glob("*/*"))
    assert told["peak"] < 1e9
    assert not told["started"]
    assert told["written"]
    assert all(Path(path).is_relative_to(everything.cache) for path in told["written"])
    assert not any((everything.root.parent / "temporary").iterdir())


def test_all_at_once_in_an_archive_are_the_same(everything, tmp_path, monkeypatch):
    root = everything.root
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted(root.glob("*/*")):
            name = str(path.relative_to(root))
            packable = name.isprintable() and "\\" not in name
            if packable and stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size < 1e9:
                archive.write(path, name)
        kept = set(archive.namelist())
    monkeypatch.setenv("GANJAX_CACHE", str(everything.cache))
    found, same = load(f"zip:{tmp_path / 'all.zip'}"), load(f"folder:{root}")
    told = {entry.file: entry.reason for entry in same.bad if entry.file in kept}
    assert {entry.file: entry.reason for entry in found.bad} == told
    assert len(told) > 80
    assert {*found.train.files} == {*same.train.files} & kept


def test_images_taken_one_by_one_are_the_same_or_named(photos, recwarn):
    for case in CASES:
        if case.reason is None and case.pixels.shape[-1] == 3:
            (photos / "ant" / case.name).write_bytes(case.content)
    whole = load(f"folder:{photos}").train
    part = unread(f"folder:{photos}", in_part=True)
    np.testing.assert_array_equal(part.take(np.arange(len(part))).images, whole.images)
    (photos / "ant" / "x\n.png").write_bytes(WHOLE["png"][:-30])  # whose header is whole
    part = unread(f"folder:{photos}", in_part=True)
    with pytest.raises(UserError, match=r"ant/x\\n\.png cannot be read") as caught:
        part.take(np.arange(len(part)))
    one_line(caught.value)
