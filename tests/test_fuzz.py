"""The fuzzer makes the same mutants again, and finds what it is to find."""

import json
import sys
import zlib

import numpy as np
import pytest

from experiments.benchmarks import fuzz
from experiments.benchmarks.mutants import images_of, mended, mutant, own_images
from ganjax.data.decode import decode

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of what is broken

IMAGES = own_images()


def test_there_is_an_image_of_every_kind():
    assert len(IMAGES) > 90
    for content in IMAGES:
        assert decode(content).shape[:2] in ((24, 32), (32, 24))


def test_a_mutant_is_the_same_again_and_hardly_ever_its_parent():
    made = [mutant(IMAGES, 3, number) for number in range(300)]
    assert made == [mutant(IMAGES, 3, number) for number in range(300)]
    assert made != [mutant(IMAGES, 4, number) for number in range(300)]
    assert sum(content in IMAGES for content in made) < 10


def test_mutants_are_read_and_refused():
    found = [fuzz.verdict(mutant(IMAGES, 0, number)) for number in range(300)]
    assert 20 < sum(pixels for pixels, _ in found) < 280
    assert {wrong for _, wrong in found} == {None}


def test_checksums_are_mended():
    (png, *_) = (content for content in IMAGES if content.startswith(b"\x89PNG"))
    assert mended(png) == png
    broken = bytearray(png)
    broken[20] ^= 1
    whole = mended(bytes(broken))
    assert whole[29:33] == zlib.crc32(whole[12:29]).to_bytes(4, "big") != png[29:33]
    assert mended(b"P6 8 8 255\n") == b"P6 8 8 255\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda content, **_: np.zeros((32, 32, 3)), "other than pixels"),
        (lambda content, **_: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_what_is_neither_pixels_nor_a_reason_is_found(given, said, monkeypatch):
    monkeypatch.setattr(fuzz, "decode", given)
    assert said in fuzz.verdict(IMAGES[0])[1]


@pytest.mark.parametrize("told", ["", "two\nlines", "x" * 400, "MemoryError"])
def test_a_reason_that_helps_nobody_is_found(told, monkeypatch):
    def refuse(content):
        raise fuzz.Unreadable(told)

    monkeypatch.setattr(fuzz, "read_header", refuse)
    assert fuzz.verdict(IMAGES[0])[1] is not None


def test_deaths_of_workers_are_named():
    assert fuzz._death(-fuzz.signal.SIGPROF) == "took more than 5 s"
    assert fuzz._death(-fuzz.signal.SIGSEGV) == "killed the worker by SIGSEGV"
    assert fuzz._death(3) == "ended the worker with code 3"


def test_a_finding_is_kept(tmp_path):
    fuzz.keep(tmp_path, IMAGES, 5, fuzz.Finding(7, "was odd"))
    assert (tmp_path / "5-7.bin").read_bytes() == mutant(IMAGES, 5, 7)
    assert json.loads((tmp_path / "5-7.json").read_text()) == {
        "seed": 5, "number": 7, "what": "was odd",
    }  # fmt: skip


def test_a_run_counts_what_it_did(tmp_path, monkeypatch, capsys):
    (tmp_path / "photos").mkdir()
    for i, content in enumerate(IMAGES[:5]):
        (tmp_path / "photos" / f"{i}.png").write_bytes(content)
    assert images_of(tmp_path / "photos") == IMAGES[:5]
    arguments = ["--mutants", "50", "--workers", "1", "--folder", str(tmp_path / "photos")]
    monkeypatch.setattr(sys, "argv", ["fuzz", *arguments, "--keep", str(tmp_path / "kept")])
    with pytest.raises(SystemExit) as ended:
        fuzz.main()
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 5
    assert found["pixels"] + found["refused"] >= 50
    assert found["findings"] == {}
    assert not (tmp_path / "kept").exists()
