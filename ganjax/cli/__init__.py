"""The command line: one verb per subcommand; it parses, calls and prints, and decides nothing."""

import inspect
import shlex
import sys
from typing import Any, get_args

import tyro
from tyro.conf import FlagCreatePairsOff

from ganjax import interruption
from ganjax.cli import restore
from ganjax.cli.classify import Classify
from ganjax.cli.data import Data
from ganjax.cli.doctor import Doctor
from ganjax.cli.evaluate import Evaluate
from ganjax.cli.study import Study
from ganjax.cli.synthesize import Synthesize
from ganjax.cli.train import Train
from ganjax.config import Preset, study_preset
from ganjax.errors import SealedTestError, UserError
from ganjax.interruption import Interrupted

USAGE = """usage: ganjax VERB ...

Would generated images help your classifier?

  ganjax study SOURCE --out DIR        the answer: real, + classical, + generated, + both
  ganjax data SOURCE                   what is in a set: counts, sizes, duplicates, broken files
  ganjax train SOURCE --out RUN        train a GAN alone
  ganjax synthesize RUN --out DIR      write labelled images from a trained GAN
  ganjax classify RUN SOURCE           classes and probabilities of images, by a run's classifier
  ganjax evaluate A B                  how good A's images are, by B's: sources or runs
  ganjax restore train|apply|evaluate  degraded images made better, by adversarial training
  ganjax doctor [RUN]                  versions, devices, what is missing; or what of RUN is whole

SOURCE is digits, folder:PATH (one folder per class), zip:PATH, npz:PATH or tfds:NAME (--data-dir).
Begin with:  ganjax study digits --out runs/digits
Help on a verb:  ganjax study --help
"""

VERBS: dict[str, type] = {
    "data": Data, "study": Study, "train": Train, "synthesize": Synthesize, "classify": Classify,
    "evaluate": Evaluate, "doctor": Doctor,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; what the user can mend is printed as one line, with exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE)
        sys.exit(0 if arguments else 2)
    if arguments[0] == "--version":
        import ganjax

        print(ganjax.__version__)
        sys.exit(0)
    try:
        with interruption.honour_signals():
            _run(arguments)
    except (UserError, SealedTestError) as error:
        print(f"ganjax: error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"ganjax: error: {error}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as stop:
        again = shlex.join(["ganjax", *arguments])
        print(f"ganjax: stopped by {stop.signal}; to go on: {again}", file=sys.stderr)
        sys.exit(interruption.EXIT_CODE)


def _run(arguments: list[str]) -> None:
    verb, rest = arguments[0], arguments[1:]
    kind = VERBS.get(verb)
    if verb == "restore":
        below, rest = rest[:1], rest[1:]
        if below in ([], ["-h"], ["--help"], ["help"]):
            print(restore.USAGE)
            sys.exit(0 if below else 2)
        verb, kind = f"restore {below[0]}", restore.VERBS.get(below[0])
    if kind is None:
        there = restore.VERBS if verb.startswith("restore ") else [*VERBS, "restore"]
        raise UserError(f"unknown verb {verb!r}: give {', '.join(there)}")
    wanted = tyro.cli(
        kind,
        args=rest,
        prog=f"ganjax {verb}",
        description=inspect.getdoc(kind),  # tyro's own reading leaves the examples out
        config=(FlagCreatePairsOff,),
        **_defaults(verb, rest),
    )
    from ganjax import environment

    environment.use_compilation_cache()
    if getattr(wanted, "deterministic", False):
        environment.be_deterministic()
    wanted.run(shlex.join(["ganjax", *arguments]))


def _defaults(verb: str, rest: list[str]) -> dict[str, Any]:
    """Return the defaults of `study` under the preset that the arguments name."""
    if verb != "study":
        return {}
    preset = "standard"
    for i, word in enumerate(rest):
        if word == "--preset" and i + 1 < len(rest):
            preset = rest[i + 1]
        elif word.startswith("--preset="):
            preset = word.partition("=")[2]
    if preset not in get_args(Preset):
        raise UserError(f"--preset must be one of {', '.join(get_args(Preset))}, not {preset!r}")
    values = dict(vars(study_preset(preset, source="")))  # type: ignore[arg-type]
    values |= {"source": tyro.MISSING, "out": tyro.MISSING}
    return {"default": Study(**values)}
