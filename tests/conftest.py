"""Every test runs on eight fake CPU devices, with strict rank promotion."""

import gc
import os
from pathlib import Path

# Tests compile much and compute little: the graph is optimised as ever, its machine code is not
os.environ["XLA_FLAGS"] = " ".join([
    os.environ.get("XLA_FLAGS", ""),
    "--xla_force_host_platform_device_count=8",
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
])  # fmt: skip
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="module", autouse=True)
def programs_are_kept_by_who_asks_for_it():
    """What the command line sets for JAX, the cache of compiled programs, ends with the module.

    Writing programs there has crashed a worker in the middle of thousands of tests.
    """
    yield
    if jax.config.jax_compilation_cache_dir is not None:
        jax.config.update("jax_compilation_cache_dir", None)
        compilation_cache.reset_cache()


@pytest.fixture(scope="module", autouse=True)
def programs_do_not_pile_up():
    """Forget compiled programs where a process holds very many: it may map only so much memory."""
    yield
    if _mappings() > MOST_MAPPINGS:
        jax.clear_caches()
        gc.collect()


MOST_MAPPINGS = 12_000
"""Mappings of memory, about seven to a compiled program. Linux allows a process 65,530, and a
worker that held half of them, and gigabytes of programs, has crashed while it compiled another."""


def _mappings() -> int:
    """Count this process's mappings of memory, on Linux; elsewhere 0."""
    try:
        return len(Path("/proc/self/maps").read_bytes().splitlines())
    except OSError:
        return 0


LONGEST = ("test_survive.py", "test_distributed.py", "test_study_run.py", "test_resume.py")


def pytest_collection_modifyitems(items):
    """Begin with what takes longest, so that no worker is left with it at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
