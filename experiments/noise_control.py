"""What noise scores in the place of generated images, in studies that were made without a control.

    python -m experiments.noise_control runs/fashion-10 runs/fashion-50 runs/fashion-tail

A study now trains this control itself (`ganjax.study.control`) and has to beat it. For finished
ones of the version before, it is added here: the same draws, initial weights, batches, transforms
and updates of the very way to train that validation chose then, with noise for images; and its
answers on the test images, beside those that the study recorded. Nothing is chosen, but the
verdicts were known by then, so this only describes. Written to
experiments/results/noise_control.json.
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.config import (
    ClassifierConfig,
    GANConfig,
    JointConfig,
    Reading,
    StudyConfig,
    Upkeep,
)
from ganjax.data.atomic import write_json_atomically
from ganjax.metrics import crossed_interval
from ganjax.study.arms import WITH, WITHOUT
from ganjax.study.control import drop_control, has_control, read_control, train_controls
from ganjax.study.minority import fewest
from ganjax.study.prepare import prepare
from ganjax.study.record import Record
from ganjax.study.replicate import Contest, Replicate
from ganjax.study.run import assemble
from ganjax.terminal import Terminal

FILE = RESULTS / "noise_control.json"


def main() -> None:
    """Add a control to each study, and write down what it scored."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, help="the --out of finished studies")
    args = parser.parse_args()
    environment.use_compilation_cache()
    found = json.loads(FILE.read_text()) if FILE.exists() else {"studies": {}}
    for run in args.runs:
        found["studies"][run.name] = compared(run)
        names = " ".join(f"runs/{name}" for name in found["studies"])
        found["command"] = f"python -m experiments.noise_control {names}"
        print(run.name, found["studies"][run.name], flush=True)
        found["environment"] = environment.describe()
        write_json_atomically(FILE, found)


def compared(run: Path) -> dict[str, Any]:
    """Train a finished study's controls, and compare its arms with them."""
    config = config_of(json.loads((run / "config.json").read_text()))
    progress = Terminal()
    prepared = prepare(config, None, None, True, progress)  # its ledger is not asked: it is over
    contest = assemble(config, prepared)
    noise: list[np.ndarray] = []
    arms: dict[str, list[np.ndarray]] = {WITH: [], WITHOUT: []}
    labels = np.zeros(0, np.int32)
    for number, draw in enumerate(prepared.draws):
        replicate = Replicate(number, draw, run / "replicates" / str(number))
        record = Record.load(replicate.folder)
        assert record is not None
        chosen = record.entries[WITH].candidate
        if not has_control(replicate, chosen):
            shared = run / "training"
            train_controls(contest, chosen, [replicate], shared, Upkeep(), progress)
        seen = prepared.sealed.judge(number, {}, partial(_answers, contest, replicate))
        noise.append((seen.predictions == seen.labels).mean(axis=0))
        labels = seen.labels
        for arm, rows in arms.items():
            answers = record.predictions[record.arms.index(arm)]
            rows.append((answers == record.labels).mean(axis=0))
    for number in range(len(noise)):
        drop_control(run / "replicates" / str(number))
    few = np.isin(labels, fewest(prepared.draws[0].fit.counts().tolist()))
    gained = np.array(arms[WITH]) - np.array(noise)
    on_few = _in_numbers(gained[:, few], labels[few]) if config.imbalance > 1 else None
    return {
        "replicates": len(noise),
        "noise": round(float(np.mean(noise)), 5),
        "generated_minus_noise": _in_numbers(gained),
        "noise_minus_best_without": _in_numbers(np.array(noise) - np.array(arms[WITHOUT])),
        **({"minority": on_few} if on_few else {}),
    }


def _answers(contest: Contest, replicate: Replicate, images: np.ndarray) -> np.ndarray:
    """Return what the control takes test images for, `[seeds, n]`."""
    return np.asarray(read_control(contest, replicate).finalist.answer(images)).argmax(axis=-1)


def _in_numbers(values: np.ndarray, labels: np.ndarray | None = None) -> dict[str, float]:
    own = crossed_interval(values, labels=labels)
    return {
        name: round(value, 5)
        for name, value in (("difference", own.estimate), ("low", own.low), ("high", own.high))
    }


def config_of(stored: dict[str, Any]) -> StudyConfig:
    """Return the configuration that an earlier version stored; what it did not know is as now."""
    kinds: dict[str, Any] = {
        "gan": GANConfig, "classifier": ClassifierConfig, "joint": JointConfig, "reading": Reading,
    }  # fmt: skip
    return StudyConfig(**stored | {name: kind(**stored[name]) for name, kind in kinds.items()})


if __name__ == "__main__":
    main()
