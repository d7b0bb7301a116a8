"""A manifest finds every damage, to the files and to itself, and says where."""

import pytest

from ganjax.data import manifest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "empty").touch()
    (tmp_path / "deep" / "er" / "b ü.txt").write_text("words")
    manifest.write(tmp_path)
    return tmp_path


def test_a_whole_folder_has_no_problems_wherever_it_is(folder):
    assert manifest.problems(folder) == []
    assert manifest.problems(folder.rename(folder.with_name("moved"))) == []


def test_a_manifest_can_be_written_anew(folder):
    (folder / "a.bin").write_bytes(b"other")
    manifest.write(folder)
    assert manifest.problems(folder) == []


def test_each_problem_is_named(folder):
    content = bytearray((folder / "a.bin").read_bytes())
    content[4000] ^= 1
    (folder / "a.bin").write_bytes(content)
    (folder / "empty").write_bytes(b"12")
    (folder / "deep" / "er" / "b ü.txt").unlink()
    (folder / "deep" / "manifest.json").touch()
    assert sorted(manifest.problems(folder)) == [
        "a.bin: other content",
        "deep/er/b ü.txt: missing",
        "deep/manifest.json: not in the manifest",
        "empty: 2 bytes instead of 0",
    ]


def test_a_file_that_became_a_folder_is_missing(folder):
    (folder / "empty").unlink()
    (folder / "empty").mkdir()
    assert manifest.problems(folder) == ["empty: missing"]


def test_every_flipped_bit_of_a_manifest_is_found(folder):
    path = folder / manifest.NAME
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert manifest.problems(folder) != [], at
    path.write_bytes(whole)
    assert manifest.problems(folder) == []


def test_a_manifest_cut_anywhere_or_grown_is_found(folder):
    path = folder / manifest.NAME
    whole = path.read_bytes()
    for content in [whole[:end] for end in range(len(whole))] + [whole + b" ", whole * 2]:
        path.write_bytes(content)
        assert manifest.problems(folder) != [], len(content)


@pytest.mark.parametrize("content", ["[]", '"files"', "3", "{}", '{"files": 3}', "null", "\x80"])
def test_what_is_no_manifest_is_said(folder, content):
    (folder / manifest.NAME).write_text(content, encoding="latin-1")
    [said] = manifest.problems(folder)
    assert said in ("manifest.json: unreadable", "manifest.json: damaged")


def test_a_missing_manifest_or_folder_is_said(folder):
    (folder / manifest.NAME).unlink()
    assert manifest.problems(folder) == ["manifest.json: missing"]
    assert manifest.problems(folder / "nowhere") == ["manifest.json: missing"]
