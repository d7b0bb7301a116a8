"""A few bad images are left out and listed; many are a reason to stop."""

import json

import numpy as np
import pytest

from ganjax.config import Reading
from ganjax.data import quarantine
from ganjax.data.listing import Bad
from ganjax.errors import UserError

NAMES = ("ant", "bee\u202e")


def bad(label: int = 0, file: str = "a\n.png") -> Bad:
    return Bad("train", label, file, "is empty (0 bytes)")


def settle(found: list[Bad], counts=(10, 10), **reading) -> None:
    quarantine.settle(found, np.array(counts), NAMES, Reading(**reading), "folder:x")


def test_up_to_a_tenth_of_a_class_is_left_out():
    settle([])
    settle([bad(0), bad(1)])
    settle([bad(-1)] * 2)  # of no class
    with pytest.raises(UserError) as caught:
        settle([bad(0), bad(1), bad(1)])
    assert "folder:x: 2 of the 10 images of class bee\\u202e cannot be used" in str(caught.value)
    assert r"a\n.png is empty" in str(caught.value)


def test_a_tenth_of_all_may_have_no_class():
    with pytest.raises(UserError, match="folder:x: 3 of its images have no class"):
        settle([bad(-1)] * 3)


def test_none_is_left_out_where_none_may_be():
    settle([], on_bad="fail")
    with pytest.raises(UserError, match=r"empty \(0 bytes\), and 1 more: repair or remove it"):
        settle([bad(), bad()], on_bad="fail")


def test_the_list_is_written_where_there_is_one(tmp_path):
    quarantine.write(tmp_path, [])
    assert not list(tmp_path.iterdir())
    quarantine.write(tmp_path, [bad(1)])
    assert json.loads((tmp_path / "quarantine.json").read_text()) == [
        {"split": "train", "label": 1, "file": r"a\n.png", "reason": "is empty (0 bytes)"}
    ]


def test_a_summary_is_one_line():
    assert quarantine.summary([bad()]) == r"1 image was left out (a\n.png is empty (0 bytes))"
    assert "2 images were left out" in quarantine.summary([bad(), bad()])
