"""`ganjax data`: all of a set is shown, as text, as JSON and as a picture, and then judged."""

import io
import json
import re
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from PIL import Image
from rich.console import Console

from ganjax import cli
from ganjax.cli import data


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of these tests' own; what the command line sets for JAX is taken back."""
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        compilation_cache.reset_cache()
        yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture
def shown(capsys):
    def call(*arguments):
        capsys.readouterr()
        code = 0
        try:
            cli.main(["data", *map(str, arguments)])
        except SystemExit as ended:
            code = ended.code
        output = capsys.readouterr()
        return SimpleNamespace(code=code, out=output.out, err=output.err)

    return call


NAMES = ("<script>", "[red]dog", "シップ")


@pytest.fixture
def folder(tmp_path):
    """Three classes of 12 x 12 images, 24 to train on and 6 to test on."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 6)):
        for name in NAMES:
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{i:02d}.png")
    return tmp_path


def leak(folder):
    whole = Image.open(folder / "train" / NAMES[0] / "03.png")
    whole.save(folder / "test" / NAMES[0] / "05.bmp")  # the same pixels in other bytes


def test_a_good_set_is_shown_with_its_strange_names(shown, folder):
    found = shown(f"folder:{folder}")
    assert found.code == 0
    for name in NAMES:
        assert name in found.out
    assert "12x12 (90)" in found.out
    assert "RGB (90)" in found.out
    assert "16x16" in found.out
    assert "more than once" not in found.out
    assert "error" not in found.err


def test_leakage_is_an_error_after_all_has_been_shown(shown, folder):
    leak(folder)
    found = shown(f"folder:{folder}")
    assert found.code == 1
    assert "12x12 (91)" in found.out
    assert "Images that occur more than once" in found.out
    assert "1 of 19 test images is in train too" in found.err
    assert "05.bmp is " in found.err
    assert "--allow-leakage" in found.err
    allowed = shown(f"folder:{folder}", "--allow-leakage")
    assert allowed.code == 0
    assert "1 of 19 test images is in train too" in allowed.out


def test_bad_files_are_left_out_and_listed_or_an_error(shown, folder):
    (folder / "train" / NAMES[1] / "zz\nz.png").write_text("no image")
    found = shown(f"folder:{folder}")
    assert found.code == 0
    assert r"zz\nz.png is no image" in found.out
    strict = shown(f"folder:{folder}", "--on-bad", "fail")
    assert strict.code == 1
    assert r"zz\nz.png is no image" in strict.out
    assert "--on-bad skip" in strict.err


def test_more_than_a_tenth_of_a_class_that_is_bad_is_an_error_and_still_shown(shown, folder):
    for i in range(6):
        (folder / "train" / NAMES[2] / f"{i}.jpg").write_bytes(b"\xff\xd8")
    found = shown(f"folder:{folder}")
    assert found.code == 1
    assert "12x12 (90)" in found.out
    assert "6 of the 36 images" in found.err


def test_only_the_first_bad_files_are_printed_and_all_are_in_the_json(shown, folder):
    for i in range(25):
        (folder / "train" / NAMES[i % 3] / f"{i}.gif").write_bytes(b"")
    found = shown(f"folder:{folder}")
    assert found.out.count("is empty (0 bytes)") == 20
    assert "5 more (--json lists all)" in found.out
    assert len(json.loads(shown(f"folder:{folder}", "--json").out)["bad"]) == 25


def test_json_is_alone_on_standard_output(shown, folder):
    leak(folder)
    found = shown(f"folder:{folder}", "--json")
    assert found.code == 1
    told = json.loads(found.out)
    assert told["class_names"] == sorted(NAMES)
    assert told["counts"] == {"train": [24] * 3, "test": [7, 6, 6]}
    assert told["leaking"][0][0]["file"].endswith("05.bmp")
    assert told["problems"][0] in found.err


def test_reading_options_decide_what_images_become(shown, folder):
    told = json.loads(shown(f"folder:{folder}", "--json", "--size", 8, "--channels", 1).out)
    assert (told["width"], told["height"], told["channels"], told["padded"]) == (8, 8, 1, 8)
    assert told["sizes"] == {"12x12": 90}
    assert any("--size" in note for note in told["notes"])


def test_the_picture_has_a_row_per_class(shown, folder, tmp_path):
    picture = tmp_path / "new" / "sheet.png"
    assert shown(f"folder:{folder}", "--picture", picture).code == 0
    pixels = np.asarray(Image.open(picture))
    own = np.asarray(Image.open(folder / "train" / sorted(NAMES)[1] / "00.png"))
    enlarged = own.repeat(4, axis=0).repeat(4, axis=1)
    second = pixels[4 + 52 : 4 + 52 + 48, 200 : 200 + 48]
    np.testing.assert_array_equal(second, enlarged)


def test_no_file_is_written_unasked(shown, folder, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    shown(f"folder:{folder}")
    assert sorted(tmp_path.rglob("*")) == before


def test_many_classes_are_cut_short(shown, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(60):
        (tmp_path / f"{i:02d}").mkdir()
        pixels = rng.integers(0, 256, (8, 8)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i:02d}" / "a.png")
    found = shown(f"folder:{tmp_path}")
    assert "10 more (--json lists all)" in found.out
    assert "60 classes have fewer than 20 images" in found.out


def test_a_source_that_is_none_is_refused_in_one_line(shown):
    found = shown("digit")
    assert found.code == 2
    assert "did you mean digits" in found.err


def test_on_a_terminal_an_image_of_each_class_is_drawn(shown, folder, monkeypatch):
    screen = Console(file=io.StringIO(), force_terminal=True, width=100, no_color=False)
    monkeypatch.setattr(data, "console", lambda: screen)
    shown(f"folder:{folder}")
    assert screen.file.getvalue().count("▀") == 3 * 16 * 8


def test_a_draw_is_shown_beside_the_set(shown):
    found = shown(
        "digits", "--per-class", "40", "--imbalance", "10", "--unlabelled", "rest", "--json"
    )
    survey = json.loads(found.out)
    assert survey["drawn"] == [40, 31, 24, 19, 14, 11, 9, 7, 5, 4]
    assert survey["unlabelled"] == 1797 - sum(survey["drawn"])
    assert shown("digits", "--per-class", "3").out.count("drawn") == 1


def test_an_unlabelled_part_of_its_own_is_shown(shown, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    np.savez(tmp_path / "set.npz", images=pixels, labels=np.arange(30) % 2, x_unlabelled=pixels[:7])
    source = f"npz:{tmp_path / 'set.npz'}"
    assert re.search(r"without labels +7 images", shown(source).out)
    assert json.loads(shown(source, "--json").out)["unlabelled"] == 7
    flags = ("--per-class", "4", "--unlabelled", "rest", "--json")
    assert json.loads(shown(source, *flags).out)["unlabelled"] == 29
    assert json.loads(shown(source, *flags[2:]).out)["drawn"] == [15, 15]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--per-class", "4000"], "fewer than --per-class 4000: give --per-class 174 or less"),
        (["--unlabelled", "rest"], "--unlabelled needs --per-class"),
        (["--imbalance", "2"], "--imbalance needs --per-class"),
        (["--per-class", "174", "--unlabelled", "58"], "--unlabelled must be from 1 to 57"),
        (["--per-class", "100", "--unlabelled", "5000"], "--unlabelled must be from 1 to 797"),
    ],
)
def test_an_impossible_draw_is_refused(shown, flags, message):
    found = shown("digits", *flags)
    assert found.code == 2
    assert message in found.err
    assert found.out == ""
