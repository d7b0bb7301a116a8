"""A training on a folder with hostile files and names: it ends well, and says so in plain lines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax.errors import quoted

CLASSES = (
    "<script>alert(1)<⁄script>",
    "=cmd|' ⁄C calc'!A0",
    "a\n\x1b[31mganjax: error: all is lost",
    "\u202ecat",
    "ANT",
    "ant",
    "train",
    os.fsdecode(b"\xff\xfe"),
    "a[",
)
BAD = {
    "bad\n\x1b[2J<b>\u202e.png": b"no image",
    "b].png": b"",  # with its class, a command to a terminal's library: [/b]
}
TINY = (
    "--per-class", "6", "--gan.updates", "2", "--gan.width", "8", "--gan.latent-size", "4",
    "--gan.augment", "none", "--checkpoint-seconds", "60",
)  # fmt: skip
QUICKLY_COMPILED = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"


@pytest.fixture(scope="module")
def ganjax(tmp_path_factory):
    """The command line in a process of its own, in a folder of photographs."""
    work = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (work / "photos" / name).mkdir(parents=True)
        for i in range(21):
            pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(work / "photos" / name / f"{i}.png")
        for file, content in BAD.items():
            (work / "photos" / name / file).write_bytes(content)

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "ganjax", *arguments],
            cwd=work,
            capture_output=True,
            env={
                **os.environ,
                "GANJAX_CACHE": str(work / "cache"),
                "COLUMNS": "1000",  # else what is printed is cut into lines anywhere
                "XLA_FLAGS": QUICKLY_COMPILED,
            },
        )

    run.work = work  # type: ignore[attr-defined]
    return run


def plain(output: bytes) -> str:
    """What was printed, every line of which prints as it is."""
    text = output.decode()
    assert all(line.isprintable() for line in text.splitlines()), text
    return text


def test_a_training_leaves_them_out_and_lists_them(ganjax):
    before = {p for p in ganjax.work.rglob("*") if "cache" not in p.parts}
    ran = ganjax("train", "folder:photos", "--out", "run", *TINY)
    assert ran.returncode == 0, ran.stderr
    told = plain(ran.stdout) + plain(ran.stderr)
    assert "Traceback" not in told
    assert f"{len(CLASSES) * len(BAD)} images were left out" in told
    assert "ANT, ant" in told
    run = Path(ganjax.work / "run")
    listed = json.loads((run / "quarantine.json").read_text())
    assert {entry["file"] for entry in listed} == {
        quoted(f"{name}/{file}") for name in CLASSES for file in BAD
    }
    for entry in listed:
        assert all(str(value).isprintable() for value in entry.values())
    after = {p for p in ganjax.work.rglob("*") if "cache" not in p.parts}
    assert all(path.is_relative_to(run) for path in after - before)


@pytest.mark.slow
def test_what_it_makes_is_an_ordinary_set_whatever_its_classes_are_called(ganjax):
    assert ganjax("train", "folder:photos", "--out", "run", *TINY).returncode == 0
    ran = ganjax("synthesize", "run", "--count", "18", "--out", "images")
    assert ran.returncode == 0, ran.stderr
    plain(ran.stdout + ran.stderr)
    images = Path(ganjax.work / "images")
    assert len(list(images.glob("*/*.png"))) == 18
    assert all(path.name.isascii() and path.name.isprintable() for path in images.rglob("*"))
    table = plain((images / "metadata.csv").read_bytes())
    assert ",'=cmd|" in table  # which no spreadsheet runs


def test_a_training_that_must_not_leave_any_out_ends_in_one_line(ganjax):
    ran = ganjax("train", "folder:photos", "--out", "refused", *TINY, "--on-bad", "fail")
    assert ran.returncode == 2
    assert ran.stdout == b""
    (line,) = [own for own in plain(ran.stderr).splitlines() if not own.startswith("  ")]
    assert line.startswith("ganjax: error: folder:photos: ")
    assert "repair or remove it, or give --on-bad skip" in line
    assert not (ganjax.work / "refused").exists()


def test_what_is_in_the_folder_is_shown_in_plain_lines(ganjax):
    ran = ganjax("data", "folder:photos")
    assert ran.returncode == 0, ran.stderr
    told = plain(ran.stdout)
    assert all(quoted(name) in told for name in CLASSES)
    assert told.count("bad: ") == len(CLASSES) * len(BAD)
