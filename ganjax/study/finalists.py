"""The classifiers that validation chose: how sure they may be, where they are kept, their one look.

Until there is a choice, those of all candidates wait in their replicate's folder. Then, in this
order: the temperatures are chosen on validation, the chosen classifiers are written down with them,
and the sealed test is opened, once for all arms of a replicate.
"""

import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.dataset import Dataset
from ganjax.data.splits import SealedTest
from ganjax.errors import UserError
from ganjax.metrics import reliability
from ganjax.study.arms import Candidate, Entry, only_measured
from ganjax.study.competition import Competition
from ganjax.synthesis.classifiers import Described, Kept, leave_classifiers
from ganjax.synthesis.classifying import Answer, choose_temperature, in_batches, pooled
from ganjax.synthesis.weights import read_weights, write_weights
from ganjax.typing import Variables

CANDIDATES = "candidates"


class Finalist(NamedTuple):
    """What an arm sends to the sealed test: a classifier, or several that differ in their seeds.

    Attributes:
      choice: what validation chose, as JSON values; the test's ledger is told.
      facts: that, and how good it was there, as JSON values.
      answer: uint8 images to logits `[seeds, n, classes]`.
      variables: of the classifiers, `[seeds, ...]`; None where they are another folder's.
      folder: where the classifier is, from the replicate's folder on, where that is a training of
        its own.
    """

    choice: Mapping[str, Any]
    facts: Mapping[str, Any]
    answer: Answer
    variables: Variables | None = None
    folder: str | None = None


class Look(NamedTuple):
    """What the one look at the sealed test gave.

    Attributes:
      labels: of its images, int32 `[n]`.
      predictions: int32 `[arms, seeds, n]`.
      calibration: of each arm that competes, `temperature`, and `before` and `after` it, of the
        seeds' mean probabilities: `error` (expected calibration error), and by bins of confidence
        `confidence`, `accuracy` (null where a bin is empty) and `counts`.
    """

    labels: np.ndarray
    predictions: np.ndarray
    calibration: dict[str, dict[str, Any]]


def leave_candidates(folder: Path, best: Variables) -> None:
    """Write all candidates' classifiers, `[candidates, seeds, ...]`, into a replicate's folder."""
    write_weights(folder / CANDIDATES, {"best": best}, {})


def read_candidates(folder: Path) -> Variables:
    """Read what `leave_candidates` wrote.

    Raises:
      UserError: it is damaged or gone.
    """
    try:
        return read_weights(folder / CANDIDATES)["best"]
    except UserError as error:
        raise UserError(
            f"{error}; delete {folder / 'trained.json'}, and the same command trains it again"
        ) from None


def drop_candidates(folder: Path) -> None:
    """Remove the classifiers of all candidates: the chosen ones are kept elsewhere."""
    shutil.rmtree(folder / CANDIDATES, ignore_errors=True)


def finalists(
    competition: Competition,
    candidates: Sequence[Candidate],
    best: Variables,
    entries: Mapping[str, Entry],
) -> dict[str, Finalist]:
    """Return the chosen classifiers of a competition, by arm.

    Args:
      competition: its functions.
      candidates: the ways to train.
      best: the variables of all candidates, `[candidates, seeds, ...]`.
      entries: what validation chose for each arm.
    """
    variables = {own.candidate: _of(best, own.candidate) for own in entries.values()}
    answers = {  # one for all arms that chose the same: it is asked once
        candidate: in_batches(partial(competition.logits, jax.device_put(own)), axis=1)
        for candidate, own in variables.items()
    }
    found = {}
    for arm, entry in entries.items():
        choice = {**candidates[entry.candidate]._asdict(), "update": entry.update}
        good = {"accuracy": entry.accuracy, "probability": entry.probability}
        answer, own = answers[entry.candidate], variables[entry.candidate]
        found[arm] = Finalist(choice, {**choice, **good}, answer, own)
    return found


def _of(best: Variables, candidate: int) -> Variables:
    return jax.tree.map(lambda leaf: np.asarray(leaf[candidate]), best)


def choose_temperatures(arms: Mapping[str, Finalist], validation: Dataset) -> dict[str, float]:
    """Choose each arm's temperature on the validation part."""
    found = {
        answer: choose_temperature(answer, validation.images, validation.labels)
        for answer in {own.answer for own in arms.values()}
    }
    return {arm: found[own.answer] for arm, own in arms.items()}


def keep(
    folder: Path,
    described: Described,
    arms: Mapping[str, Finalist],
    temperatures: Mapping[str, float],
) -> None:
    """Write the classifiers of all arms into a replicate's folder; not those only measured by."""
    kept = {
        arm: Kept(own.variables, temperatures[arm], own.facts, own.folder)
        for arm, own in arms.items()
        if not only_measured(arm)
    }
    leave_classifiers(folder, described, kept)


def look(
    arms: Mapping[str, Finalist],
    temperatures: Mapping[str, float],
    sealed: SealedTest,
    replicate: int,
) -> Look:
    """Open the sealed test for the chosen classifiers and their rivals, and for nothing else.

    Args:
      arms: who is judged; all with as many seeds, or with one, which then counts for all.
      temperatures: theirs, chosen already.
      sealed: the test.
      replicate: which one's look it is.

    Raises:
      SealedTestError: it was opened for this replicate before.
    """

    answers = list(dict.fromkeys(own.answer for own in arms.values()))  # each is asked once

    def logits(images: np.ndarray) -> np.ndarray:
        """Return float32 `[answers, seeds, classes, n]`."""
        seen = [answer(images) for answer in answers]
        seeds = max(map(len, seen))
        alike = [np.broadcast_to(own, (seeds, *own.shape[1:])) for own in seen]
        return np.moveaxis(np.stack(alike), -1, 2)

    found = sealed.judge(replicate, {arm: own.choice for arm, own in arms.items()}, logits)
    row = {arm: answers.index(own.answer) for arm, own in arms.items()}
    predictions = found.predictions.argmax(axis=2).astype(np.int32)
    return Look(
        found.labels,
        predictions[list(row.values())],
        {
            arm: _calibration(
                np.moveaxis(found.predictions[i], 1, 2), found.labels, temperatures[arm]
            )
            for arm, i in row.items()
            if not only_measured(arm)
        },
    )


def _calibration(logits: np.ndarray, labels: np.ndarray, temperature: float) -> dict[str, Any]:
    """Say how far confidence is from accuracy: of logits `[seeds, n, classes]`."""
    together = pooled(logits)
    found: dict[str, Any] = {"temperature": temperature}
    for name, divisor in (("before", 1.0), ("after", temperature)):
        bins = reliability(np.asarray(jax.nn.softmax(together / jnp.float32(divisor))), labels)
        found[name] = {
            "error": bins.error,
            "confidence": [None if np.isnan(x) else x for x in bins.confidence.tolist()],
            "accuracy": [None if np.isnan(x) else x for x in bins.accuracy.tolist()],
            "counts": bins.counts.tolist(),
        }
    return found
