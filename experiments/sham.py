"""Does a study ever say "helps" of images that cannot help? Real studies of digits, with a sham.

    python -m experiments.sham --studies 20

Half of the studies take training images once more for generated ones, half take noise, each with
another seed, so another test part, other draws, other initial weights; everything else is the
preset "quick" (three replicates, one classifier per candidate) or what --preset says. Written to
experiments/results/sham.json as they come; --out keeps the studies, and goes on where they stopped.
A study without any effect says "helps" by chance in at most 2.5 % of cases, if its interval is
right. What each would have said had noise not to be beaten too (`ganjax.study.control`) stands
beside it.
"""

import argparse
from pathlib import Path
from typing import Any

from experiments.tables import RESULTS
from ganjax import environment
from ganjax.config import study_preset
from ganjax.data.atomic import write_json_atomically
from ganjax.study import study
from ganjax.study.arms import CONTROL
from ganjax.terminal import Terminal

KINDS = ("copies", "noise")


def main() -> None:
    """Run the studies and write down what each said."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--preset", default="quick", choices=("quick", "standard", "thorough"))
    parser.add_argument("--per-class", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("runs/sham"))
    args = parser.parse_args()
    environment.use_compilation_cache()
    rows: list[dict[str, Any]] = []
    for number in range(args.studies):
        kind = KINDS[number % len(KINDS)]
        config = study_preset(
            args.preset, "digits", sham=kind, seed=number, per_class=args.per_class
        )
        found = study(config, args.out / f"{number}-{kind}", progress=Terminal())
        decisive = found["comparisons"][0]
        lows = [own["low"] for own in decisive["rivals"] if own["baseline"] != CONTROL]
        rows.append(
            {
                "sham": kind,
                "seed": number,
                "helps": found["verdict"]["helps"],
                "helps_without_control": min(lows) > 0,
                **{name: round(decisive[name], 4) for name in ("difference", "low", "high")},
            }
        )
        print(rows[-1], flush=True)
        record = {
            "command": f"python -m experiments.sham --studies {args.studies} "
            f"--preset {args.preset} --per-class {args.per_class}",
            "preset": args.preset,
            "per_class": args.per_class,
            "studies": rows,
            "said_helps": sum(row["helps"] is True for row in rows),
            "said_not": sum(row["helps"] is False for row in rows),
            "cannot_tell": sum(row["helps"] is None for row in rows),
            "environment": environment.describe(),
        }
        write_json_atomically(RESULTS / "sham.json", record)
    print({name: record[name] for name in ("said_helps", "said_not", "cannot_tell")})


if __name__ == "__main__":
    main()
