"""What is whole in a run's folder, after whatever happened to it, and how to go on."""

import json
import shlex
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganjax.config import COMMAND, LOCK
from ganjax.data import lock
from ganjax.errors import UserError
from ganjax.synthesis.weights import ARRAYS, read_weights
from ganjax.training.checkpoint import Checkpoints


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
      what: the file or checkpoint, by its path within the folder.
      wrong: what is wrong with it; empty where it is whole.
    """

    what: str
    wrong: str = ""


@dataclass(frozen=True)
class Examination:
    """What was found in a folder.

    Attributes:
      kind: "study", "train" or "restore train".
      state: "finished", "stopped", or "running" with who runs it.
      findings: everything that was looked at.
      advice: what to type.
    """

    kind: str
    state: str
    findings: tuple[Finding, ...]
    advice: str

    @property
    def damaged(self) -> tuple[Finding, ...]:
        """What is not whole."""
        return tuple(finding for finding in self.findings if finding.wrong)


def examine(run: Path) -> Examination:
    """Verify everything in a run's folder, and leave it as it is.

    Args:
      run: the --out of a `ganjax train`, `ganjax restore train` or `ganjax study`.

    Raises:
      UserError: it is no run's folder.
    """
    run = Path(run)
    config = run / "config.json"
    owner = lock.owner(run)
    if not config.exists() and owner is None and not (run / LOCK).exists():
        raise UserError(f"{run} is no ganjax run: give the --out of a 'ganjax train' or 'study'")
    kind, results = _kind(config)
    findings = tuple(_findings(run))
    if owner is not None:
        state, advice = f"running ({owner})", "wait, or stop it with Ctrl-C: its state is saved"
    elif all((run / result).exists() for result in results):
        state, advice = "finished", "nothing is left to do"
    else:
        state, advice = "stopped", f"to go on: {_command(run, kind)}"
    return Examination(kind, state, findings, advice)


def _kind(config: Path) -> tuple[str, list[str]]:
    """Return what kind of run it is, and the files that it has when it is finished."""
    try:
        found = json.loads(config.read_text())
    except (OSError, ValueError):
        found = {}
    if "replicates" in found:
        return "study", ["results.json"]
    if "adversarial_weights" in found:
        weights = found["adversarial_weights"]
        return "restore train", [f"{_restorer(weight)}/history.json" for weight in weights]
    return "train", ["overview.png"]


def _command(run: Path, kind: str) -> str:
    try:
        return (run / COMMAND).read_text().strip()
    except OSError:
        return f"ganjax {kind} SOURCE --out {shlex.quote(str(run))}, with the flags it was given"


def _findings(run: Path) -> Iterator[Finding]:
    for folder in sorted({*run.rglob("checkpoints"), *run.glob("training/*/*")}):
        yield from _checkpoints(run, folder)
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run)
        if path.is_file() and not {"checkpoints", "training"} & set(name.parts):
            wrong = _wrong(path)
            if wrong is not None:
                yield Finding(name.as_posix(), wrong)


def _checkpoints(run: Path, folder: Path) -> Iterator[Finding]:
    store = Checkpoints(folder)
    for step, wrong in store.survey().items():
        what = f"{folder.relative_to(run).as_posix()}/{step}"
        yield Finding(what, "; ".join(wrong[:3]))
    store.close()


def _wrong(path: Path) -> str | None:
    """Say what is wrong with a file, "" where nothing is; None for one that is not looked into."""
    try:
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                for name in arrays:
                    arrays[name]
        elif path.name == ARRAYS:
            read_weights(path.parent)
        elif path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
        else:
            return None
    except (OSError, ValueError, UserError, zipfile.BadZipFile) as error:
        return str(error).splitlines()[0] or type(error).__name__
    return ""


def _restorer(weight: float) -> str:
    """Name the folder of a weight's restorer, as `ganjax.restoration.trained.folder_of` does."""
    return f"weight-{float(weight)!r}".removesuffix(".0")
