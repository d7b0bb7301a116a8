"""The table of predictions: safe to open, whole or not there, and true."""

import csv
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.data.decode import Unreadable
from ganjax.data.listing import Bad
from ganjax.data.pictures import Pictures
from ganjax.errors import UserError
from ganjax.metrics import expected_calibration_error
from ganjax.synthesis.classifying import AT_A_TIME, Calibrated, in_batches
from ganjax.synthesis.predictions import header, write_predictions

CLASSES = ("ant", "=cmd", "file", 'b"e,e')


def brightness(images):
    """Take the mean pixel for the class; two seeds, of which the second is unsure."""
    told = jnp.mean(images, axis=(1, 2, 3))[:, None] * jnp.array([[-3.0, 0.0, 1.0, 3.0]])
    return jnp.stack([told, told / 4])


CLASSIFIER = Calibrated("by brightness", CLASSES, 8, 1, "folder:here", 2.0, brightness)
PROBABILITIES = in_batches(jax.jit(CLASSIFIER.probabilities), axis=0)


def grey(level):
    return np.full((8, 8, 1), level, np.uint8)


def pictures(images, labels=None, files=None, bad=()):
    count = len(images)
    return Pictures(
        "folder:here",
        files or [f"{i}.png" for i in range(count)],
        np.full(count, -1, np.int32) if labels is None else np.asarray(labels, np.int32),
        lambda start, stop: images[start:stop],
        bad,
    )


def rows(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_a_row_has_the_file_the_class_its_probability_and_that_of_all(tmp_path):
    images = [grey(0), grey(255)]
    done = write_predictions(CLASSIFIER, pictures(images), tmp_path / "out.csv")
    first, *found = rows(tmp_path / "out.csv")
    assert first == ["file", "class", "probability", "ant", "'=cmd", "class file", 'b"e,e']
    probabilities = PROBABILITIES(np.stack(images))
    for row, name, file, own in zip(
        found, ("ant", 'b"e,e'), ("0.png", "1.png"), probabilities, strict=True
    ):
        assert row[:2] == [file, name]
        assert float(row[2]) == pytest.approx(own.max(), rel=1e-5)
        np.testing.assert_allclose([float(cell) for cell in row[3:]], own, rtol=1e-5)
        assert sum(map(float, row[3:])) == pytest.approx(1, abs=1e-5)
    assert done.counts.tolist() == [1, 0, 0, 1]
    assert done.score is None
    assert not (tmp_path / "out.quarantine.json").exists()


def test_probabilities_are_those_of_the_mean_over_seeds_after_the_temperature():
    images = np.stack([grey(10), grey(200)])
    one, other = jax.nn.softmax(brightness(images.astype(np.float32) / 127.5 - 1))
    np.testing.assert_allclose(
        jax.nn.softmax(CLASSIFIER.logits(images)), (one + other) / 2, rtol=1e-5
    )
    np.testing.assert_allclose(
        CLASSIFIER.probabilities(images), jax.nn.softmax(CLASSIFIER.logits(images) / 2), rtol=1e-6
    )


def test_names_that_a_spreadsheet_would_run_or_a_reader_trip_over_are_quoted(tmp_path):
    files = ["=1+1.png", "a\nb.png", 'c",d.png', "\udcff.png"]
    write_predictions(CLASSIFIER, pictures([grey(0)] * 4, files=files), tmp_path / "out.csv")
    assert [row[0] for row in rows(tmp_path / "out.csv")[1:]] == [
        "'=1+1.png", "a\\nb.png", 'c",d.png', "\\udcff.png",
    ]  # fmt: skip


def test_class_names_and_columns_cannot_be_confused():
    assert header(("file", "class", "x"))[3:] == ("class file", "class class", "x")


def test_accuracy_and_calibration_are_of_the_labelled_images(tmp_path):
    rng = np.random.default_rng(0)
    images = [grey(level) for level in rng.integers(0, 256, 40)]
    labels = np.where(np.arange(40) % 4 == 3, -1, rng.integers(0, 4, 40))
    score = write_predictions(CLASSIFIER, pictures(images, labels), tmp_path / "out.csv").score
    told = labels >= 0
    probabilities = PROBABILITIES(np.stack(images))[told]
    right = (probabilities.argmax(axis=1) == labels[told]).mean()
    assert (score.images, score.accuracy) == (30, pytest.approx(right))
    assert score.low < right < score.high
    z = 1.959964  # Wilson: the ends solve (p - q)^2 = z^2 q (1 - q) / n
    for end in (score.low, score.high):
        assert (right - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / 30, rel=1e-4)
    expected = expected_calibration_error(probabilities, labels[told])
    assert score.error == pytest.approx(expected, abs=1e-5)
    assert score.error_before != pytest.approx(expected, abs=1e-3)


def test_more_images_than_are_seen_at_once_keep_their_order(tmp_path):
    levels = np.arange(AT_A_TIME + 7) % 256
    ticks = []
    known = pictures([grey(level) for level in levels])
    write_predictions(CLASSIFIER, known, tmp_path / "out.csv", progress=Ticks(ticks))
    found = rows(tmp_path / "out.csv")[1:]
    images = np.stack([grey(level) for level in levels])
    expected = PROBABILITIES(images)
    written = np.array([[float(cell) for cell in row[3:]] for row in found])
    np.testing.assert_allclose(written, expected, rtol=1e-5)
    assert ticks == [AT_A_TIME, AT_A_TIME + 7]


class Ticks:
    """Progress that writes down how far it is told to be."""

    def __init__(self, ticks):
        self.ticks = ticks

    def say(self, line):
        raise AssertionError(line)

    def stage(self, name, total, unit):
        from contextlib import nullcontext

        return nullcontext(self.ticks.append)


BROKEN = Unreadable("is empty (0 bytes)")


def test_bad_files_are_listed_and_the_rest_goes_on(tmp_path):
    known = (Bad("", -1, "link.png", "is a symbolic link"),)
    given = pictures([grey(0), BROKEN, grey(255)], labels=[0, 1, 3], bad=known)
    done = write_predictions(CLASSIFIER, given, tmp_path / "out.csv")
    assert [row[0] for row in rows(tmp_path / "out.csv")[1:]] == ["0.png", "2.png"]
    assert [own.file for own in done.bad] == ["link.png", "1.png"]
    listed = json.loads((tmp_path / "out.quarantine.json").read_text())
    assert [own["reason"] for own in listed] == ["is a symbolic link", "is empty (0 bytes)"]
    assert (done.score.images, done.score.accuracy) == (2, 1.0)
    write_predictions(CLASSIFIER, pictures([grey(0)]), tmp_path / "out.csv")
    assert not (tmp_path / "out.quarantine.json").exists()


@pytest.mark.parametrize(
    ("images", "given", "said"),
    [
        ([BROKEN] * 2, {}, "none of its 2 files is an image that can be used; the first: 0.png"),
        ([grey(0), BROKEN], {"on_bad": "fail"}, "1.png is empty (0 bytes): repair or remove it"),
    ],
)
def test_where_nothing_can_be_said_no_table_is_left_and_an_old_one_stays(
    images, given, said, tmp_path
):
    (tmp_path / "out.csv").write_text("old")
    with pytest.raises(UserError) as error:
        write_predictions(CLASSIFIER, pictures(images), tmp_path / "out.csv", **given)
    assert said in str(error.value)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("out.csv", "old")]
