"""What a configuration's values are checked with when it is made."""

from typing import Any

from ganjax.errors import UserError

LARGEST_SEED = 2**32 - 1


def one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """Raise `UserError` unless a value is one of those allowed."""
    if value not in allowed:
        raise UserError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


def at_least(config: Any, least: float, *names: str) -> None:
    """Raise `UserError` where one of a configuration's values is below `least`."""
    for name in names:
        if not getattr(config, name) >= least:  # nor where it is no number
            raise UserError(f"{name} must be at least {least}, not {getattr(config, name)}")


def check_seed(seed: int) -> None:
    """Refuse seeds that JAX's keys would not tell apart."""
    if not 0 <= seed <= LARGEST_SEED:
        bound = "at least 0" if seed < 0 else f"at most {LARGEST_SEED}"
        raise UserError(f"seed must be {bound}, not {seed}")


def positive(config: Any, *names: str) -> None:
    """Raise `UserError` where one of a configuration's values is not above 0."""
    for name in names:
        if not getattr(config, name) > 0:
            raise UserError(f"{name} must be above 0, not {getattr(config, name)}")
