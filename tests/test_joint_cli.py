"""`ganjax train --objective`, from the command line to a run that is synthesised from."""

import json

import numpy as np
import pytest

from ganjax import cli
from ganjax.config import JOINT
from ganjax.synthesis.trained import load

TINY = [
    "--per-class", "10", "--gan.updates", "4", "--gan.width", "8", "--gan.latent-size", "4",
    "--gan.batch-size", "8", "--gan.augment", "none", "--joint.width", "4",
]  # fmt: skip
REST = ["--unlabelled", "rest"]


def refusal(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "digits", *arguments])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_a_generator_and_a_classifier_are_trained_and_the_generator_makes_images(capsys, tmp_path):
    out, images = tmp_path / "run", tmp_path / "images"
    semi = ["--objective", "semi-supervised", *REST, *TINY, "--validation-fraction", "0"]
    cli.main(["train", "digits", *semi, "--out", str(out)])
    said = "".join(capsys.readouterr())
    assert "objective semi-supervised: a classifier of width 4 is trained too" in said
    assert f"ganjax classify {out} folder:PATH" in said
    stored = json.loads((out / "config.json").read_text())
    assert (stored["objective"], stored["unlabelled"]) == ("semi-supervised", "rest")
    history = json.loads((out / "history.json").read_text())["metrics"]
    assert history["update"] == [1, 2, 3, 4]
    assert {"classifier_loss", "generator_cosine", "generator_conflicts"} <= set(history)
    assert all(value is not None for values in history.values() for value in values)
    found = load(out)
    assert (found.update, found.classifier_update) == (4, 4)
    logits = found.classify(np.zeros((3, 8, 8, 1), np.uint8))
    assert logits.shape == (3, 10)
    cli.main(["synthesize", str(out), "--count", "12", "--out", str(images)])
    assert len(list(images.rglob("*.png"))) == 12


def test_an_unknown_objective_is_refused_with_those_there_are(capsys, tmp_path):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "digits", "--objective", "acgan", "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "acgan" in said
    assert all(name in said for name in JOINT)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--objective", "semi-supervised"], "needs images without labels: give --unlabelled rest"),
        (REST, "--unlabelled is for trainings that learn from images without labels: give --obj"),
        (
            ["--objective", "auxiliary", "--no-conditional"],
            "needs labels: leave out --no-condition",
        ),
        (["--objective", "auxiliary", "--joint.pairs", "0.5"], "--joint.pairs is of three-player"),
        (["--objective", "auxiliary", "--joint.class-weight", "2"], "must be from 0 to 1, not 2"),
        (["--joint.width", "8"], "--joint settings need an --objective of auxiliary, three-player"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(flags, said, capsys, tmp_path):
    out = tmp_path / "out"
    assert said in refusal(capsys, "--per-class", "4", *flags, "--out", str(out))
    assert not out.exists()


def test_a_dry_run_counts_all_players(capsys, tmp_path):
    flags = ["--objective", "three-player", *REST, *TINY, "--out", str(tmp_path / "out")]
    cli.main(["train", "digits", *flags, "--dry-run"])
    said = capsys.readouterr().out
    assert "objective three-player: a classifier of width 4 is trained too" in said
    assert '"objective": "three-player"' in said
    assert not (tmp_path / "out").exists()
