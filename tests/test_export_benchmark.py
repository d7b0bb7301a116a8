"""The benchmark of writing sets does its work, small."""

import json
import sys

from experiments.benchmarks import export


def test_it_measures_each_format_and_says_so(tmp_path, monkeypatch, capsys):
    flags = ["--images", "30", "--size", "8", "--channels", "1", "--width", "4", "--blocks", "1"]
    monkeypatch.setattr(sys, "argv", ["export", *flags, "--out", str(tmp_path), "--json"])
    export.main()
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((tmp_path / "export.json").read_text())
    assert set(found["images_per_s"]) == {
        "write folder", "write npz", "write tfds", "generate", "generate and write folder",
    }  # fmt: skip
    assert all(0 < own["min"] <= own["max"] for own in found["images_per_s"].values())
    assert (found["image"], found["images"]) == ([8, 8, 1], 30)
