"""Classifiers in folders: left there by a study or a training, and found there again.

STUDY/replicates/N/classifiers/   those that validation chose, of every arm: the weights of all
                                  seeds, and in `weights.json` what is needed to use them
RUN/calibration.json              the temperature of a GAN's own classifier (`ganjax train
                                  --objective auxiliary`, ...), whose weights are the GAN's
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ganjax import recipe
from ganjax.config import JOINT, ClassifierConfig
from ganjax.data.atomic import write_json_atomically
from ganjax.data.dataset import Dataset
from ganjax.errors import UserError, quoted
from ganjax.synthesis.classifying import (
    Answer,
    Calibrated,
    choose_temperature,
    logits_of_seeds,
)
from ganjax.synthesis.trained import load
from ganjax.synthesis.trained_on import run_of
from ganjax.synthesis.weights import WORDS, read_weights, write_weights
from ganjax.training import Joint, JointState
from ganjax.typing import Array, Variables

FOLDER = "classifiers"
CALIBRATION = "calibration.json"
SCHEMA = 1

OBJECTIVES = f"{', '.join(JOINT[:-1])} or {JOINT[-1]}"

Say = Callable[[str], None]


class NoClassifierError(UserError):
    """A folder holds a run, but no classifier."""


@dataclass(frozen=True)
class Described:
    """What a study's classifiers have in common, and is needed to use them.

    Attributes:
      config: how they were trained.
      size: side of their images in pixels.
      channels: 1 or 3.
      class_names: what their answers mean.
      source: where their training images came from.
      unpadded: height and width of those before they were padded; None where that is not known.
    """

    config: ClassifierConfig
    size: int
    channels: int
    class_names: tuple[str, ...]
    source: str
    unpadded: tuple[int, int] | None = None


class Kept(NamedTuple):
    """The classifiers of an arm that validation chose.

    Attributes:
      variables: those of all seeds, `[seeds, ...]`; None where they are another folder's.
      temperature: chosen on validation.
      facts: what validation chose, and how good it was there, as JSON values; of these
        `probability` is read, by which arms are compared while there is no verdict.
      folder: where the classifier is, from the replicate's folder on, where that is a training of
        its own.
    """

    variables: Variables | None
    temperature: float
    facts: Mapping[str, Any]
    folder: str | None = None


def leave_classifiers(folder: Path, described: Described, arms: Mapping[str, Kept]) -> None:
    """Write FOLDER/classifiers: what `load_classifier` reads.

    Args:
      folder: of a replicate.
      described: what its classifiers have in common.
      arms: what validation chose for each.
    """
    config = replace(described.config, precision=recipe.precision(described.config.precision))
    facts = {
        "schema": SCHEMA,
        **asdict(described),
        "config": asdict(config),
        "arms": {
            arm: {**own.facts, "temperature": own.temperature, "folder": own.folder}
            for arm, own in arms.items()
        },
    }
    trees = {arm: own.variables for arm, own in arms.items() if own.variables is not None}
    write_weights(folder / FOLDER, trees, facts)


def leave_calibration(folder: Path, answer: Answer, held_out: Dataset | None) -> float:
    """Choose the temperature of a GAN's own classifier, and write FOLDER/calibration.json.

    Args:
      folder: of the training.
      answer: its classifier.
      held_out: labelled images that it was not trained on; None where there are none: then 1.

    Returns:
      The temperature.
    """
    found, images = 1.0, 0
    if held_out is not None and len(held_out):
        found, images = choose_temperature(answer, held_out.images, held_out.labels), len(held_out)
    write_json_atomically(folder / CALIBRATION, {"temperature": found, "images": images})
    return found


def load_classifier(
    run: Path | str,
    *,
    arm: str | None = None,
    replicate: int | None = None,
    say: Say = lambda line: None,
) -> Calibrated:
    """Load a classifier from a study, one of its replicates, or a training with an objective.

    Args:
      run: the --out of a `ganjax study` or `ganjax train`, or STUDY/replicates/N.
      arm: of a study: whose classifier. By default that of the verdict: the best arm with generated
        images where they help, else the best without; before there is a verdict, the arm with the
        greatest probability of the right class on validation.
      replicate: of a study: from which draw, from 0; 0 by default.
      say: told in a line what else a person should know.

    Raises:
      NoClassifierError: the run has none.
      UserError: there is no such run, arm or replicate, or its files are damaged.
    """
    run = Path(run).expanduser()
    if not run.is_dir():
        raise UserError(
            f"{quoted(run)} is no folder: give the --out of a 'ganjax study' or 'ganjax train'"
        )
    if (run / "replicates").is_dir():
        return _of_replicate(_replicate(run, replicate), arm, say)
    if replicate is not None:
        raise UserError(f"--replicate is for studies, and {quoted(run)} is none: leave it out")
    if run.resolve().parent.name == "replicates":
        return _of_replicate(run, arm, say)
    if arm is not None:
        raise UserError(f"--arm is for studies, and {quoted(run)} is none: leave it out")
    if not (run / "generator.json").exists():
        raise UserError(
            f"{quoted(run)} is no ganjax run: give the --out of a 'ganjax study' or 'ganjax train'"
        )
    return _of_training(run, say)


def _replicate(study: Path, number: int | None) -> Path:
    """Return the folder of a study's replicate."""
    there = sorted(
        int(path.name) for path in (study / "replicates").iterdir() if path.name.isdecimal()
    )
    wanted = number or 0
    if wanted not in there:
        raise UserError(
            f"--replicate {wanted}: {quoted(study)} has "
            + (f"{there[0]} to {there[-1]}" if there else "no replicate yet; run its command again")
        )
    return study / "replicates" / str(wanted)


def _of_replicate(folder: Path, arm: str | None, say: Say) -> Calibrated:
    kept = folder / FOLDER
    if not (kept / WORDS).exists():
        raise NoClassifierError(f"{quoted(folder)} has no classifiers: {_why_none(folder)}")
    weights = read_weights(kept)
    try:
        facts = json.loads((kept / WORDS).read_text())["facts"]
        if facts["schema"] != SCHEMA:
            raise UserError(f"{quoted(kept)} has schema {facts['schema']}, not {SCHEMA}")
        described, arms = _described(facts), facts["arms"]
        wanted, why = (arm, "as asked") if arm is not None else _best_arm(folder, arms)
        if wanted not in arms:
            raise UserError(f"--arm {quoted(wanted)}: give {', '.join(map(quoted, arms))}")
        temperature, elsewhere = float(arms[wanted]["temperature"]), arms[wanted]["folder"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{quoted(kept / WORDS)} cannot be read: {quoted(error)}") from None
    name = f"arm {quoted(wanted)} of replicate {folder.resolve().name} ({why})"
    if elsewhere is not None:
        own = _of_training(folder / elsewhere, say, temperature)
        return replace(own, name=name, unpadded=described.unpadded)
    return Calibrated(
        name=name,
        class_names=described.class_names,
        size=described.size,
        channels=described.channels,
        source=described.source,
        temperature=temperature,
        answer=_answer(described, weights[wanted]),
        unpadded=described.unpadded,
    )


def _why_none(folder: Path) -> str:
    if (folder / "record.json").exists():
        return "its study is of an earlier version, which kept none: run it again with a new --out"
    return (
        "its study has not chosen any yet, which it does when all replicates are trained: run its "
        "command again"
    )


def _described(facts: Mapping[str, Any]) -> Described:
    return Described(
        config=ClassifierConfig(**facts["config"]),
        size=facts["size"],
        channels=facts["channels"],
        class_names=tuple(facts["class_names"]),
        source=facts["source"],
        unpadded=facts["unpadded"] and tuple(facts["unpadded"]),
    )


def _answer(described: Described, variables: Variables) -> Callable[[Array], Array]:
    """Return the pure function of a study's classifiers: images to logits `[seeds, n, classes]`."""
    classifier = recipe.classifier(
        described.config,
        size=described.size,
        channels=described.channels,
        classes=len(described.class_names),
    )
    return partial(logits_of_seeds, classifier, jax.tree.map(jnp.asarray, variables))


def _best_arm(folder: Path, arms: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """Return the arm to use, and why: by the study's verdict, or by validation where none is."""
    results = run_of(folder) / "results.json"
    if results.exists():
        found = json.loads(results.read_text())
        decisive = next(row for row in found["comparisons"] if row["decisive"])
        if found["verdict"]["helps"]:
            return decisive["arm"], "generated images help"
        return decisive["baseline"], "generated images were not found to help"
    best = max(arms, key=lambda arm: arms[arm]["probability"])
    return best, "the best on validation; its study has no verdict yet"


def _of_training(folder: Path, say: Say, temperature: float | None = None) -> Calibrated:
    """Return the classifier of a training that has one; by default with its own temperature."""
    trained = load(folder, say=say)
    functions = trained.description.build()
    if not isinstance(functions, Joint):
        raise NoClassifierError(
            f"{quoted(folder)} is a GAN alone and has no classifier: train with --objective "
            f"{OBJECTIVES}, or give a study"
        )
    description, state = trained.description, trained.state
    assert isinstance(state, JointState)

    def answer(images: Array) -> Array:
        return functions.classify(state, images).astype(jnp.float32)[None]

    return Calibrated(
        name=f"the classifier of {quoted(folder)}",
        class_names=description.class_names,
        size=description.size,
        channels=description.channels,
        source=description.source,
        temperature=_temperature(folder, say) if temperature is None else temperature,
        answer=answer,
        unpadded=_asked_size(folder),
    )


def _asked_size(folder: Path) -> tuple[int, int] | None:
    """Return the size that a training's images were brought to, where it was asked for."""
    try:
        asked = json.loads((run_of(folder) / "config.json").read_text())["reading"]["size"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (asked, asked) if asked else None


def _temperature(folder: Path, say: Say) -> float:
    try:
        return float(json.loads((folder / CALIBRATION).read_text())["temperature"])
    except FileNotFoundError:
        say(f"{quoted(folder)} has no {CALIBRATION}: its probabilities are not calibrated")
        return 1.0
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{quoted(folder / CALIBRATION)} cannot be read: {error}") from None
