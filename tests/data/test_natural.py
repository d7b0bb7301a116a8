"""Images at their own size: read from anywhere, covered by tiles, parted without overlap."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from ganjax.data import sources
from ganjax.data.decode import decode
from ganjax.data.natural import (
    NaturalImages,
    as_encoded,
    find_natural,
    split_by_image,
    too_small,
    training_tiles,
)
from ganjax.data.pictures import Natural, Pictures
from ganjax.errors import UserError


def pixels(seed, width, height, channels=1):
    shape = (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def put(folder, **images):
    """Write images as PNG, `__` in their names for a folder."""
    for name, image in images.items():
        file = folder / f"{name.replace('__', '/')}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file)
    return f"folder:{folder}"


def natural(*images):
    files = tuple(f"{number}.png" for number in range(len(images)))
    return NaturalImages("folder:here", images, files, np.full(len(images), -1, np.int32))


GREY = {"a": pixels(0, 20, 31), "deep__b": pixels(1, 7, 5), "deep__c": pixels(2, 20, 31)}


def test_images_of_any_folder_keep_their_size_and_are_grey_where_all_are(tmp_path):
    found = find_natural(put(tmp_path, **GREY))
    assert found.files == ("a.png", "deep/b.png", "deep/c.png")
    assert found.channels == 1
    for own, image in zip(found.images, GREY.values(), strict=True):
        np.testing.assert_array_equal(own, image)
    assert found.stacked is None
    assert found.shorter_sides.tolist() == [20, 5, 20]
    assert found.only([0, 2]).stacked.shape == (2, 31, 20, 1)
    assert not found.notes


def test_a_zip_arrays_and_digits_will_do_too(tmp_path):
    put(tmp_path / "set", **GREY)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in ("a.png", "deep/b.png"):
            archive.write(tmp_path / "set" / name, name)
    found = find_natural(f"zip:{tmp_path}/set.zip")
    assert found.files == ("a.png", "deep/b.png")
    np.savez(tmp_path / "set.npz", images=pixels(0, 9, 5, 3)[None], labels=[0])
    (image,) = find_natural(f"npz:{tmp_path}/set.npz").images
    np.testing.assert_array_equal(image, pixels(0, 9, 5, 3))
    np.testing.assert_array_equal(
        find_natural("digits").stacked, sources.load("digits").train.images
    )


def test_a_split_is_preferred_where_there_is_one_and_labels_are_read_where_asked_for(tmp_path):
    images = {"train__ant__a": GREY["a"], "test__bee__b": GREY["deep__b"]}
    source = put(tmp_path, **images)
    found = find_natural(source, prefer="test", class_names=("ant", "bee"))
    assert (found.files, found.split, found.labels.tolist()) == (("test/bee/b.png",), "test", [1])
    whole = find_natural(source, prefer="validation")
    assert (len(whole), whole.split, whole.labels.tolist()) == (2, None, [-1, -1])
    assert find_natural(source, split="train", prefer="test").split == "train"
    assert find_natural(source, class_names=("ant", "bee")).only([1]).labels.tolist() == [0]
    with pytest.raises(UserError, match="does not exist"):
        find_natural(f"folder:{tmp_path}/none", prefer="test")


def test_all_are_in_colour_where_one_is_and_that_is_said(tmp_path):
    found = find_natural(put(tmp_path, **GREY, d=pixels(3, 6, 6, 3)))
    assert found.channels == 3
    np.testing.assert_array_equal(found.images[0], np.repeat(GREY["a"], 3, axis=-1))
    (note,) = found.notes
    assert note == "3 of 4 images are grey; all are read as colour (--channels 1 for grey)"
    assert {i.shape[-1] for i in find_natural(put(tmp_path, **GREY), channels=3).images} == {3}


def test_colour_is_turned_grey_only_where_that_is_asked_for(tmp_path):
    grey_in_colour = np.repeat(pixels(4, 6, 6), 3, axis=-1)
    source = put(tmp_path, a=GREY["a"], b=pixels(3, 6, 6, 3), c=grey_in_colour)
    found = find_natural(source, channels=1)
    assert found.files == ("a.png", "c.png")
    np.testing.assert_array_equal(found.images[1], grey_in_colour[..., :1])
    assert [(bad.file, bad.reason) for bad in found.bad] == [
        ("b.png", "is in colour, and only grey images can be used here")
    ]
    turned = find_natural(source, channels=1, to_grey=True)
    expected = decode((tmp_path / "b.png").read_bytes(), channels=1)
    np.testing.assert_array_equal(turned.images[1], expected)
    only = put(tmp_path / "only", b=pixels(3, 6, 6, 3))
    with pytest.raises(UserError, match="all of its 1 images are in colour, and only grey"):
        find_natural(only, channels=1)


def test_bad_files_are_listed_and_the_rest_goes_on_or_all_stops(tmp_path):
    source = put(tmp_path, **GREY)
    (tmp_path / "broken.png").write_bytes(b"no image")
    found = find_natural(source)
    assert len(found) == 3
    assert [bad.file for bad in found.bad] == ["broken.png"]
    with pytest.raises(UserError, match=r"broken\.png is no image .* or give --on-bad skip"):
        find_natural(source, on_bad="fail")


def test_without_an_image_one_line_says_so(tmp_path):
    with pytest.raises(UserError, match=r"holds no image \(\.png, "):
        find_natural(f"folder:{tmp_path}")
    with pytest.raises(UserError, match="does not exist: give a folder of images"):
        find_natural(f"folder:{tmp_path}/none")
    (tmp_path / "broken.png").write_bytes(b"")
    with pytest.raises(UserError, match="none of its 1 files is an image that can be used"):
        find_natural(f"folder:{tmp_path}")


def test_an_image_that_a_camera_turned_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GREY["a"][..., 0]).save(tmp_path / "a.jpg", exif=exif, quality=95)
    (image,) = find_natural(f"folder:{tmp_path}").images
    assert image.shape == (20, 31, 1)


def test_arrays_are_read_as_files_are(tmp_path):
    image = pixels(0, 9, 5, 3)

    def take(start, stop):
        return [image] * (stop - start)

    (entry,) = as_encoded(Pictures("npz:here", ["images[0]"], np.array([-1]), take))
    np.testing.assert_array_equal(decode(entry.read()), image)
    np.testing.assert_array_equal(Natural().of_entry(entry), image)


def test_images_are_parted_by_image_always_alike_and_copies_stay_together():
    images = [pixels(seed % 9, 8, 8) for seed in range(12)]  # the last 3 copy the first 3
    whole = natural(*images)
    fit, held_out = split_by_image(whole, fraction=0.4, seed=0)
    assert len(fit) + len(held_out) == 12
    sides = [{own.tobytes() for own in part.images} for part in (fit, held_out)]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == 4  # of 9 that differ
    again = split_by_image(whole, fraction=0.4, seed=0)[1]
    assert again.files == held_out.files
    others = {split_by_image(whole, fraction=0.4, seed=seed)[1].files for seed in range(5)}
    assert len(others) > 1
    assert len(split_by_image(natural(*images[:2]), fraction=0.99, seed=0)[0]) == 1
    with pytest.raises(UserError, match="at least 2 that differ are needed"):
        split_by_image(natural(images[0], images[0]), fraction=0.1, seed=0)


def test_tiles_cover_every_image_and_come_from_it():
    images = [pixels(0, 41, 30), pixels(1, 20, 25), pixels(2, 17, 9)]
    tiles = training_tiles(natural(*images), patch=10)
    assert tiles.pixels.shape == (3 * 2 + 1 * 2, 20, 20, 1)
    assert tiles.image_of.tolist() == [0] * 6 + [1] * 2
    np.testing.assert_array_equal(tiles.pixels[0], images[0][:20, :20])
    np.testing.assert_array_equal(tiles.pixels[5], images[0][-20:, -20:])
    assert {int(pixel) for pixel in tiles.pixels[6:].ravel()} == set(images[1].ravel().tolist())
    (bad,) = tiles.bad
    assert (bad.file, bad.reason) == ("2.png", "has 17x9 pixels, less than a patch of 10x10")
    assert too_small(natural(*images), patch=9) == ()


def test_the_smallest_image_bounds_the_tiles_and_a_set_of_one_size_may_stay_whole():
    tiles = training_tiles(natural(pixels(0, 64, 64), pixels(1, 40, 13)), patch=10)
    assert tiles.pixels.shape[1:] == (13, 13, 1)
    whole = natural(pixels(0, 28, 28), pixels(1, 28, 28))
    np.testing.assert_array_equal(training_tiles(whole, patch=28).pixels, whole.stacked)


def test_images_that_are_all_too_small_are_refused_with_what_is_allowed():
    with pytest.raises(UserError, match=r"as large as a patch of 64x64 pixels.* at most 20"):
        training_tiles(natural(pixels(0, 20, 31), pixels(1, 7, 5)), patch=64)
