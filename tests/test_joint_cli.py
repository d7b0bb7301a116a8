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


@pytest.mark.parametrize("objective", JOINT)
def test_a_generator_and_a_classifier_are_trained_and_the_generator_makes_images(
    objective, capsys, tmp_path
):
    out = tmp_path / "run"
    cli.main(["train", "digits", "--objective", objective, *REST, *TINY, "--out", str(out)])
    assert f"objective {objective}: a classifier of width 4 is trained too" in str(
        capsys.readouterr()
    )
    stored = json.loads((out / "config.json").read_text())
    assert (stored["objective"], stored["unlabelled"]) == (objective, "rest")
    history = json.loads((out / "history.json").read_text())
    assert history["metrics"]["update"] == [1, 2, 3, 4]
    assert all(0 <= value <= 1 for value in history["looks"]["accuracy"])
    assert {"classifier_loss", "generator_cosine", "generator_conflicts"} <= set(history["metrics"])
    found = load(out)
    assert found.description.objective == objective
    logits = found.classify(np.zeros((3, 8, 8, 1), np.uint8))
    assert logits.shape == (3, 10)
    images = tmp_path / "images"
    cli.main(["synthesize", str(out), "--count", "12", "--out", str(images)])
    assert len(list(images.rglob("*.png"))) == 12


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ["--objective", "acgan"],
            "--objective must be one of gan, auxiliary, three-player, semi-",
        ),
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
