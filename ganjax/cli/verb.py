"""What the verbs share: the configuration inside them, and where they print."""

import dataclasses
from collections.abc import Callable
from typing import Any

from rich.console import Console


def only(kind: Callable, verb: Any) -> Any:
    """Return the configuration of a kind that is inside a verb."""
    return kind(**{f.name: getattr(verb, f.name) for f in dataclasses.fields(kind)})  # type: ignore[arg-type]


def console() -> Console:
    """Return where a verb's result is printed."""
    return Console(highlight=False)
