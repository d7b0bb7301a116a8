"""The ledger on disk decides, not what an object remembers of it."""

import numpy as np
import pytest

from ganjax.data.sealed import SealedTest
from ganjax.data.sources import Dataset
from ganjax.errors import SealedTestError


def dataset() -> Dataset:
    return Dataset(
        "x", np.ones((6, 8, 8, 1), np.uint8), np.arange(6, dtype=np.int32) % 2, ("a", "b")
    )


def zeros(images):
    return np.zeros(len(images), np.int32)


def test_two_objects_made_before_the_first_look_still_share_it(tmp_path):
    ledger = tmp_path / "sealed_test.json"
    first, second = SealedTest(dataset(), ledger), SealedTest(dataset(), ledger)
    first.judge(0, {"epoch": 3}, zeros)
    with pytest.raises(SealedTestError, match="another choice"):
        second.judge(0, {"epoch": 4}, zeros)


def test_two_objects_do_not_forget_each_others_looks(tmp_path):
    ledger = tmp_path / "sealed_test.json"
    first, second = SealedTest(dataset(), ledger), SealedTest(dataset(), ledger)
    first.judge(0, {"epoch": 3}, zeros)
    second.judge(1, {"epoch": 5}, zeros)
    with pytest.raises(SealedTestError, match="another choice"):
        SealedTest(dataset(), ledger).judge(0, {"epoch": 4}, zeros)


def test_a_broken_ledger_opens_nothing(tmp_path):
    ledger = tmp_path / "sealed_test.json"
    ledger.write_text('{"looks"')
    with pytest.raises(SealedTestError, match="cannot be read"):
        SealedTest(dataset(), ledger)


def test_what_is_shown_cannot_be_written_to():
    def predict(images):
        assert not images.flags.writeable
        return zeros(images)

    SealedTest(dataset()).judge(0, {}, predict)
