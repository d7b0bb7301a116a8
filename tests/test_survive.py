"""The benchmark that kills real runs, in short: a few kills of a training, one inside a save."""

import random

from experiments.benchmarks import survive

TRAIN = (
    "train", "digits", "--per-class", "6", "--gan.width", "8", "--gan.latent-size", "4",
    "--gan.updates", "3000", "--checkpoint-seconds", "0.1",
)  # fmt: skip


def test_a_training_that_is_killed_again_and_again_ends_as_if_nothing_had_been(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(survive, "LONGEST", 8.0)
    tally = survive.survive(TRAIN, tmp_path, 3, random.Random(1))
    assert tally["kills"] == 3
    assert tally["inside_a_save"] >= 1
    assert tally["finished"] >= 1
    assert (tally["lost"], tally["damaged"], tally["wrong"]) == (0, 0, 0)


def test_signals_end_it_with_code_75_and_it_goes_on_to_the_same_end(tmp_path, monkeypatch):
    monkeypatch.setattr(survive, "LONGEST", 8.0)
    found = survive.heed(TRAIN, tmp_path, 2, random.Random(2))
    assert (found["sent"], found["code_75_and_a_line"], found["same_end"]) == (2, 2, True)
