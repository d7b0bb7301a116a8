"""Images that are to be classified: all of them, by their own labels, each by itself."""

import json
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from ganjax.data import sources
from ganjax.data.decode import Header, Unreadable
from ganjax.data.export import write_labelled_images
from ganjax.data.find_pictures import find_pictures
from ganjax.data.pictures import Frame
from ganjax.errors import UserError

CLASSES = ("ant", "bee")
FRAME = Frame(16, 1)


def picture(seed, size=(16, 16), mode="L"):
    shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def put(folder, *names):
    for seed, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(folder / name)
    return f"folder:{folder}"


def found(source, frame=FRAME, **given):
    return find_pictures(source, frame, CLASSES, **given)


NAMES = ("0.png", "ant/1.png", "bee/deep/2.png", "test/ant/3.png", "other/4.png", "bee/ant/5.png")
LABELS = {"0.png": -1, "ant/1.png": 0, "bee/ant/5.png": 0, "bee/deep/2.png": 1, "other/4.png": -1,
          "test/ant/3.png": 0}  # fmt: skip


def test_any_layout_of_a_folder_will_do_and_the_deepest_class_folder_labels(tmp_path):
    source = put(tmp_path, *NAMES, ".hidden/6.png", "ant/.7.png", "__MACOSX/8.png")
    (tmp_path / "ant" / "notes.txt").write_text("no image")
    pictures = found(source)
    assert dict(zip(pictures.files, pictures.labels.tolist(), strict=True)) == LABELS
    assert list(pictures.files) == sorted(pictures.files)
    for row, name in enumerate(pictures.files):
        (image,) = pictures.take(row, row + 1)
        np.testing.assert_array_equal(image[..., 0], np.asarray(Image.open(tmp_path / name)))


def test_a_zip_is_read_as_a_folder(tmp_path):
    put(tmp_path / "set", *NAMES)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in (*NAMES, "ant/"):
            archive.write(tmp_path / "set" / name, name)
        archive.writestr("../out.png", b"")
    pictures, folder = (found(s) for s in (f"zip:{tmp_path}/set.zip", f"folder:{tmp_path}/set"))
    assert dict(zip(pictures.files, pictures.labels.tolist(), strict=True)) == LABELS
    np.testing.assert_array_equal(pictures.take(0, 6), folder.take(0, 6))
    (bad,) = pictures.bad
    assert "leads out of the archive" in bad.reason


def test_links_that_lead_round_are_followed_once(tmp_path):
    source = put(tmp_path, "ant/1.png")
    os.symlink(tmp_path, tmp_path / "ant" / "again")
    assert list(found(source).files) == ["ant/1.png"]


def test_folders_that_ganjax_wrote_stand_for_the_classes_of_their_manifest(tmp_path):
    source = put(tmp_path, "0000_x/1.png", "0001_y/2.png")
    told = {"folders": ["0000_x", "0001_y"], "classes": ["bee", "wasp"]}
    (tmp_path / "manifest.json").write_text(json.dumps(told))
    assert found(source).labels.tolist() == [1, -1]


def test_a_split_is_what_lies_in_its_folder(tmp_path):
    source = put(tmp_path, "train/ant/1.png", "Test/bee/2.png", "test/ant/3.png")
    assert list(found(source, split="test").files) == ["Test/bee/2.png", "test/ant/3.png"]
    with pytest.raises(UserError, match=r"--split validation: .* has test, train"):
        found(source, split="validation")
    with pytest.raises(UserError, match="has no splits: leave it out"):
        found(put(tmp_path / "flat", "a.png"), split="test")


def test_an_image_is_fitted_by_itself_whatever_lies_beside_it(tmp_path):
    sizes = {"a": (16, 16), "b": (12, 10), "c": (40, 20), "d": (8, 8)}
    for seed, (name, size) in enumerate(sizes.items()):
        picture(seed, size, "RGB").save(tmp_path / f"{name}.png")
    alone = tmp_path / "alone"
    alone.mkdir()
    picture(2, sizes["c"], "RGB").save(alone / "c.png")
    among = found(f"folder:{tmp_path}").take(0, 5)
    assert {image.shape for image in among} == {(16, 16, 1)}
    (by_itself,) = found(f"folder:{alone}").take(0, 1)
    np.testing.assert_array_equal(by_itself, among[-2])
    assert not among[2][:3].any()  # 12x10, padded with black to 16
    assert among[2][3:13, 2:14].any()


@pytest.mark.parametrize(
    ("unpadded", "size", "becomes"),
    [
        (None, (16, 16), (16, 16, None)),
        (None, (9, 16), (16, 9, None)),
        (None, (8, 8), (16, 16, 16)),
        (None, (300, 200), (16, 16, 16)),
        ((14, 14), (14, 14), (14, 14, None)),
        ((14, 14), (16, 16), (14, 14, 14)),
        ((14, 14), (300, 200), (14, 14, 14)),
        ((12, 9), (9, 12), (12, 9, None)),
        ((12, 9), (12, 9), (12, 12, 12)),
    ],
)
def test_images_become_what_training_images_were_before_they_were_padded(unpadded, size, becomes):
    shape = Frame(16, 3, unpadded).shape(Header(*size, "RGB"))
    assert (shape.height, shape.width, shape.side) == becomes
    assert shape.channels == 3


def test_the_smallest_networks_pad_whatever_is_smaller():
    assert Frame(8, 1).shape(Header(3, 2, "L")).side is None


def test_what_is_no_image_is_told_in_its_place(tmp_path):
    source = put(tmp_path, "a.png", "c.png")
    (tmp_path / "b.png").write_text("no image")
    first, bad, last = found(source).take(0, 3)
    assert isinstance(bad, Unreadable)
    assert first.shape == last.shape == (16, 16, 1)


def arrays(path, **given):
    np.savez(path / "set.npz", **given)
    return f"npz:{path}/set.npz"


IMAGES = np.random.default_rng(0).integers(0, 256, (6, 16, 16), np.uint8)


def test_arrays_are_labelled_by_names_numbers_or_not_at_all(tmp_path):
    cases = (
        ({"labels": np.array(["bee", "ant", "wasp", "", "bee", "ant"])}, [1, 0, -1, -1, 1, 0]),
        ({"labels": np.arange(6) % 3, "class_names": ["bee", "ant"]}, [1, 0, -1] * 2),
        ({"labels": np.arange(6) % 2}, [-1] * 6),
        ({}, [-1] * 6),
    )
    for given, labels in cases:
        pictures = found(arrays(tmp_path, images=IMAGES, **given))
        assert pictures.labels.tolist() == labels
        assert pictures.files[5] == "images[5]"
        np.testing.assert_array_equal(np.stack(pictures.take(2, 4))[..., 0], IMAGES[2:4])
    assert found(arrays(tmp_path, images=IMAGES, labels=np.arange(6) % 2)).notes == (
        f"classes of npz:{tmp_path}/set.npz that the classifier does not know: 0, 1",
    )


def test_arrays_of_several_splits_come_one_after_another_or_one_alone(tmp_path):
    source = arrays(tmp_path, x_train=IMAGES[:4], y_train=list("abab"), x_test=IMAGES[4:] / 255.0)
    pictures = found(source)
    assert list(pictures.files)[3:5] == ["x_train[3]", "x_test[0]"]
    np.testing.assert_array_equal(np.stack(pictures.take(3, 6))[..., 0], IMAGES[3:])
    assert list(found(source, split="test").files) == ["x_test[0]", "x_test[1]"]
    with pytest.raises(UserError, match="has train, test: give one of these"):
        found(source, split="validation")


def test_an_array_that_is_not_finite_is_bad_where_it_is_not(tmp_path):
    images = IMAGES / 255.0
    images[1, 0, 0] = np.nan
    good, bad, _ = found(arrays(tmp_path, images=images)).take(0, 3)
    np.testing.assert_array_equal(good[..., 0], IMAGES[0])
    assert str(bad) == "has pixels that are not finite (NaN, infinity)"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pixels": IMAGES}, "has none of the arrays of images that are read"),
        ({"images": IMAGES, "labels": [0, 1]}, "labels has 2 labels for 6 images"),
        ({"images": IMAGES[0, 0]}, "images has the shape"),
    ],
)
def test_arrays_that_cannot_be_read_are_refused(given, said, tmp_path):
    with pytest.raises(UserError) as error:
        found(arrays(tmp_path, **given))
    assert said in str(error.value)


def test_a_prepared_set_has_its_records_labels_and_splits(tmp_path):
    labels = np.array([2, 0, 1, 0, 2, 1], np.int32)
    names = ("bee", "wasp", "ant")
    write_labelled_images(tmp_path / "set", IMAGES[..., None], labels, names, form="tfds")
    pictures = found("tfds:ganjax_images", data_dir=tmp_path / "set", split="train")
    assert pictures.files[1] == "train/000001"
    written = [names.index({0: "ant", 1: "bee", -1: "wasp"}[own]) for own in pictures.labels]
    order = [int(np.flatnonzero((image[..., 0] == IMAGES).all((1, 2)))[0])
             for image in pictures.take(0, 6)]  # fmt: skip
    assert written == labels[order].tolist()
    assert pictures.notes[-1].endswith("that the classifier does not know: wasp")
    with pytest.raises(UserError, match=r"--split test: .* has train: leave it out, or give"):
        found("tfds:ganjax_images", data_dir=tmp_path / "set", split="test")


def test_digits_have_numbers_and_their_labels():
    pictures = find_pictures("digits", Frame(8, 1), [str(i) for i in range(10)])
    digits = sources.load("digits").train
    np.testing.assert_array_equal(pictures.labels, digits.labels)
    np.testing.assert_array_equal(np.stack(pictures.take(5, 9)), digits.images[5:9])
    assert pictures.files[5] == "5"
