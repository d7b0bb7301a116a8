"""Zip archives of class folders: read where they lie; hostile ones get a line, and do no harm."""

import io
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax.data.archives import list_zip
from ganjax.data.listing import Bad, Listing
from ganjax.data.sources import load
from ganjax.errors import UserError


def png(value: int = 7) -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8), value).save(file, "PNG")
    return file.getvalue()


CLASSES = {f"{name}/{i}.png": png(10 * k + i) for k, name in enumerate("ab") for i in range(3)}

Members = dict[str | zipfile.ZipInfo, bytes]


def packed(members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture
def listed(tmp_path):
    """Write an archive, list it, and see that nothing else was written."""

    def write_and_list(content: Members | bytes) -> Listing:
        path = tmp_path / "set.zip"
        path.write_bytes(content if isinstance(content, bytes) else packed(content))
        listing = list_zip(path)
        assert list(tmp_path.iterdir()) == [path]
        return listing

    return write_and_list


@pytest.fixture
def refused(listed):
    def write_and_fail(content: Members | bytes) -> str:
        with pytest.raises(UserError) as caught:
            listed(content)
        assert str(caught.value).isprintable()
        return str(caught.value)

    return write_and_fail


DIRECTORY = b"PK\1\2"
FLAGS, METHOD, CRC, PACKED, SIZE, ATTRIBUTES, OFFSET = 8, 10, 16, 20, 24, 38, 42


def forged(content: bytes, name: str, **fields: int) -> bytes:
    """Change what an archive's list of members says of one."""
    changed = bytearray(content)
    at = 0
    while (at := content.find(DIRECTORY, at)) >= 0:
        length = struct.unpack_from("<H", content, at + 28)[0]
        if content[at + 46 : at + 46 + length] == name.encode():
            for field, value in fields.items():
                form = "<H" if field in ("FLAGS", "METHOD") else "<I"
                struct.pack_into(form, changed, at + globals()[field], value)
        at += 4
    assert changed != content
    return bytes(changed)


def reasons(listing: Listing) -> dict[str, str]:
    return {bad.file: bad.reason for bad in listing.bad}


def unread_reason(listing: Listing, file: str) -> str:
    """What reading an entry says of it."""
    (entry,) = [entry for entry in listing.entries if entry.file == file]
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        entry.read()
    return str(caught.value)


def test_classes_are_found_and_read(listed):
    listing = listed(CLASSES)
    assert listing.class_names == ("a", "b")
    assert [(e.split, e.label, e.file) for e in listing.entries] == [
        ("train", k, f"{name}/{i}.png") for k, name in enumerate("ab") for i in range(3)
    ]
    assert [entry.read() for entry in listing.entries] == list(CLASSES.values())
    assert listing.bad == []
    assert listing.notes == ()


def test_splits_below_a_common_folder(listed):
    splits = ("train", "val", "test")
    members = {f"my set/{split}/a/{split}.png": png() for split in splits}
    listing = listed({"my set/": b"", **members, "my set/read me.txt": b"hello"})
    assert [(e.split, e.file) for e in listing.entries] == [
        ("train", "my set/train/a/train.png"),
        ("validation", "my set/val/a/val.png"),
        ("test", "my set/test/a/test.png"),
    ]


def test_a_set_is_the_same_from_a_zip_and_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set.zip").write_bytes(packed(CLASSES))
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        archive.extractall(tmp_path / "set")
    zipped = load(f"zip:{tmp_path / 'set.zip'}").train
    folder = load(f"folder:{tmp_path / 'set'}").train
    np.testing.assert_array_equal(zipped.images, folder.images)
    assert zipped.labels.tolist() == folder.labels.tolist()
    assert zipped.files.tolist() == folder.files.tolist()
    assert zipped.class_names == folder.class_names


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_several_threads_read_at_once(listed, method):
    content = os.urandom(20_000) + bytes(20_000)
    members = {f"{name}/{i}.png": bytes([i]) + content for name in "ab" for i in range(100)}
    listing = listed(packed(members, method))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda entry: entry.read(), listing.entries * 3))
    assert found == [members[entry.file] for entry in listing.entries] * 3


def test_entries_travel_to_another_process(listed):
    listing = listed(CLASSES)
    listing.entries[0].read()
    code = (
        "import pickle, sys\n"
        "entry = pickle.load(sys.stdin.buffer)\n"
        "sys.stdout.buffer.write(entry.read())"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(listing.entries[5]),
        capture_output=True,
        check=True,
    )
    assert found.stdout == CLASSES["b/2.png"]


def test_a_forked_process_does_not_disturb(listed):
    listing = listed(CLASSES)
    listing.entries[0].read()
    child = os.fork()
    if not child:
        ok = all(listing.entries[1].read() == CLASSES["a/1.png"] for _ in range(500))
        os._exit(0 if ok else 1)
    found = {listing.entries[4].read() for _ in range(500)}
    assert os.waitpid(child, 0)[1] == 0
    assert found == {CLASSES["b/1.png"]}


def test_identity_changes_with_any_byte_and_name(listed):
    same = listed(CLASSES).identity
    path = Path(listed(CLASSES).name.removeprefix("zip:"))
    os.utime(path, (1, 1))
    old = list_zip(path).identity
    assert list_zip(path).identity == old
    identities = {same, old}
    for change in ({"a/0.png": png(200)}, {"b/9.png": png()}):
        listed(CLASSES | change)
        os.utime(path, (1, 1))
        identities.add(list_zip(path).identity)
    assert len(identities) == 4


def test_what_lies_around_is_passed_over(listed):
    junk = {"__MACOSX/a/._0.png": b"x", ".DS_Store": b"x", "a/Thumbs.db": b"x", "a/in.zip": b"PK"}
    listing = listed(CLASSES | junk)
    assert len(listing.entries) == 6
    assert listing.notes == (
        "not read: 1 file in class folders without an image's suffix (a/in.zip)",
    )


def test_members_without_a_name_are_passed_over(listed):
    listing = listed(CLASSES | {".": b"x", "./": b"", "//": b""})
    assert len(listing.entries) == 6
    assert listing.bad == []


@pytest.mark.parametrize("name", ["./b/3.png", "b//3.png", "b/./3.png"])
def test_names_with_empty_parts_are_tidied(listed, name):
    listing = listed(CLASSES | {name: png(99)})
    assert listing.entries[-1].file == "b/3.png"
    assert listing.entries[-1].read() == png(99)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/a.png", "has an absolute name"),
        ("../a.png", "has a name that leads out of the archive"),
        ("a/../../b.png", "has a name that leads out of the archive"),
        ("a\\0.png", "has a name with a backslash: pack it with / between folders"),
        ("C:/a/0.png", "has a name with a drive letter"),
        ("c:0.png", "has a name with a drive letter"),
    ],
)
def test_a_member_whose_name_leads_elsewhere_is_bad(listed, name, reason):
    listing = listed(CLASSES | {name: png()})
    assert listing.bad == [Bad("train", -1, name, reason)]
    assert len(listing.entries) == 6


def test_a_name_with_a_nul_is_bad(listed):
    listing = listed(packed(CLASSES | {"a/x#y.png": png()}).replace(b"x#y", b"x\0y"))
    assert reasons(listing) == {"a/x\0y.png": "has a name with a NUL in it"}


def test_an_archive_of_nothing_but_such_names_says_so(refused):
    message = refused({name.replace("/", "\\"): content for name, content in CLASSES.items()})
    assert "6 members cannot be used" in message
    assert "backslash" in message


def unix(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (0o120777, "is a symbolic link"),
        (0o010644, "is no regular file"),
        (0o020644, "is no regular file"),
    ],
)
def test_a_member_that_is_no_file_is_bad(listed, mode, reason):
    listing = listed(CLASSES | {unix("b/9.png", mode): b"/etc/passwd"})
    assert listing.bad == [Bad("train", 1, "b/9.png", reason)]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["b/2.png", "./b/2.png"])
def test_a_name_that_is_there_twice_is_bad(listed, twin):
    file = io.BytesIO(packed(CLASSES))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(twin, png(99))
    listing = listed(file.getvalue())
    assert listing.bad == [Bad("train", 1, "b/2.png", "is in the archive more than once")]
    assert len(listing.entries) == 5


def test_classes_that_differ_in_case_only_are_two_and_said(listed):
    listing = listed({"Ant/0.png": png(1), "ant/0.png": png(2)})
    assert listing.class_names == ("Ant", "ant")
    assert listing.notes == ("classes whose names look alike are read as different: Ant, ant",)


def test_classes_may_have_any_name(listed):
    names = ["<script>", "=cmd", "CON", "new\nline", "‮rtl", "🐜"]
    listing = listed({f"{name}/0.png": png() for name in names})
    assert set(listing.class_names) == set(names)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"FLAGS": 1}, "is encrypted"),
        ({"METHOD": 9}, "is packed by deflate64; only deflate is read"),
        ({"METHOD": 77}, "is packed by method 77; only deflate is read"),
        ({"SIZE": 5_000_000}, "unpacks from 27 to 5,000,000 bytes"),
        ({"SIZE": 2**32 - 2}, "says that it has 4,294,967,294 bytes, more than 100,000,000"),
    ],
)
def test_a_member_that_cannot_be_read_is_bad(listed, fields, reason):
    members = CLASSES | {"b/9.png": bytes(10_000)}
    if fields.get("SIZE", 0) > 2**30:  # nor does an archive look right whose images are all so
        members |= {"b/8.txt": os.urandom(2**25)}
    listing = listed(forged(packed(members), "b/9.png", **fields))
    assert listing.bad == [Bad("train", 1, "b/9.png", reason)]
    assert len(listing.entries) == 6


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_packed_by_other_methods_says_so(refused, method):
    assert "only deflate is read" in refused(packed(CLASSES, method))


@pytest.mark.parametrize("size", [99, 101, 4_000_000])
def test_a_size_that_is_not_true_is_found_when_the_member_is_read(listed, size):
    content = forged(packed(CLASSES | {"b/9.png": bytes(100)}), "b/9.png", SIZE=size)
    assert "length or checksum is wrong" in unread_reason(listed(content), "b/9.png")


def test_no_more_is_unpacked_than_a_member_says(listed):
    content = forged(packed(CLASSES | {"b/9.png": bytes(2**26)}), "b/9.png", SIZE=100)
    listing = listed(content)
    tracemalloc.start()
    assert "length or checksum is wrong" in unread_reason(listing, "b/9.png")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_ratio_bomb_is_bad_and_a_picture_of_one_colour_is_not(listed):
    listing = listed(CLASSES | {"b/8.png": bytes(2**22), "b/9.png": bytes(2**22 + 1)})
    assert list(reasons(listing)) == ["b/9.png"]
    assert listing.entries[-1].read() == bytes(2**22)


def test_an_archive_of_many_small_bombs_is_refused(refused):
    members = {f"a/{i}.png": bytes(2**10) for i in range(300)}
    content = packed(members)
    for name in members:
        content = forged(content, name, SIZE=2**22)
    assert "no archive to be trusted: its" in refused(content)


def test_members_that_share_their_bytes_are_refused(refused):
    content = packed({f"a/{i}.png": os.urandom(1000) for i in range(3)}, zipfile.ZIP_STORED)
    for i in range(3):
        content = forged(content, f"a/{i}.png", PACKED=3000, SIZE=3000)
    assert "take more room than it has" in refused(content)


@pytest.mark.parametrize("offset", [1, 2**31])
def test_a_member_that_is_elsewhere_is_bad_when_read(listed, offset):
    listing = listed(forged(packed(CLASSES), "a/0.png", OFFSET=offset))
    assert unread_reason(listing, "a/0.png") == "is not where the archive says"
    assert listing.entries[1].read() == CLASSES["a/1.png"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_flipped_bit_is_found_when_the_member_is_read(listed, method, at):
    middle = os.urandom(500) + bytes(500) + os.urandom(500)
    content = bytearray(packed({"a/0.png": middle, "b/0.png": png()}, method))
    content[int(at * 1000) + 50] ^= 4
    listing = listed(bytes(content))
    assert "is damaged in the archive" in unread_reason(listing, "a/0.png")
    assert listing.entries[1].read() == png()


def test_an_archive_that_is_gone_is_an_os_error(listed):
    listing = listed(CLASSES)
    Path(listing.name.removeprefix("zip:")).unlink()
    with pytest.raises(OSError, match="No such file"):
        listing.entries[0].read()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello" * 100, "is no zip archive"),
        (b"\x89PNG\r\n", "is no zip archive"),
        (b"PK\3\4" + bytes(100), "is cut off or damaged"),
        (b"PK\5\6" + bytes(18), "set.zip is empty: put the images of each class into"),
        (packed(CLASSES)[:-1], "is cut off or damaged"),
        (packed(CLASSES)[:300], "is cut off or damaged"),
        (packed({"a.png": png()}), "holds images but no class folders"),
        (packed({"a/": b"", "b/": b""}), "has class folders but no image in them"),
        (packed(CLASSES | {"c/": b""}), "set.zip/c holds no image: add some or remove the folder"),
    ],
)
def test_what_is_no_archive_of_class_folders_is_refused(refused, content, said):
    assert said in refused(content)


def test_any_cut_is_refused_or_read(tmp_path):
    whole = packed(CLASSES)
    for cut in range(0, len(whole), 7):
        (tmp_path / "cut.zip").write_bytes(whole[:cut])
        with pytest.raises(UserError):
            list_zip(tmp_path / "cut.zip")


def test_any_flipped_byte_is_refused_or_found_or_harmless(tmp_path):
    whole = packed({"a/0.png": png(0), "b/0.png": png(1)})
    for at in range(len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 255
        (tmp_path / "broken.zip").write_bytes(broken)
        try:
            entries = list_zip(tmp_path / "broken.zip").entries
        except UserError:
            continue
        for entry in entries:
            with suppress(ValueError):
                assert entry.read() in (png(0), png(1))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder: give a zip"),
        (os.mkfifo, "is no regular file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, make, said):
    path = tmp_path / "set.zip"
    make(path)
    with pytest.raises(UserError, match=said):
        list_zip(path)


@pytest.mark.parametrize("name", ["x" * 300 + ".zip", "nul\0.zip"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="cannot be read"):
        list_zip(tmp_path / name)


def test_a_hundred_thousand_members(listed):
    listing = listed(raw_list(100_000))
    assert len(listing.entries) == 100_000


def test_too_many_members_are_refused_before_they_are_read(refused):
    assert "more than 250,000 members: give fewer" in refused(raw_list(250_001))


def raw_list(count: int) -> bytes:
    """An archive of which there is little but the list of its members, of 0 bytes each."""
    body = b"PK\3\4" + bytes(26)
    names = [f"{i % 10}/{i}.png".encode() for i in range(count)]
    directory = b"".join(DIRECTORY + struct.pack("<24xH16x", len(name)) + name for name in names)
    end = struct.pack("<4xHHII", 0xFFFF, 0xFFFF, len(directory), len(body))
    end64 = struct.pack(
        "<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), 30
    )
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, len(body) + len(directory), 1)
    return body + directory + end64 + locator + b"PK\5\6" + end + b"\0\0"
