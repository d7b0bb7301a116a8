"""The negative control: what the arm with generated images scores with noise in their place.

Whatever is mixed into a small set regularises it. So when validation has chosen a way to train with
generated images, classifiers are trained in that way once more: from the same initial weights,
with the same real images in the same places of each batch, the same transforms and updates, but
uniform noise of every class where generated images were. "They help" is said only if they beat
this too.
"""

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from ganjax.config import Upkeep
from ganjax.errors import UserError
from ganjax.progress import Progress
from ganjax.study.arms import Entry
from ganjax.study.costs import Costs
from ganjax.study.finalists import Finalist
from ganjax.study.pool import sham
from ganjax.study.replicate import Contest, Replicate, compete, keys_of
from ganjax.synthesis.classifying import in_batches
from ganjax.synthesis.weights import WORDS, read_weights, write_weights

FOLDER = "control"


class Control(NamedTuple):
    """A control that is to be judged.

    Attributes:
      entry: what was chosen, and how good noise was there on validation.
      finalist: its classifiers.
      seconds: what its training cost.
    """

    entry: Entry
    finalist: Finalist
    seconds: float


def train_controls(
    contest: Contest,
    candidate: int,
    replicates: Sequence[Replicate],
    shared: Path,
    upkeep: Upkeep,
    progress: Progress,
) -> None:
    """Train the controls of some replicates side by side, and leave them in their folders.

    Args:
      contest: what replicates share; it has a control.
      candidate: the index of what validation chose for the arm with generated images.
      replicates: those to train for.
      shared: folder for what they keep together while they train.
      upkeep: how often checkpoints are written, and what is done about trouble.
      progress: where to tell how far they are.
    """
    assert contest.control is not None
    numbers = "-".join(str(own.number) for own in replicates)
    name = f"controls-{candidate}"  # what was begun for another choice is not gone on with
    costs = Costs(shared / f"seconds-{name}-{numbers}.json")
    keys = [keys_of(contest, own) for own in replicates]
    # Other noise than that of a sham, which is judged against this
    noise = [
        sham("noise", own.draw.fit, contest.config.pool, jax.random.fold_in(key.pool, 1)).images
        for own, key in zip(replicates, keys, strict=True)
    ]
    with costs.of("classifiers"):
        entrants, _ = compete(
            contest.control,
            [contest.candidates[candidate]],
            contest.config.classifier,
            replicates,
            noise,
            [key.classifiers for key in keys],
            shared=shared / name,
            upkeep=upkeep,
            progress=progress,
        )
    seconds = costs.share(len(replicates))["classifiers"]
    for own, found in zip(replicates, entrants, strict=True):
        facts = {
            "candidate": candidate,
            "update": int(found.update[0]),
            "accuracy": float(found.accuracy[0]),
            "probability": float(found.probability[0]),
            "seconds": seconds,
        }
        best = jax.tree.map(lambda leaf: np.asarray(leaf[0]), found.best)
        write_weights(own.folder / FOLDER, {"best": best}, facts)
    shutil.rmtree(shared, ignore_errors=True)


def has_control(replicate: Replicate, candidate: int) -> bool:
    """Whether the control of a candidate is trained in a replicate, and waits to be judged."""
    try:
        facts = json.loads((replicate.folder / FOLDER / WORDS).read_text())["facts"]
    except (OSError, ValueError, KeyError):
        return False  # it is trained again
    return facts["candidate"] == candidate


def read_control(contest: Contest, replicate: Replicate) -> Control:
    """Read what `train_controls` left in a replicate's folder.

    Raises:
      UserError: it is damaged or gone.
    """
    folder = replicate.folder / FOLDER
    try:
        best = read_weights(folder)["best"]
    except UserError as error:
        raise UserError(f"{error}; delete {folder}, and the same command trains it again") from None
    facts = json.loads((folder / WORDS).read_text())["facts"]
    seconds = facts.pop("seconds")
    entry = Entry(**facts)
    choice = {**contest.candidates[entry.candidate]._asdict(), "update": entry.update}
    answer = in_batches(partial(contest.competition.logits, jax.device_put(best)), axis=1)
    return Control(
        entry,
        Finalist({**choice, "images": "noise"}, facts, answer, best),
        seconds,
    )


def drop_control(folder: Path) -> None:
    """Remove the control of a replicate's folder: it has been judged."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
