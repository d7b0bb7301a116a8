"""A set's own columns in the table, and their totals in the manifest, whatever came between."""

import csv
import json

import numpy as np
import pytest

from ganjax.data.export import Contents, Images, write_set
from ganjax.data.export.claim import partial_folder

COUNT, REAL = 20, 4


def contents(columns=("tried", "dropped"), totals=("dropped",)):
    labels = np.zeros(COUNT, np.int32)
    return Contents(("a",), (8, 8, 1), labels, real=REAL, columns=columns, totals=totals)


def make(first, stop=None):
    for number in range(first, COUNT):
        if number == stop:
            raise RuntimeError("power is out")
        numbers = {"tried": np.array([100 + number]), "dropped": np.array([number % 3])}
        pixels = np.full((1, 8, 8, 1), number, np.uint8)
        yield Images(pixels, numbers={} if number < REAL else numbers)


@pytest.mark.parametrize("form", ["folder", "npz", "tfds"])
def test_generated_images_have_the_columns_and_the_manifest_adds_them_up(tmp_path, form):
    write_set(tmp_path / "out", contents(), make, form=form)
    with open(tmp_path / "out" / "metadata.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-4:] == ["original", "tried", "dropped", "sha256"]
    expected = ["" if i < REAL else str(i % 3) for i in range(COUNT)]
    assert [row["dropped"] for row in rows] == expected
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["totals"] == {"dropped": sum(i % 3 for i in range(REAL, COUNT))}


@pytest.mark.parametrize("stop", [1, REAL, 13])
def test_cut_off_it_goes_on_to_the_same_table_and_totals(tmp_path, stop):
    write_set(tmp_path / "whole", contents(), make)
    with pytest.raises(RuntimeError):
        write_set(tmp_path / "out", contents(), lambda first: make(first, stop))
    assert partial_folder(tmp_path / "out").exists()
    assert write_set(tmp_path / "out", contents(), make)
    for name in ("metadata.csv", "manifest.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not write_set(tmp_path / "out", contents(), make)


def test_without_columns_there_is_nothing_to_add_up(tmp_path):
    write_set(tmp_path / "out", contents((), ()), make)
    assert "totals" not in json.loads((tmp_path / "out" / "manifest.json").read_text())
    header = (tmp_path / "out" / "metadata.csv").read_text().splitlines()[0]
    assert header.endswith("score,original,sha256")
