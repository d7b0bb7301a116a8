"""The report: from the results of a study to one self-contained page that anyone can read."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganjax.report.report import build, write

__all__ = ["build", "write"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ganjax.report' has no attribute {name!r}")
    from ganjax.report import report  # loads jinja2

    return getattr(report, name)


def __dir__() -> list[str]:
    return sorted(__all__)
