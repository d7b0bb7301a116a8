"""Broken files and impossible wishes end in one line, not in a traceback or in silence."""

import numpy as np
import pytest

from ganjax.data.sources import Dataset, load
from ganjax.data.splits import draw
from ganjax.errors import UserError


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(UserError, match="is a file"):
        load(f"folder:{tmp_path / 'a.png'}")


def draw_from(count: int, replicate: int):
    labels = np.repeat(np.arange(2, dtype=np.int32), count)
    pool = Dataset("x", np.zeros((2 * count, 8, 8, 1), np.uint8), labels, ("ant", "bee"))
    return draw(
        pool, per_class=4, replicate=replicate, replicates=2, validation_fraction=0.25, seed=0
    )


@pytest.mark.parametrize("replicate", [-1, 2])
def test_no_draw_beyond_the_last(replicate):
    with pytest.raises(ValueError, match="not one of 0 to 1"):
        draw_from(9, replicate)


def test_a_class_too_small_for_any_draw_gets_no_impossible_advice():
    with pytest.raises(UserError) as caught:
        draw_from(1, 0)
    assert "--per-class 1" not in str(caught.value)
    assert "at least 2 are needed" in str(caught.value)
