"""Arrays as a set: of an .npz file or of Python, of any type that has a known range."""

import io
import os
import struct
import zipfile

import numpy as np
import pytest

from ganjax.config import Reading
from ganjax.data.arrays import from_arrays, read_npz
from ganjax.data.listing import Bad
from ganjax.data.sources import load
from ganjax.errors import UserError

GREY = np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8)
LABELS = np.arange(40) % 4


@pytest.fixture
def npz(tmp_path):
    def write(**arrays: np.ndarray) -> str:
        np.savez_compressed(tmp_path / "set.npz", **arrays)
        return f"npz:{tmp_path / 'set.npz'}"

    return write


def refused(source: str) -> str:
    with pytest.raises(UserError) as caught:
        load(source)
    assert str(caught.value).isprintable()
    assert str(caught.value).count(source.removeprefix("npz:")) == 1
    return str(caught.value)


def refused_arrays(images, labels=LABELS, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        from_arrays(images, labels, **kwargs)
    assert str(caught.value).isprintable()
    return str(caught.value)


def pixels(images: np.ndarray, **kwargs) -> np.ndarray:
    return from_arrays(images, np.arange(len(images)) % 2, **kwargs).train.images


@pytest.mark.parametrize(
    ("keys", "splits"),
    [
        ("train_images train_labels val_images val_labels test_images test_labels", "tvs"),
        ("train_images train_labels test_images test_labels", "ts"),
        ("x_train y_train x_test y_test", "ts"),
        ("x_train y_train x_val y_val", "tv"),
        ("images labels", "t"),
    ],
)
def test_names_that_others_publish(npz, keys, splits):
    keys = keys.split()
    arrays = {}
    for i in range(0, len(keys), 2):
        arrays |= {keys[i]: GREY + i, keys[i + 1]: LABELS[:, None]}
    source = load(npz(**arrays, generated=np.zeros(3)))
    found = {"t": source.train, "v": source.validation, "s": source.test}
    assert {key for key, own in found.items() if own is not None} == set(splits)
    for i, key in enumerate(splits):
        np.testing.assert_array_equal(found[key].images, GREY[..., None] + 2 * i)
        assert found[key].labels.tolist() == LABELS.tolist()
        assert found[key].files[17] == f"{keys[2 * i]}[17]"
        assert found[key].class_names == ("0", "1", "2", "3")
    assert source.train.labels.dtype == np.int32
    assert source.bad == source.notes == ()


def test_class_names_of_an_npz(npz):
    source = load(npz(images=GREY, labels=LABELS, class_names=np.array(["ant", "bee", "cat", "é"])))
    assert source.train.class_names == ("ant", "bee", "cat", "é")


def test_reading_is_told(npz):
    told = []
    load(
        npz(x_train=GREY, y_train=LABELS, x_test=GREY[:9], y_test=LABELS[:9]),
        tell=lambda done, total: told.append((done, total)),
    )
    assert told == [(49, 49)]


def test_what_was_asked_for_is_done(npz):
    source = load(npz(images=GREY, labels=LABELS), reading=Reading(size=16, channels=3))
    assert source.train.images.shape == (40, 16, 16, 3)


def test_splits_of_two_sizes_are_brought_to_one():
    source = from_arrays(
        GREY, LABELS, test=(np.zeros((4, 16, 16, 3), np.uint8), LABELS[:4]), name="mine"
    )
    assert source.train.images.shape[1:] == source.test.images.shape[1:] == (8, 8, 3)
    assert source.train.name == "mine"


@pytest.mark.parametrize("shape", [(40, 8, 8), (40, 8, 8, 1), (40, 8, 9, 3), (40, 3, 8, 3)])
def test_layouts(shape):
    images = np.resize(GREY, shape)
    found = pixels(images)
    if shape[1] == 8 and len(shape) == 3:
        np.testing.assert_array_equal(found, images[..., None])
    assert found.shape[-1] == (shape[3] if len(shape) == 4 else 1)


LEVELS = np.zeros((4, 8, 8), np.uint8)
LEVELS[:, 0, :4] = [0, 1, 127, 255]


@pytest.mark.parametrize("dtype", ["u1", "i2", "<u2", ">i4", "i8", "u8", "f2", "f4", ">f8"])
def test_whole_numbers_to_255_are_read_as_they_are(dtype):
    source = from_arrays(LEVELS.astype(dtype), LABELS[:4])
    np.testing.assert_array_equal(source.train.images[..., 0], LEVELS)
    assert source.train.images.dtype == np.uint8
    assert bool(source.notes) == ("f" in dtype)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "g"])
def test_floating_point_to_1_is_scaled(dtype):
    source = from_arrays(LEVELS.astype(dtype) / 255, LABELS[:4])
    np.testing.assert_array_equal(source.train.images[..., 0], LEVELS)
    assert "from 0 to 1 is read as 0 (black) to 1 (white)" in source.notes[0]


def test_sixteen_bits_are_divided_by_257():
    images = LEVELS.astype(np.uint16) * 257 + np.where(LEVELS < 255, 100, 0).astype(np.uint16)
    source = from_arrays(images, LABELS[:4])
    np.testing.assert_array_equal(source.train.images[..., 0], LEVELS)
    assert "divided by 257" in source.notes[0]


def test_bool_is_black_and_white():
    source = from_arrays(LEVELS > 0, LABELS[:4])
    np.testing.assert_array_equal(source.train.images[..., 0], np.where(LEVELS > 0, 255, 0))
    assert "true is read as 255" in source.notes[0]


def test_one_rule_holds_for_all_splits():
    """A part of it alone could be taken for a smaller range."""
    dark, light = np.full((4, 8, 8), 100, np.uint16), np.full((4, 8, 8), 65535, np.uint16)
    source = from_arrays(light, LABELS[:4], test=(dark, LABELS[:4]))
    assert source.train.images.max() == 255
    assert source.test.images.max() == 0
    half = from_arrays(light / 257, LABELS[:4], test=(dark / 100, LABELS[:4]))
    assert half.test.images.max() == 1


def test_rows_far_apart_are_all_brought_to_bytes(monkeypatch):
    monkeypatch.setattr("ganjax.data.pixels.AT_A_TIME", 1000)
    np.testing.assert_array_equal(pixels(GREY / 255)[..., 0], GREY)


def test_a_set_that_is_dark_is_said():
    source = from_arrays(GREY % 17, LABELS)
    assert source.train.images.max() == 16
    assert "uint8 from 0 to 16 is read as it is, out of 255, so it is dark" in source.notes[0]


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (GREY[0], "images has the shape [8, 8]"),
        (GREY[None, None], "images has the shape [1, 1, 40, 8, 8]"),
        (GREY[:0], "at least 1 image"),
        (GREY[:, :0], "images has the shape [40, 0, 8]"),
        (np.zeros((40, 3, 8, 8)), "images = images.transpose(0, 2, 3, 1)"),
        (np.zeros((40, 1, 8, 8)), "images = images.transpose(0, 2, 3, 1)"),
        (np.zeros((40, 8, 8, 4)), "images = images[..., :3]"),
        (np.zeros((40, 8, 8, 2)), "2 channels; 1 (grey) or 3 (colour)"),
        (np.zeros((40, 28, 28, 28)), "28 channels"),
        (GREY.astype(int) * 2, "int64 from 0 to 510 cannot be read as pixels"),
        (GREY.astype(int) - 1, "from -1 to 254 cannot be read as pixels"),
        (GREY.astype(np.uint32) * 257, "uint32 from 0 to 65535"),
        (GREY / 127.5 - 1, "from -1 to 1 has no known range; if -1 is black"),
        (GREY / 2, "float64 from 0 to 127.5 has parts of whole numbers"),
        (GREY * 2.0, "float64 from 0 to 510"),
        (GREY - 10.0, "float64 from -10 to 245"),
        (GREY.astype(complex), "has the type complex128"),
        (GREY.astype("M8[s]"), "has the type datetime64[s]"),
        (GREY.astype(str), "has the type <U3"),
        (GREY.astype(object), "has the type object"),
        ([GREY[0], GREY[0, :4]], "images is no array"),
    ],
)
def test_images_of_no_known_range_or_layout_are_refused(images, said):
    assert said in refused_arrays(images)


def test_rows_that_are_not_finite_are_bad():
    images = np.tile(GREY / 255, (10, 1, 1))
    images[17, 2, 3], images[18] = np.nan, np.inf
    images[19] = -np.inf
    labels = np.tile(LABELS, 10)
    source = from_arrays(images, labels, class_names=list("abcd"))
    reason = "has pixels that are not finite (NaN, infinity)"
    assert source.bad == tuple(
        Bad("train", int(labels[i]), f"images[{i}]", reason) for i in (17, 18, 19)
    )
    np.testing.assert_array_equal(
        source.train.images[..., 0], np.delete(np.tile(GREY, (10, 1, 1)), [17, 18, 19], 0)
    )
    assert source.train.files[17] == "images[20]"
    assert source.train.labels.tolist() == np.delete(labels, [17, 18, 19]).tolist()
    with pytest.raises(UserError, match="not finite"):
        from_arrays(images, labels, reading=Reading(on_bad="fail"))


def test_too_many_bad_rows_are_refused():
    images = GREY / 255
    images[:8] = np.nan
    assert "more than 10%" in refused_arrays(images)
    assert "more than 10%" in refused_arrays(images * np.nan)


def classes(labels, **kwargs) -> tuple[list[int], tuple[str, ...]]:
    train = from_arrays(GREY[: len(labels)], labels, **kwargs).train
    return train.labels.tolist(), train.class_names


@pytest.mark.parametrize("dtype", ["i1", "u1", ">i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("shape", [-1, (-1, 1)])
def test_numbers_are_named_by_their_value(dtype, shape):
    labels = np.array([10, 2, 0, 5, 10], dtype).reshape(shape)
    assert classes(labels) == ([3, 1, 0, 2, 3], ("0", "2", "5", "10"))


@pytest.mark.parametrize("dtype", ["bool", "u1", "f4"])
def test_one_hot_rows(dtype):
    assert classes(np.eye(3)[[2, 0, 1, 2]].astype(dtype)) == ([2, 0, 1, 2], ("0", "1", "2"))


@pytest.mark.parametrize("make", [list, np.array, lambda x: np.array(x, object), np.bytes_])
def test_text_names_itself(make):
    labels = ["b", "a", "B", "b"] if make is not np.bytes_ else np.array([b"b", b"a", b"B", b"b"])
    assert classes(labels if make is np.bytes_ else make(labels)) == ([2, 1, 0, 2], ("B", "a", "b"))


def test_bool_labels():
    assert classes([True, False, True]) == ([1, 0, 1], ("0", "1"))


def test_text_in_the_order_of_the_class_names():
    labels = ["b", "a", "b", "c"]
    assert classes(labels, class_names=["c", "b", "a"]) == ([1, 2, 1, 0], ("c", "b", "a"))


def test_class_names_without_an_image_are_left_out_and_said():
    source = from_arrays(GREY[:4], [0, 2, 2, 0], class_names=["a", "b", "c"])
    assert source.train.class_names == ("a", "c")
    assert source.train.labels.tolist() == [0, 1, 1, 0]
    assert source.notes == ("classes without an image to train on are left out: b",)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (-1, "has the label -1"),
        (4, "has the label 4, which is none of the 4 classes"),
        (np.nan, "has the label nan"),
        (2**40, "has the label 1099511627776"),
    ],
)
def test_labels_out_of_range_are_bad_rows(wrong, reason):
    labels = LABELS.astype(float if wrong is np.nan else np.int64)
    labels[7] = wrong
    source = from_arrays(GREY, labels, class_names=list("abcd"))
    assert source.bad == (Bad("train", -1, "labels[7]", reason),)
    assert source.train.labels.tolist() == np.delete(LABELS, 7).tolist()


def test_a_name_that_is_no_class_is_a_bad_row():
    labels = np.array(list("abcd"))[LABELS]
    labels[0], labels[1] = "zebra", ""
    source = from_arrays(GREY, labels, class_names=list("abcd"))
    assert [bad.reason for bad in source.bad] == [
        "has the label z, which is none of the 4 classes",
        "has no label",
    ]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (LABELS[:39], "images has 40 images and labels 39 labels"),
        (np.ones((40, 3)), "sets of several labels per image are not supported"),
        (np.eye(40, 3), "sets of several labels per image are not supported"),
        (np.full((40, 2), "a"), "sets of several labels per image are not supported"),
        (LABELS + 0.5, "labels has the label 0.5"),
        (LABELS.reshape(10, 2, 2), "labels has the shape [10, 2, 2]"),
        (np.int64(3), "labels has the shape []"),
        (LABELS.astype(complex), "labels has the type complex128"),
        (np.array([1, "a"] * 20, object), "labels has labels of several types"),
        (-LABELS - 1, "labels: has the label -1"),
        (np.zeros(40, int), "1 class with images; a classifier needs at least 2"),
    ],
)
def test_labels_that_are_none_are_refused(labels, said):
    assert said in refused_arrays(GREY, labels)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([["a", "b"]], "class_names is <U1 [1, 2]"),
        ([1, 2], "class_names is int64 [2]"),
        (["a", "b", "a", "d"], "class_names has a name twice: a"),
    ],
)
def test_class_names_that_are_none_are_refused(names, said):
    assert said in refused_arrays(GREY, class_names=names)


def test_a_class_that_only_the_test_part_has_is_refused():
    test = (GREY[:2], [0, 9])
    assert "test_labels has classes that labels has not: 9" in refused_arrays(GREY, test=test)
    test = (GREY[:2], ["a", "b"])
    assert "test_labels has numbers and labels text" in refused_arrays(GREY, test=test)


def test_pickled_objects_are_never_read(npz, tmp_path):
    class Program:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    source = npz(images=GREY, labels=np.array([Program()] * 40, object))
    message = refused(source)
    assert "labels holds Python objects" in message
    assert "labels.astype(int) or labels.astype(str)" in message
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["a", "b"], "there: a, b"),
        ([f"k{i}" for i in range(20)], "k9, ...)"),
        (["images"], "has no array labels (there: images)"),
        (["train_images", "train_labels", "val_images"], "has no array val_labels"),
        (["test_images", "test_labels"], "train_images, train_labels; x_train, y_train"),
        ([], "there: none"),
        (["\x1b[2J\n"], "x1b[2J"),
    ],
)
def test_missing_arrays_are_named_with_those_there(npz, keys, said):
    assert said in refused(npz(**dict.fromkeys(keys, GREY)))


def file_of(tmp_path, content: bytes) -> str:
    (tmp_path / "set.npz").write_bytes(content)
    return f"npz:{tmp_path / 'set.npz'}"


def saved(save=np.savez, **arrays) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


WHOLE = saved(images=GREY, labels=LABELS)
LONE = io.BytesIO()
np.save(LONE, GREY)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello", "is no zip archive: give an .npz file"),
        (b"\x80\x04\x95", "is no zip archive"),
        (LONE.getvalue(), "is a single array (.npy): save images and labels together"),
        (WHOLE[:-30], "is cut off or damaged"),
        (WHOLE[: len(WHOLE) // 2], "is cut off or damaged"),
    ],
)
def test_what_is_no_npz_is_refused(tmp_path, content, said):
    assert said in refused(file_of(tmp_path, content))


def test_a_missing_npz_and_a_folder(tmp_path):
    assert "does not exist: give an .npz file" in refused(f"npz:{tmp_path / 'no.npz'}")
    with pytest.raises(UserError, match="is a folder"):
        read_npz(tmp_path, Reading(), lambda done, total: None)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_is_found(tmp_path, save):
    content = bytearray(
        saved(save, images=np.random.default_rng(0).random(GREY.shape), labels=LABELS)
    )
    content[len(content) // 2] ^= 1
    assert "images is damaged" in refused(file_of(tmp_path, bytes(content)))


def npz_of(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(described: str, content: bytes = b"", version: bytes = b"\1\0") -> bytes:
    header = described.encode().ljust(117) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + content


DESCRIBED = "{'descr': %r, 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (
            npy(DESCRIBED % ("|u1", "(1000000, 1000, 1000)")),
            "[1000000, 1000, 1000], which is not 0",
        ),
        (npy(DESCRIBED % ("<f8", "(40, 8, 8)"), bytes(2560)), "which is not 2,560 bytes"),
        (npy(DESCRIBED % ("|u1", "(-40, -8, 8)"), bytes(2560)), "[-40, -8, 8]"),
        (npy(DESCRIBED % ("|V0", "(1000000000000,)")), "is damaged"),
        (npy(DESCRIBED % ("<U0", "(1000000000000,)")), "is damaged"),
        (npy(DESCRIBED % ("nonsense", "(40,)")), "is damaged"),
        (npy("{'descr': __import__('os').abort()}"), "is damaged"),
        (npy("(" * 100), "is damaged"),
        (npy(DESCRIBED % ("|u1", "(1,)"), b"x", b"\7\7"), "is damaged"),
        (b"\x93NUMPY", "is damaged"),
        (b"", "is damaged"),
        (npy(DESCRIBED % ("|u1", "(1000000000000, 0)")), "[1000000000000, 0]"),
    ],
)
def test_headers_that_are_not_true_are_refused(tmp_path, member, said):
    content = npz_of(images=member, labels=npy(DESCRIBED % ("|u1", "(40,)"), bytes(40)))
    assert said in refused(file_of(tmp_path, content))


def test_labels_that_take_no_room_are_refused(tmp_path):
    labels = npy(DESCRIBED % ("|u1", "(1000000000000, 0)"))
    images = npy(DESCRIBED % ("|u1", "(40, 8, 8)"), bytes(2560))
    message = refused(file_of(tmp_path, npz_of(images=images, labels=labels)))
    assert "labels has the shape [1000000000000, 0]" in message


def test_a_bomb_is_refused(tmp_path):
    zeros = npy(DESCRIBED % ("|u1", "(70000, 32, 32)"), bytes(70000 * 1024))
    content = npz_of(images=zeros, labels=npy(DESCRIBED % ("|u1", "(70000,)"), bytes(70000)))
    assert "images unpacks from" in refused(file_of(tmp_path, content))


def test_an_npz_packed_by_bzip2_is_refused(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("images.npy", LONE.getvalue())
        archive.writestr("labels.npy", LONE.getvalue())
    assert "packed in another way" in refused(file_of(tmp_path, file.getvalue()))


def test_fortran_order(npz):
    source = load(npz(images=np.asfortranarray(GREY), labels=LABELS))
    np.testing.assert_array_equal(source.train.images[..., 0], GREY)
