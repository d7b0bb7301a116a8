"""Cut off at any place, the same call goes on and ends with the same bytes; another is refused."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ganjax import interruption
from ganjax.data.export import Contents, Images, write_set
from ganjax.data.export.claim import partial_folder
from ganjax.data.lock import hold
from ganjax.errors import UserError
from ganjax.progress import Silent

COUNT, AT_A_TIME = 40, 6
FORMS = ("folder", "npz", "tfds")


def contents(**changes) -> Contents:
    labels = np.arange(COUNT, dtype=np.int32) % 3
    values = {"labels": labels, "seed": 1, "model": "f" * 64, "real": 10, **changes}
    return Contents(("a", "b/c", "d"), (8, 8, 1), **values)


class Stopped(Exception):
    """Power is out."""


def make(first: int, *, stop: int = COUNT + AT_A_TIME):
    """Images that depend on their number alone, until `stop`."""
    for start in range(first, COUNT, AT_A_TIME):
        if start + AT_A_TIME > stop:
            raise Stopped
        numbers = np.arange(start, min(start + AT_A_TIME, COUNT))
        pixels = numbers[:, None, None, None] * np.arange(1, 65).reshape(8, 8, 1)
        yield Images(pixels.astype(np.uint8), scores=numbers.astype(np.float32) / 7)


def cut_off(out, stop, form="folder"):
    with pytest.raises(Stopped):
        write_set(out, contents(), lambda first: make(first, stop=stop), form=form)
    assert not out.exists()
    return partial_folder(out)


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    found = {}
    for form in FORMS:
        assert write_set(folder / form, contents(), make, form=form)
        found[form] = tree(folder / form)
    assert {path.name for path in folder.iterdir()} == set(FORMS)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_it_goes_on_after_the_images_that_are_there(tmp_path, undisturbed, form):
    out = tmp_path / "out"
    for stop in (6, 12, 30):
        cut_off(out, stop, form)
    begun = []

    def watched(first):
        begun.append(first)
        return make(first)

    assert write_set(out, contents(), watched, form=form)
    assert begun == [30]
    assert tree(out) == undisturbed[form]
    assert list(tmp_path.iterdir()) == [out]


def lose_an_image(working):
    (working / "set" / "0000_a" / "real_0000003.png").unlink()
    return 3


def cut_an_image(working):
    path = working / "set" / "0000_a" / "real_0000003.png"
    path.write_bytes(path.read_bytes()[:-3])
    return 3


def flip_a_bit(working):
    path = working / "set" / "0001_b_c" / "generated_0000006.png"  # the 16th of all
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)
    return 16


def cut_the_table(working):
    path = working / "set" / "metadata.csv"
    path.write_bytes(path.read_bytes()[:-10])
    return 17


def lose_the_table(working):
    (working / "set" / "metadata.csv").unlink()
    return 0


def spoil_the_table(working):
    path = working / "set" / "metadata.csv"
    path.write_bytes(b"=" + path.read_bytes())
    return 0


def leave_a_file_half_written(working):
    (working / "set" / "0000_a" / "generated_0000014.png").write_bytes(b"\x89PNG")
    return 18


DAMAGES = [
    lose_an_image, cut_an_image, flip_a_bit, cut_the_table, lose_the_table, spoil_the_table,
    leave_a_file_half_written,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_a_crash_spoilt_is_made_again(tmp_path, undisturbed, damage):
    out = tmp_path / "out"
    expected = damage(cut_off(out, 18))
    begun = []

    def watched(first):
        begun.append(first)
        return make(first)

    write_set(out, contents(), watched)
    assert begun == [expected]
    assert tree(out) == undisturbed["folder"]


@pytest.mark.parametrize("form", ["npz", "tfds"])
def test_pixels_that_a_crash_spoilt_are_made_again(tmp_path, undisturbed, form):
    out = tmp_path / "out"
    pixels = cut_off(out, 18, form) / "pixels"
    content = bytearray(pixels.read_bytes())
    content[64 * 9 + 5] ^= 1
    pixels.write_bytes(content[:-7])
    assert write_set(out, contents(), make, form=form)
    assert tree(out) == undisturbed[form]


@pytest.mark.parametrize("form", ["npz", "tfds"])
def test_cut_off_while_it_is_packed(tmp_path, undisturbed, form):
    out = tmp_path / "out"

    class Cut(Silent):
        def stage(self, name, total, unit):
            return _Stage(_raise if name == "pack" else lambda done, note="": None)

    with pytest.raises(Stopped):
        write_set(out, contents(), make, form=form, progress=Cut())
    assert not out.exists()
    assert write_set(out, contents(), lambda first: pytest.fail("all are there"), form=form)
    assert tree(out) == undisturbed[form]


class _Stage:
    def __init__(self, tick):
        self.tick = tick

    def __enter__(self):
        return self.tick

    def __exit__(self, *error):
        return False


def _raise(done, note=""):
    raise Stopped


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_between_images_and_it_goes_on(tmp_path, undisturbed, number, capsys):
    out = tmp_path / "out"

    class Asking(Silent):
        def stage(self, name, total, unit):
            return _Stage(lambda done, note="": os.kill(os.getpid(), number) if done == 12 else 0)

    with interruption.honour_signals(), pytest.raises(interruption.Interrupted) as stop:
        write_set(out, contents(), make, progress=Asking())
    assert stop.value.signal == number.name
    assert "saving after this call" in capsys.readouterr().err
    assert len(list(partial_folder(out).rglob("*.png"))) == 12
    assert write_set(out, contents(), make)
    assert tree(out) == undisturbed["folder"]


WRITE_SLOWLY = """
import sys, time
sys.path.insert(0, sys.argv[1])
import test_export_resume as own
def slowly(first):
    for images in own.make(first):
        print(first, flush=True)
        time.sleep(0.002)
        yield images
own.write_set(own.Path(sys.argv[2]), own.contents(), slowly)
print("done", flush=True)
"""


def test_killed_again_and_again_it_ends_with_the_same_bytes(tmp_path, undisturbed):
    out = tmp_path / "out"
    command = [sys.executable, "-c", WRITE_SLOWLY, str(Path(__file__).parent), str(out)]
    rng, killed, said = np.random.default_rng(0), 0, ""
    while not out.exists() and killed < 3:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            time.sleep(rng.uniform(0, 0.01))
            process.kill()
            said += process.stdout.read()
        killed += 1
    if not out.exists():
        assert write_set(out, contents(), make)
    write_set(out, contents(), make)  # what a kill after the move left beside it goes too
    assert tree(out) == undisturbed["folder"]
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("form", FORMS)
def test_half_a_manifest_of_a_killed_process_does_not_stay_in_the_set(tmp_path, undisturbed, form):
    out = tmp_path / "out"
    half = cut_off(out, 30, form) / "set" / ".manifest.json.ovca1rwp"
    half.write_text('{"schema": 1')
    assert write_set(out, contents(), make, form=form)
    assert tree(out) == undisturbed[form]


def test_finished_it_is_left_as_it_is(tmp_path):
    out = tmp_path / "out"
    assert write_set(out, contents(), make)
    before = tree(out)
    assert not write_set(out, contents(), lambda first: pytest.fail("nothing is to be made"))
    assert tree(out) == before


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ("folder", "0001_b_c/generated_0000006.png"), ("folder", "metadata.csv"),
        ("npz", "images.npz"), ("tfds", "ganjax_images/1.0.0/features.json"),
    ],
)  # fmt: skip
def test_finished_and_damaged_it_says_what(tmp_path, form, file):
    out = tmp_path / "out"
    write_set(out, contents(), make, form=form)
    (out / file).write_bytes((out / file).read_bytes()[:-2])
    with pytest.raises(UserError, match=f"holds this set, but {file} is damaged or missing: rem"):
        write_set(out, contents(), make, form=form)
    (out / file).unlink()
    with pytest.raises(UserError, match=f"holds this set, but {file} is damaged or missing: rem"):
        write_set(out, contents(), make, form=form)


OTHERS = [
    ({"seed": 2}, r"\(seed: 1, not 2\)"),
    ({"model": "e" * 64}, r"\(model: f+, not e+\)"),
    ({"real": 11}, r"\(generated\.0001_b_c: 10, not 9; real\.0001_b_c: 3, not 4\)"),
    ({"configuration": {"jax": "1"}}, r"\(configuration\.jax: None, not 1\)"),
    ({"digest": "d"}, r"\(real_images: , not d\)"),
]


@pytest.mark.parametrize(("changes", "said"), OTHERS, ids=lambda value: str(value)[:15])
def test_another_set_is_refused_with_the_difference(tmp_path, changes, said):
    out, other = tmp_path / "out", contents(**changes)
    working = cut_off(out, 18)
    before = tree(working)
    with pytest.raises(UserError, match=rf"\.out\.partial holds another set, unfinished {said}: f"):
        write_set(out, other, make)
    assert tree(working) == before
    write_set(out, contents(), make)
    before = tree(out)
    with pytest.raises(UserError, match=rf"out holds another set {said}: give a new folder"):
        write_set(out, other, make)
    assert tree(out) == before


def test_another_format_is_another_set(tmp_path):
    write_set(tmp_path / "out", contents(), make)
    with pytest.raises(UserError, match=r"\(format: folder, not npz\)"):
        write_set(tmp_path / "out", contents(), make, form="npz")


def test_foreign_files_where_it_would_work_are_left_alone(tmp_path):
    working = partial_folder(tmp_path / "out")
    working.mkdir()
    (working / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"is no set of ganjax's: remove it, or give another --out"):
        write_set(tmp_path / "out", contents(), make)
    assert tree(tmp_path) == {".out.partial": None, ".out.partial/thesis.tex": b"years of work"}


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"images": "many"}', "[" * 100_000])
def test_a_manifest_of_somebody_else_is_no_set(tmp_path, manifest):
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text(manifest)
    with pytest.raises(UserError, match="exists and is not empty; give a new folder"):
        write_set(out, contents(), make)


def test_two_at_once_do_not_collide(tmp_path):
    out = tmp_path / "out"
    with hold(partial_folder(out)), pytest.raises(UserError, match="is in use by another run"):
        write_set(out, contents(), make)
    assert write_set(out, contents(), make)
