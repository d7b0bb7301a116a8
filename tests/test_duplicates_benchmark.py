"""The benchmark of near duplicates changes every image and counts what is found."""

import json
import sys

import numpy as np
import pytest

from experiments.benchmarks import duplicates
from ganjax.data.sources import load


@pytest.mark.parametrize("change", duplicates.CHANGES)
def test_every_change_changes_an_image_a_little(change):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    changed = duplicates.CHANGES[change](image, np.random.default_rng(0))
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    apart = np.abs(changed.astype(float) - image)
    assert 0 < apart.mean() < 20


def test_scans_have_no_pairs_and_their_slightly_changed_copies_are_found():
    measured, pairs = duplicates.measure(load("digits").train.images, 50)
    assert measured["pairs"] == len(pairs) == 0
    assert measured["found"]["brighter"] > 0.9


def test_it_prints_a_line_per_source(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["duplicates", "--copies", "5"])
    duplicates.main()
    source, _, measured = capsys.readouterr().out.partition(": ")
    assert source == "digits"
    assert set(json.loads(measured)["found"]) == set(duplicates.CHANGES)
