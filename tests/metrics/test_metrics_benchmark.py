"""The benchmark of the metrics does its work, small."""

import json
import sys

from experiments.benchmarks import metrics


def test_it_times_each_metric_and_says_so(tmp_path, monkeypatch, capsys):
    flags = ["--images", "120", "--features", "8", "--times", "2", "--json"]
    monkeypatch.setattr(sys, "argv", ["metrics", *flags])
    monkeypatch.setattr(metrics, "RESULTS", tmp_path)
    metrics.main()
    printed = json.loads(capsys.readouterr().out)
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert printed == {name: found[name] for name in ("seconds", "together")}
    assert {"frechet", "kernel", "sliced", "manifold", "copying", "authenticity"} < set(
        found["seconds"]
    )
    assert all(0 <= own["min"] <= own["median"] <= own["max"] for own in found["seconds"].values())
