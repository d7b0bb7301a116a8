"""`ganjax doctor`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from tyro.conf import Positional

from ganjax.cli.verb import console


@dataclass(frozen=True, kw_only=True)
class Doctor:
    """Tell versions, devices and memory, and what is missing for what; or examine a run.

    Of a run it says what is whole, whether somebody works in it, and how to go on; nothing is
    changed. Exit code 1 if anything is damaged.

    Examples:
      ganjax doctor
      ganjax doctor runs/gan
    """

    run_folder: Positional[Path | None] = None
    """The --out of a train or study."""

    def run(self, command: str) -> None:
        """Do it."""
        if self.run_folder is not None:
            _print_examination(self.run_folder)
            return
        from ganjax import environment

        table = Table.grid(padding=(0, 2))
        facts = environment.describe()
        packages = facts.pop("packages")
        for name, value in {**facts, **packages, "cache": environment.cache_folder()}.items():
            table.add_row(name, "missing" if value is None else str(value))
        console().print(table)
        for name, use in environment.missing().items():
            print(f"without {name}: no {use}")


def _print_examination(run: Path) -> None:
    from ganjax.study.examine import examine

    found = examine(run)
    table = Table.grid(padding=(0, 2))
    for finding in found.findings:
        table.add_row(finding.what, finding.wrong or "whole")
    screen = console()
    screen.print(table)
    screen.print(f"{run}: a {found.kind}, {found.state}; {found.advice}", markup=False)
    if found.damaged:
        screen.print(f"{len(found.damaged)} of {len(found.findings)} damaged", markup=False)
        sys.exit(1)
