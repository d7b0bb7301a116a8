"""Files are whole or not there."""

import json

import numpy as np
import pytest

from ganjax.data import atomic


def test_json_bytes_and_arrays(tmp_path):
    atomic.write_json_atomically(tmp_path / "new" / "a.json", {"x": [1]})
    atomic.write_bytes_atomically(tmp_path / "b", b"b")
    atomic.write_arrays_atomically(tmp_path / "c.npz", x=np.arange(3))
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == {"x": [1]}
    assert (tmp_path / "b").read_bytes() == b"b"
    with np.load(tmp_path / "c.npz", allow_pickle=False) as stored:
        assert stored["x"].tolist() == [0, 1, 2]
    assert (tmp_path / "b").stat().st_mode & 0o400


def test_a_failed_write_keeps_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.json"
    atomic.write_json_atomically(path, {"old": 1})
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json_atomically(path, {"new": float("nan")})
    with pytest.raises(TypeError), atomic.open_atomically(path) as file:
        file.write("text where bytes belong")
    assert json.loads(path.read_text()) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_what_a_killed_process_left_of_a_file_goes_and_nothing_else(tmp_path):
    for name in ("a.json", ".a.json.x1", ".a.json.y2", ".b.json.x1", ".a_json.x1"):
        (tmp_path / name).write_text("{}")
    atomic.drop_unfinished(tmp_path / "a.json")
    kept = {file.name for file in tmp_path.iterdir()}
    assert kept == {"a.json", ".b.json.x1", ".a_json.x1"}
