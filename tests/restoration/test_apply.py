"""Whole folders: names and modes stay, originals are never touched, a cut run goes on."""

import csv
import json
import os
import signal
import zipfile
from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from ganjax import interruption
from ganjax.data.manifest import sha256
from ganjax.errors import UserError
from ganjax.interruption import Interrupted
from ganjax.ops.conv import conv
from ganjax.progress import Silent
from ganjax.restoration.apply import MOST_SHAPES, restore_source
from ganjax.restoration.tiling import Network, restore_image

KERNEL = jax.random.normal(jax.random.key(0), (3, 3, 1, 1)) / 3


@jax.jit
def blurred(images):
    """Put every channel through one convolution, which sees 1 pixel in each direction."""
    return jnp.concatenate(
        [conv(own, KERNEL, padding=1) for own in jnp.split(images, images.shape[-1], axis=-1)], -1
    )


GREY, COLOUR = (Network(blurred, channels, radius=1) for channels in (1, 3))
MODEL = "0" * 64


def pixels(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def put(folder, **images):
    """Write images, as PNG where no suffix is told after `_` ; `__` stands for a folder."""
    for name, image in images.items():
        file = folder / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return f"folder:{folder}"


def rows(out):
    with (out / "restored.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def written(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def opened(file):
    with Image.open(file) as image:
        return image.mode, np.asarray(image)


@pytest.fixture
def source(tmp_path):
    images = {
        "a_png": pixels(0, 8, 8),
        "deep__b_png": pixels(1, 8, 8),
        "deep__c_bmp": pixels(2, 8, 8),
    }
    return put(tmp_path / "in", **images)  # fmt: skip


def test_names_and_pixels_are_those_of_the_originals_restored(source, tmp_path):
    before = written(tmp_path / "in")
    done = restore_source(GREY, source, tmp_path / "out", model=MODEL, facts={"weight": 0.5})
    assert (done.restored, done.before, done.bad) == (3, 0, ())
    assert written(tmp_path / "in") == before
    files = ["a.png", "deep/b.png", "deep/c.png"]
    assert sorted(written(tmp_path / "out")) == [*files, "manifest.json", "restored.csv"]
    for seed, (name, row) in enumerate(zip(files, rows(tmp_path / "out"), strict=True)):
        mode, image = opened(tmp_path / "out" / name)
        expected = restore_image(GREY, pixels(seed, 8, 8)[..., None])[..., 0]
        np.testing.assert_array_equal(image, expected)
        assert (row["file_name"], row["mode"], mode) == (name, "L", "L")
        assert row["sha256"] == sha256(tmp_path / "out" / name)
        assert row["original_sha256"] == sha256(tmp_path / "in" / row["original"])
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["finished"]
    assert manifest["restoration"]["model"] == MODEL
    assert manifest["restoration"]["weight"] == 0.5
    assert manifest["files"][0]["sha256"] == sha256(tmp_path / "out" / "restored.csv")
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.text["ganjax:restored"] == "1"
        assert image.text["ganjax:model"] == MODEL


def test_modes_stay_whatever_the_network_has(tmp_path):
    alpha = pixels(3, 8, 8, 4)
    images = {"grey_png": pixels(0, 8, 8), "colour_png": pixels(1, 8, 8, 3), "alpha_png": alpha}
    source = put(tmp_path / "in", **images)
    restore_source(COLOUR, source, tmp_path / "out", model=MODEL)
    modes = {own: opened(tmp_path / "out" / f"{own}.png") for own in ("grey", "colour", "alpha")}
    assert {name: mode for name, (mode, _) in modes.items()} == {
        "grey": "L", "colour": "RGB", "alpha": "RGBA"}  # fmt: skip
    np.testing.assert_array_equal(modes["alpha"][1][..., 3], alpha[..., 3])
    restored = restore_image(COLOUR, alpha[..., :3].copy())
    np.testing.assert_array_equal(modes["alpha"][1][..., :3], restored)
    alone = restore_image(GREY, images["grey_png"][..., None])[..., 0]  # its channels are alike
    np.testing.assert_array_equal(modes["grey"][1], alone)


def test_colour_that_is_not_seen_is_for_a_network_of_grey_images_and_real_one_is_listed(tmp_path):
    grey = pixels(0, 8, 8)
    images = {"looks_png": np.stack([grey] * 3, axis=-1), "real_png": pixels(1, 8, 8, 3)}
    done = restore_source(GREY, put(tmp_path / "in", **images), tmp_path / "out", model=MODEL)
    mode, image = opened(tmp_path / "out" / "looks.png")
    assert mode == "RGB"
    expected = restore_image(GREY, grey[..., None])
    np.testing.assert_array_equal(image, np.repeat(expected, 3, axis=-1))
    (bad,) = json.loads((tmp_path / "out" / "quarantine.json").read_text())
    assert (bad["file"], bad["reason"]) == (
        "real.png", "is in colour, and only grey images can be used here")  # fmt: skip
    assert len(done.bad) == 1
    only = put(tmp_path / "only", real_png=images["real_png"])
    with pytest.raises(UserError, match="all of its 1 images are in colour"):
        restore_source(GREY, only, tmp_path / "none", model=MODEL)
    assert not (tmp_path / "none").exists()


def test_bad_files_are_listed_and_the_rest_goes_on_or_all_stops(source, tmp_path):
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    (tmp_path / "in" / "cut.png").write_bytes((tmp_path / "in" / "a.png").read_bytes()[:60])
    done = restore_source(GREY, source, tmp_path / "out", model=MODEL)
    assert done.restored == 3
    assert [bad.file for bad in done.bad] == ["broken.png", "cut.png"]
    listed = json.loads((tmp_path / "out" / "quarantine.json").read_text())
    assert [own["file"] for own in listed] == ["broken.png", "cut.png"]
    with pytest.raises(UserError, match=r"broken\.png is no image .*--on-bad skip"):
        restore_source(GREY, source, tmp_path / "other", model=MODEL, on_bad="fail")
    (tmp_path / "in" / "broken.png").unlink()
    (tmp_path / "in" / "cut.png").unlink()
    assert restore_source(GREY, source, tmp_path / "out", model=MODEL).before == 3
    assert not (tmp_path / "out" / "quarantine.json").exists()


def test_without_an_image_one_line_says_so(tmp_path):
    (tmp_path / "in").mkdir()
    source = f"folder:{tmp_path}/in"
    with pytest.raises(UserError, match="holds no image"):
        restore_source(GREY, source, tmp_path / "out", model=MODEL)
    (tmp_path / "in" / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match="none of its 1 files is an image"):
        restore_source(GREY, source, tmp_path / "out", model=MODEL)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_could_touch_the_originals_is_refused(source, tmp_path):
    before = written(tmp_path)
    os.symlink(tmp_path / "in", tmp_path / "link")
    for out in (tmp_path / "in", tmp_path / "in" / "out", tmp_path / "link" / "new"):
        with pytest.raises(UserError, match="is in the folder of the originals"):
            restore_source(GREY, source, out, model=MODEL)
    with pytest.raises(UserError, match="is around them"):
        restore_source(GREY, source, tmp_path, model=MODEL)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.png").write_bytes(b"mine")
    with pytest.raises(UserError, match="exists and is not empty"):
        restore_source(GREY, source, tmp_path / "other", model=MODEL)
    (tmp_path / "other" / "a.png").unlink()
    (tmp_path / "other").rmdir()
    (tmp_path / "link").unlink()
    assert written(tmp_path) == before


class Stop(Silent):
    """Progress that sends a signal to its own process when so many images are restored."""

    def __init__(self, after):
        self.after = after

    def stage(self, name, total, unit):
        return nullcontext(self.tick) if name == "restore" else super().stage(name, total, unit)

    def tick(self, done, note=""):
        if done == self.after:
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_run_that_was_cut_off_goes_on_to_the_same_files(source, tmp_path):
    with pytest.raises(Interrupted), interruption.honour_signals():
        restore_source(GREY, source, tmp_path / "out", model=MODEL, progress=Stop(2))
    assert len(rows(tmp_path / "out")) == 2
    assert not json.loads((tmp_path / "out" / "manifest.json").read_text())["finished"]
    # what a kill may leave: half of a row, half of a file beside its place, a file without a row
    with (tmp_path / "out" / "restored.csv").open("a") as table:
        table.write("deep/c.png,deep")
    (tmp_path / "out" / "deep" / ".c.png.a_b1c2d3").write_bytes(b"half")
    (tmp_path / "out" / "deep" / "c.png").write_bytes(b"other")
    with pytest.raises(UserError, match=r"restored otherwise \(model: 0+, not 1+\)"):
        restore_source(GREY, source, tmp_path / "out", model="1" * 64)
    done = restore_source(GREY, source, tmp_path / "out", model=MODEL)
    assert (done.restored, done.before) == (1, 2)
    restore_source(GREY, source, tmp_path / "whole", model=MODEL)
    assert written(tmp_path / "out") == written(tmp_path / "whole")


def test_what_changed_is_restored_anew(source, tmp_path):
    restore_source(GREY, source, tmp_path / "out", model=MODEL)
    put(tmp_path / "in", a_png=pixels(9, 8, 8))  # another original
    (tmp_path / "out" / "deep" / "b.png").write_bytes(b"damaged")
    done = restore_source(GREY, source, tmp_path / "out", model=MODEL)
    assert (done.restored, done.before) == (2, 1)
    restore_source(GREY, source, tmp_path / "whole", model=MODEL)
    assert written(tmp_path / "out") == written(tmp_path / "whole")


def test_alike_names_are_told_apart(tmp_path):
    source = put(tmp_path / "in", a_png=pixels(0, 8, 8), a_bmp=pixels(1, 8, 8))
    restore_source(GREY, source, tmp_path / "out", model=MODEL)
    assert {row["original"]: row["file_name"] for row in rows(tmp_path / "out")} == {
        "a.bmp": "a.bmp.png", "a.png": "a.png.png"}  # fmt: skip


def test_a_zip_and_digits_will_do_too(source, tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.write(tmp_path / "in" / "deep" / "b.png", "deep/b.png")
    restore_source(GREY, f"zip:{tmp_path}/set.zip", tmp_path / "out", model=MODEL)
    expected = restore_image(GREY, pixels(1, 8, 8)[..., None])[..., 0]
    np.testing.assert_array_equal(opened(tmp_path / "out" / "deep" / "b.png")[1], expected)
    np.savez(tmp_path / "set.npz", images=pixels(1, 8, 8)[None])
    restore_source(GREY, f"npz:{tmp_path}/set.npz", tmp_path / "arrays", model=MODEL)
    np.testing.assert_array_equal(opened(tmp_path / "arrays" / "images[0].png")[1], expected)


def test_many_sizes_are_cut_into_few_shapes(tmp_path):
    shapes = set()

    def restore(images):
        shapes.add(images.shape[1:3])
        return images

    sizes = [(33 + number, 90 - number) for number in range(20)]
    images = {f"{i}_png": pixels(i, *size) for i, size in enumerate([*sizes, sizes[0]])}
    done = restore_source(
        Network(restore, 1, radius=1), put(tmp_path / "in", **images), tmp_path / "out", model=MODEL
    )
    assert done.restored == 21
    assert sizes[0] in shapes  # the commonest goes whole
    assert MOST_SHAPES < len(shapes) <= MOST_SHAPES + 6
    for i, size in enumerate(sizes):
        np.testing.assert_array_equal(opened(tmp_path / "out" / f"{i}.png")[1], pixels(i, *size))
