"""`import ganjax` costs next to nothing, and each room loads only what it needs."""

import importlib
import json
import subprocess
import sys

import pytest

import ganjax

HEAVY = ("tensorflow", "tensorflow_datasets", "matplotlib")

SCRIPT = """
import importlib, json, sys
import ganjax
for name in sys.argv[1:]:
    getattr(ganjax, name)
print(json.dumps(sorted({module.split(".")[0] for module in sys.modules})))
"""


def loaded_after_using(*names: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after using public names."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_importing_ganjax_loads_nothing_heavy_not_even_jax():
    loaded = loaded_after_using()
    assert "ganjax" in loaded
    assert not loaded & {*HEAVY, "orbax", "jax", "flax", "optax", "numpy", "scipy", "sklearn"}


def test_networks_losses_and_training_load_no_data_set_reader_or_plotter():
    loaded = loaded_after_using("models", "training", "losses", "augment", "policy")
    assert "flax" in loaded
    assert not loaded & {*HEAVY}


def test_ops_need_jax_alone():
    loaded = loaded_after_using("ops", "regularizers")
    assert "jax" in loaded
    assert not loaded & {*HEAVY, "orbax", "flax", "optax", "sklearn"}


def test_no_room_at_all_loads_a_data_set_reader_before_it_is_asked_for_one():
    assert not loaded_after_using(*ganjax.__all__) & {*HEAVY}


def test_the_report_and_the_metrics_need_no_jax():
    assert not loaded_after_using("report", "metrics") & {*HEAVY, "jax", "flax", "orbax"}


@pytest.mark.parametrize("name", ganjax.__all__)
def test_every_public_name_resolves(name):
    module = getattr(ganjax, name)
    assert module.__doc__
    for public in getattr(module, "__all__", ()):
        assert getattr(module, public) is not None


def test_public_names_are_sorted_and_listed():
    assert sorted(ganjax.__all__) == ganjax.__all__
    assert dir(ganjax) == ganjax.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'cats'"):
        _ = ganjax.cats


def test_the_version_is_the_installed_one():
    assert importlib.metadata.version("ganjax") == ganjax.__version__
