"""What a result was computed with: versions, devices, memory, and what is missing for what."""

import os
import platform
import resource
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Any

PACKAGES = (
    "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "tensorflow-datasets", "numpy", "scipy",
    "scikit-learn", "pillow",
)  # fmt: skip

OPTIONAL = {
    "tensorflow": "preparing TFDS sets from their archives: pip install 'ganjax[tf]'",
    "array_record": "reading prepared TFDS sets: pip install array-record",
    "sklearn": "the source 'digits': pip install scikit-learn",
}


def describe() -> dict[str, Any]:
    """Return versions and devices as plain JSON values; the first call starts JAX's backend."""
    import jax

    devices = jax.devices()
    return {
        "ganjax": metadata.version("ganjax"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": _memory_gb(),
        "backend": jax.default_backend(),
        "device": devices[0].device_kind,
        "devices": len(devices),
        "packages": {name: version(name) for name in PACKAGES},
    }


def version(package: str) -> str | None:
    """Return an installed package's version, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def missing() -> dict[str, str]:
    """Name the optional packages that are not installed, each with what it is for."""
    return {name: use for name, use in OPTIONAL.items() if util.find_spec(name) is None}


_PROCESS = Path("/proc/self/status")


def peak_memory_gb(*, of_children: bool = False) -> float:
    """Return the most memory this process, or the largest of its children, has held, in GB."""
    if not of_children and _PROCESS.exists():
        # The other way gives a process at least what its parent held when it began
        held = next(line for line in _PROCESS.read_text().splitlines() if "VmHWM" in line)
        return int(held.split()[1]) * 1024 / 1e9
    who = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    peak = resource.getrusage(who).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cache_folder() -> Path:
    """Return where decoded images and compiled programs are kept: `GANJAX_CACHE` or the user's."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ganjax"
    return Path(os.environ.get("GANJAX_CACHE", default))


def use_compilation_cache() -> None:
    """Keep compiled programs on disk, so that the second run need not compile them again."""
    import jax

    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def be_deterministic() -> None:
    """Let a GPU add in the same order every time; to be called before JAX's backend starts.

    On a CPU a run is the same every time anyway.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true".strip()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
