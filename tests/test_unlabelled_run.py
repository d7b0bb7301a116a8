"""`--unlabelled`, from the command line to the images of a study and of a training."""

import json

import numpy as np
import pytest

from ganjax import cli
from ganjax.config import StudyConfig, TrainConfig, claim_folder, to_json
from ganjax.data import from_arrays, splits
from ganjax.errors import UserError
from ganjax.progress import Silent
from ganjax.study.prepare import prepare
from ganjax.synthesis.train_images import find_images

LEARNS = {
    StudyConfig: {"arms": ("semi-supervised",)},
    TrainConfig: {"objective": "semi-supervised"},
}
"""What learns from images without labels."""

PIXELS = np.random.default_rng(0).integers(0, 256, (100, 8, 8), np.uint8)


def keys(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


def source(own: int):
    """Two classes of 40 images, and some that are of none."""
    labels = np.arange(80) % 2
    return from_arrays(PIXELS[:80], labels, unlabelled=PIXELS[80 : 80 + own] if own else None)


def refusal(*arguments: str, capsys) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


@pytest.mark.parametrize("kind", [StudyConfig, TrainConfig])
def test_a_configuration_takes_a_number_or_rest_and_survives_json(kind, tmp_path):
    for unlabelled in ("rest", 12):
        config = kind(source="digits", per_class=4, unlabelled=unlabelled, **LEARNS[kind])
        assert json.loads(json.dumps(to_json(config)))["unlabelled"] == unlabelled
    for wrong in (0, -1, "all", 2.5, True):
        with pytest.raises(UserError, match="--unlabelled must be a number of images from 1, or"):
            kind(source="digits", unlabelled=wrong, **LEARNS[kind])
    stored = to_json(config)
    (tmp_path / "config.json").write_text(json.dumps(stored))
    assert claim_folder(tmp_path, config) == stored
    rest = kind(source="digits", per_class=4, unlabelled="rest", **LEARNS[kind])
    with pytest.raises(UserError, match="unlabelled: 12, not rest"):
        claim_folder(tmp_path, rest)


def test_a_dry_run_says_how_many_there_are(capsys, tmp_path):
    flags = ["--per-class", "4", "--out", str(tmp_path / "out"), "--dry-run", "--unlabelled"]
    cli.main(["train", "digits", "--objective", "semi-supervised", *flags, "rest"])
    said = capsys.readouterr().out
    assert "images: 40, 8x8x1, 10 classes; 1,757 more without labels" in said
    assert '"unlabelled": "rest"' in said
    cli.main(["study", "digits", "--preset", "quick", "--arms", "semi-supervised", *flags, "500"])
    said = capsys.readouterr().out
    assert "30 images to train on, 10 to choose by, 500 without labels" in said
    assert '"unlabelled": 500' in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("train digits --unlabelled rest", "--unlabelled needs --per-class, as digits"),
        ("train digits --unlabelled 0", "a number of images from 1, or rest, not 0"),
        ("study digits --per-class 4 --unlabelled 2000", "--unlabelled must be from 1 to 1,038"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(arguments, said, capsys, tmp_path):
    verb, *rest = arguments.split()
    learns = "--objective" if verb == "train" else "--arms"
    out = ("--out", str(tmp_path / "out"), "--dry-run")
    assert said in refusal(verb, *rest, learns, "semi-supervised", *out, capsys=capsys)


@pytest.mark.parametrize(
    ("own", "unlabelled", "count"), [(0, "rest", 40), (9, "rest", 49), (9, 5, 5)]
)
def test_a_study_has_the_rest_of_its_pool_and_what_the_source_brings(own, unlabelled, count):
    config = StudyConfig(
        "arrays", per_class=4, replicates=3, unlabelled=unlabelled, **LEARNS[StudyConfig]
    )
    prepared = prepare(config, source(own), None, True, Silent())
    assert len(prepared.pool) == 48
    tested = keys(PIXELS[:80, ..., None]) - keys(prepared.pool.images)
    for draw in prepared.draws:
        labelled = keys(draw.fit.images) | keys(draw.validation.images)
        assert len(draw.unlabelled) == count
        assert set(draw.unlabelled.labels) == {-1}
        assert not keys(draw.unlabelled.images) & (labelled | tested)
        if unlabelled == "rest":
            assert keys(draw.unlabelled.images) >= keys(PIXELS[80 : 80 + own, ..., None])


def test_a_study_that_asks_for_none_has_none():
    prepared = prepare(
        StudyConfig("arrays", per_class=4, replicates=3), source(9), None, True, Silent()
    )
    assert len(prepared.pool) == 48
    assert all(draw.unlabelled is None for draw in prepared.draws)


def test_a_training_has_them_beside_its_labelled_images_and_none_that_it_holds_out():
    config = TrainConfig("arrays", per_class=20, unlabelled="rest", **LEARNS[TrainConfig])
    labelled, unlabelled = find_images(config, source(9), True, Silent())
    assert labelled.take(np.arange(40)).counts().tolist() == [20, 20]
    few = find_images(TrainConfig("arrays", per_class=20), source(9), True, Silent())
    np.testing.assert_array_equal(few.labelled.rows, labelled.rows)
    assert few.unlabelled is None
    fit, held_out = splits.hold_out(labelled, 0.1, seed=config.seed)
    assert len(held_out) == 4
    hidden = unlabelled.take(np.arange(len(unlabelled)))
    assert (len(hidden), set(hidden.labels)) == (49, {-1})
    for own in (fit, held_out):
        assert not keys(own.take(np.arange(len(own))).images) & keys(hidden.images)


def test_a_training_on_all_labels_has_what_the_source_brings():
    config = TrainConfig("arrays", unlabelled=5, **LEARNS[TrainConfig])
    labelled, unlabelled = find_images(config, source(9), True, Silent())
    assert (len(labelled), len(unlabelled)) == (80, 5)
    assert keys(unlabelled.take(np.arange(5)).images) < keys(PIXELS[80:, ..., None])
    with pytest.raises(UserError, match="--unlabelled needs --per-class, as arrays has no images"):
        find_images(config, source(0), True, Silent())
    everything = TrainConfig("arrays", per_class=40, unlabelled="rest", **LEARNS[TrainConfig])
    with pytest.raises(UserError, match="takes all 80 images of arrays, and none is left"):
        find_images(everything, source(0), True, Silent())
