"""A study of plain arrays, unbalanced, with bad images: prepared, and told."""

import numpy as np
import pytest

from ganjax.config import Reading, study_preset
from ganjax.data import from_arrays
from ganjax.errors import UserError
from ganjax.progress import Silent
from ganjax.study.prepare import prepare


class Told(Silent):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.fixture
def arrays():
    """Three classes of 60 images, one of which is no number."""
    images = np.random.default_rng(0).random((180, 10, 10)).astype(np.float32)
    images[7] = np.nan
    return from_arrays(images, np.repeat(["ant", "bee", "cat"], 60))


def test_arrays_are_prepared_as_any_source(arrays, tmp_path):
    config = study_preset("quick", "arrays", per_class=8, imbalance=4.0)
    told = Told()
    prepared = prepare(config, arrays, tmp_path, True, told)
    assert prepared.pool.images.shape[1:] == (16, 16, 1)
    assert prepared.sealed.class_names == ("ant", "bee", "cat")
    for draw in prepared.draws:
        assert (draw.fit.counts() + draw.validation.counts()).tolist() == [8, 4, 2]
    assert [bad.file for bad in prepared.bad] == ["images[7]"]
    assert any("1 image was left out (images[7]" in line for line in told.lines)
    asked = "each draw: 8 to 2 labelled images per class, of at least 35: --per-class asks about"
    assert any(line.startswith(asked) for line in told.lines)
    assert (tmp_path / "quarantine.json").exists()


def test_all_images_that_there_are_cannot_be_more(arrays):
    told = Told()
    prepare(study_preset("quick", "arrays", per_class=35), arrays, None, True, told)
    assert "each draw: 35 labelled images per class" in told.lines


def test_a_test_image_among_the_others_is_refused_unless_allowed(arrays):
    config = study_preset("quick", "arrays", per_class=8)
    leaking = arrays._replace(test=arrays.train.take(np.arange(0, 179, 6)))
    with pytest.raises(UserError, match="--allow-leakage"):
        prepare(config, leaking, None, True, Silent())
    allowed = study_preset("quick", "arrays", per_class=8, reading=Reading(allow_leakage=True))
    told = Told()
    prepare(allowed, leaking, None, True, told)
    assert any("30 of 30 test images are in train too" in line for line in told.lines)
