"""What a result was computed with can be written down, and the cache is where it was asked for."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import ganjax
from ganjax import environment


def test_description_is_plain_json():
    found = environment.describe()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_description_names_versions_and_devices():
    found = environment.describe()
    assert found["ganjax"] == ganjax.__version__
    assert found["python"] == platform.python_version()
    assert found["backend"] == jax.default_backend()
    assert found["devices"] == len(jax.devices()) == 8
    assert found["cores"] >= 1
    assert found["processor"]
    assert found["packages"]["jax"] == jax.__version__
    assert set(found["packages"]) == set(environment.PACKAGES)


def test_version_of_a_package_that_is_not_installed_is_none():
    assert environment.version("no-such-package-of-anyone") is None


def test_missing_packages_are_named_with_what_they_are_for(monkeypatch):
    monkeypatch.setattr(
        environment, "OPTIONAL", {"json": "never shown", "no_such_module": "flying: pip install x"}
    )
    assert environment.missing() == {"no_such_module": "flying: pip install x"}


def test_peak_memory_is_in_gigabytes():
    assert 0.02 < environment.peak_memory_gb() < 1000


def test_the_peak_is_not_that_of_the_parent():
    held = np.ones(10**8)  # 0.8 GB
    program = "from ganjax import environment; print(environment.peak_memory_gb())"
    peak = float(subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE).stdout)
    assert 0.005 < peak < 0.5 < held.nbytes / 1e9


def test_cache_folder_follows_the_variable_made_for_it(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path / "own"))
    assert environment.cache_folder() == tmp_path / "own"


def test_cache_folder_is_in_the_users_cache_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("GANJAX_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert environment.cache_folder() == tmp_path / "xdg" / "ganjax"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert environment.cache_folder() == tmp_path / ".cache" / "ganjax"


@pytest.fixture
def compilation_settings():
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.mark.usefixtures("compilation_settings")
def test_compiled_programs_are_kept_in_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("GANJAX_CACHE", str(tmp_path))
    environment.use_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "compiled")
