"""A configuration in its run's folder: written as JSON, compared, and a folder claimed by it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from ganjax.errors import UserError

LOCK = ".lock"
"""File of a run's folder that `ganjax.data.lock` holds; it alone makes no run."""

COMMAND = "command.txt"
"""File that a run leaves at its start: the command line that goes on with it."""


def to_json(config: Any) -> dict[str, Any]:
    """Return a configuration as plain JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def unknown(one: dict[str, Any], other: dict[str, Any], prefix: str = "") -> list[str]:
    """Name what a configuration does not have that another has, and not as None."""
    found: list[str] = []
    for name, value in other.items():
        if name not in one and value is not None:
            found.append(f"{prefix}{name}")
        elif isinstance(one.get(name), dict) and isinstance(value, dict):
            found += unknown(one[name], value, f"{prefix}{name}.")
    return found


def differences(one: dict[str, Any], other: dict[str, Any], prefix: str = "") -> list[str]:
    """Name what differs between two configurations, as `gan.width: 32, not 64`."""
    found: list[str] = []
    for name in {**one, **other}:
        a, b = one.get(name), other.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found += differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found.append(f"{prefix}{name}: {a}, not {b}")
    return found


def claim_folder(out: Path, config: Any) -> dict[str, Any] | None:
    """Return None where a folder is free for a run, and the configuration where it is this run's.

    Raises:
      UserError: it holds a run of another configuration or of an earlier version, or files that
        are no run of ganjax.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; give a folder")
    if not out.exists() or not any(file.name != LOCK for file in out.iterdir()):
        return None
    stored = out / "config.json"
    if not stored.exists():
        raise UserError(f"--out {out} holds files that are no ganjax run; give a new folder")
    try:
        found = json.loads(stored.read_text())
    except ValueError:
        raise UserError(f"{stored} is no JSON; give a new folder with --out") from None
    if not isinstance(found, dict):
        raise UserError(f"{stored} is no ganjax run's; give a new folder with --out")
    wanted = to_json(config)
    changes = differences(found, wanted)
    lacking = unknown(found, wanted)
    # A run of another command lacks something too, but has what this one does not know
    if changes and lacking and not unknown(wanted, found):
        raise UserError(
            f"--out {out} holds a run of an earlier version, which had no "
            f"{', '.join(lacking[:3])}: give a new folder"
        )
    if changes:
        raise UserError(
            f"--out {out} holds another run ({'; '.join(changes[:3])}"
            f"{'; ...' if len(changes) > 3 else ''}); give a new folder or the same configuration"
        )
    return found
