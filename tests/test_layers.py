"""Who may import whom: down only, read from every import statement of the package.

A room is a module or folder directly under `ganjax`. It may import itself, every room of a lower
layer, and of its own layer only what `SIDEWAYS` names. Imports inside functions count too.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import ganjax

ROOT = Path(ganjax.__file__).parent

LAYERS = (
    ("typing", "config", "errors", "progress", "environment", "interruption", "watchdog"),
    ("ops", "metrics"),
    ("models",),
    ("data",),
    ("training",),
    ("recipe", "synthesis"),
    ("evaluate", "study", "restoration"),
    ("report",),
    ("cli", "terminal", "__main__"),
)
LAYER = {room: layer for layer, rooms in enumerate(LAYERS) for room in rooms}
TOP = len(LAYERS) - 1
SIDEWAYS = {
    ("config", "errors"),
    ("watchdog", "interruption"),
    ("synthesis", "recipe"),
    ("study", "evaluate"),
    ("restoration", "evaluate"),
}
ALLOWED_LAYERS = {"report": {0, 1}}  # it draws plain results, and knows no model

# A package that only these places import: the rest of the house does not know that it exists.
ONLY_IN = {
    "flax": "ganjax.models",
    "orbax": "ganjax.training.checkpoint",
    "tensorflow_datasets": "ganjax.data",
    "array_record": "ganjax.data",
    "jinja2": "ganjax.report",
    "skimage": "ganjax.restoration",
    "tyro": "ganjax.cli",
}
# Rooms that may import these packages only, besides the standard library and the layers below.
ONLY_PACKAGES = {"ops": {"jax", "chex"}, "config": set(), "errors": set(), "typing": {"jax"}}

# Within training, steps are pure: they know neither the loop nor its files, nor each other, but
# joint ones may know those that they put together.
TRAINING_STEPS = {"gan", "classifier", "joint", "three_player"}
JOINT_STEPS, PUT_TOGETHER = {"joint", "three_player"}, {"gan", "classifier"}
LOOP_AND_FILES = {"loop", "checkpoint"}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc"}
MOST_LINES, CUSTOMARY_LINES = 400, 300


class Module(NamedTuple):
    name: str
    source: str
    is_package: bool = False

    @property
    def room(self) -> str:
        """The part after `ganjax.`; empty for the package itself."""
        return room_of(self.name)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def read_modules() -> list[Module]:
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        parts = ["ganjax", *file.relative_to(ROOT).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found.append(Module(name, file.read_text(), is_package))
    return found


def imports(module: Module, names: Iterable[str]) -> Iterator[str]:
    """Every module that a module imports, as an absolute name, wherever the statement stands.

    Args:
      module: what is read.
      names: all modules of the house: `from ganjax import data` imports one of them, whereas
        `from ganjax.errors import UserError` imports `ganjax.errors`.
    """
    names = set(names)
    for node in ast.walk(ast.parse(module.source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.name.split(".")
                up = node.level - module.is_package
                base = ".".join([*parents[: len(parents) - up], *filter(None, [base])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in names else base
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield "a computed import"


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def is_in(module: str, place: str) -> bool:
    return module == place or module.startswith(place + ".")


def complaints(modules: list[Module]) -> list[str]:
    """What the imports of some modules break, one line each."""
    names = {module.name for module in modules}
    return [
        f"{module.name} imports {imported}: {wrong}"
        for module in modules
        for imported in imports(module, names)
        if (wrong := _wrong(module, imported))
    ]


def _wrong(module: Module, imported: str) -> str | None:
    if module.name == "ganjax":
        return None  # the list of public names
    if imported == "a computed import":
        return "imports must be readable"
    package = imported.split(".")[0]
    if package == "ganjax":
        return _wrong_room(module, imported) or _wrong_in_training(module.name, imported)
    place = ONLY_IN.get(package)
    if place and not is_in(module.name, place):
        return f"only {place} may"
    allowed = ONLY_PACKAGES.get(module.room)
    if allowed is not None and package not in allowed | sys.stdlib_module_names:
        return f"{module.room} may import only {sorted(allowed)} and the standard library"
    return None


def _wrong_room(module: Module, imported: str) -> str | None:
    here, there = module.room, room_of(imported)
    if here not in LAYER:
        return f"give ganjax.{here} a layer in tests/test_layers.py"
    if here == there or LAYER[here] == TOP:
        return None
    if not there:
        return "the package itself is for users; import the room"
    if there not in LAYER:
        return f"give ganjax.{there} a layer in tests/test_layers.py"
    if LAYER[there] in ALLOWED_LAYERS.get(here, range(LAYER[here])) or (here, there) in SIDEWAYS:
        return None
    return f"layer {LAYER[here]} may not import layer {LAYER[there]}"


def _wrong_in_training(module: str, imported: str) -> str | None:
    if not (is_in(module, "ganjax.training") and is_in(imported, "ganjax.training")):
        return None
    here, there = module.rpartition(".")[2], imported.rpartition(".")[2]
    others = TRAINING_STEPS - (PUT_TOGETHER if here in JOINT_STEPS else set())
    if here in TRAINING_STEPS and there in others | LOOP_AND_FILES | {"training"}:
        return "a step knows neither the loop, nor its files, nor another step"
    if there == "checkpoint" and here != "loop":
        return "within training, only the loop keeps checkpoints"
    return None


MODULES = read_modules()


def test_imports_go_down_only():
    assert complaints(MODULES) == []


def test_every_room_has_a_layer_and_every_layer_its_rooms():
    rooms = {module.room for module in MODULES} - {""}
    assert rooms == set(LAYER)


def test_no_room_is_named_after_nothing():
    parts = {part for module in MODULES for part in module.name.split(".")}
    assert not parts & FORBIDDEN_NAMES


def test_no_file_is_too_long():
    lengths = {module.name: len(module.source.splitlines()) for module in MODULES}
    long = {name: lines for name, lines in lengths.items() if lines > CUSTOMARY_LINES}
    print(f"longer than about {CUSTOMARY_LINES} lines: {long or 'none'}")
    assert not {name: lines for name, lines in long.items() if lines > MOST_LINES}


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("ganjax.ops.new", "from ganjax.models import Model", "layer 1 may not import layer 2"),
        ("ganjax.ops.new", "def f():\n    import ganjax.data.loader", "layer 1 may not import"),
        ("ganjax.ops.new", "from ganjax import training", "layer 1 may not import layer 4"),
        ("ganjax.ops.new", "import numpy as np", "ops may import only ['chex', 'jax']"),
        ("ganjax.ops.new", "import optax", "ops may import only"),
        ("ganjax.ops.new", "from ganjax.metrics import accuracy", "layer 1 may not import layer 1"),
        ("ganjax.ops.new", "from ..training import loop", "layer 1 may not import layer 4"),
        ("ganjax.ops.new", "import importlib\nimportlib.import_module('x')", "must be readable"),
        ("ganjax.ops.new", "import ganjax", "the package itself is for users"),
        ("ganjax.ops.new", "from ganjax import losses", "the package itself is for users"),
        ("ganjax.config", "import numpy", "config may import only []"),
        ("ganjax.config", "from ganjax.progress import Tick", "layer 0 may not import layer 0"),
        ("ganjax.recipe", "from ganjax import synthesis", "layer 5 may not import layer 5"),
        ("ganjax.training.new", "import flax.linen as nn", "only ganjax.models may"),
        ("ganjax.training.loop", "import orbax.checkpoint", "only ganjax.training.checkpoint may"),
        ("ganjax.study.new", "import tensorflow_datasets", "only ganjax.data may"),
        ("ganjax.training.gan", "from ganjax.training import loop", "a step knows neither"),
        ("ganjax.training.gan", "from ganjax.training.loop import train", "a step knows neither"),
        ("ganjax.training.classifier", "from .gan import adam", "a step knows neither"),
        ("ganjax.training.joint", "from .loop import train", "a step knows neither"),
        ("ganjax.training.joint", "from .three_player import PlayerTerms", "a step knows neither"),
        ("ganjax.training.gan", "from .joint import auxiliary", "a step knows neither"),
        ("ganjax.training.state", "from .checkpoint import Checkpoints", "only the loop keeps"),
        ("ganjax.training.new", "from ganjax.study import study", "layer 4 may not import layer 6"),
        ("ganjax.evaluate.new", "from ganjax import study", "layer 6 may not import layer 6"),
        ("ganjax.report.new", "from ganjax import training", "layer 7 may not import layer 4"),
        ("ganjax.report.new", "from ganjax.study import x", "layer 7 may not import layer 6"),
        ("ganjax.study.new", "from ganjax.report import write", "layer 6 may not import layer 7"),
        ("ganjax.study.new", "from ganjax.terminal import x", "layer 6 may not import layer 8"),
        ("ganjax.attic", "from ganjax.ops import conv", "give ganjax.attic a layer"),
        ("ganjax.study.new", "from ganjax.attic import x", "give ganjax.attic a layer"),
    ],
)
def test_the_reading_finds_what_is_forbidden(name, source, said):
    attic = Module("ganjax.attic", "")
    house = [module for module in MODULES if module.name != name]
    modules = [*house, attic, Module(name, source)]
    found = complaints(modules)
    assert len(found) == 1, found
    assert found[0].startswith(f"{name} imports ")
    assert said in found[0]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("ganjax.ops.new", "import math\nimport jax.numpy as jnp\nfrom ganjax.typing import Array"),
        ("ganjax.ops.new", "from ganjax.ops import conv\nfrom . import augment"),
        ("ganjax.config", "import json\nfrom ganjax.errors import UserError"),
        ("ganjax.synthesis.new", "from ganjax import recipe"),
        ("ganjax.training.loop", "from ganjax.training import checkpoint"),
        ("ganjax.training.joint", "from ganjax.training.gan import adam"),
        ("ganjax.study.new", "from ganjax import evaluate"),
        ("ganjax.report.new", "from ganjax.metrics import Interval\nimport jinja2"),
        ("ganjax.cli", "import ganjax, tyro\nfrom ganjax import report, study"),
    ],
)
def test_the_reading_lets_pass_what_is_allowed(name, source):
    house = [module for module in MODULES if module.name != name]
    assert complaints([*house, Module(name, source)]) == []
