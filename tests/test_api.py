"""The conventions of the public functions, checked mechanically."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import jax.numpy as jnp
import pytest

import ganjax
from ganjax.ops import augment, losses

ROOT = Path(ganjax.__file__).parent
PURE = ("ops", "models")
ANNOTATED = ("ops", "models", "metrics", "training", "synthesis", "evaluate")

POSITIONAL_DEFAULTS = {
    "ganjax.ops.policy.describe",  # describe(policy, 0.5) reads as it is meant
    "ganjax.models.layers.dcgan_normal",  # (key, shape, dtype), as Flax calls initialisers
    "ganjax.models.layers.he_normal",
    "ganjax.models.layers.glorot_uniform",  # glorot_uniform(sqrt(2)) reads as its equation
}
KEY_NOT_FIRST = {
    "ganjax.ops.degrade.apply",
    "ganjax.ops.degrade.holes",
    "ganjax.ops.policy.apply",  # what is applied comes before what it is applied to,
    "ganjax.models.layers.init_variables",  # as in jax.tree.map
}

Definition = ast.FunctionDef | ast.ClassDef


def module_files() -> Iterator[tuple[str, Path]]:
    for file in sorted(ROOT.rglob("*.py")):
        parts = ["ganjax", *file.relative_to(ROOT).with_suffix("").parts]
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def public_definitions(source: str) -> Iterator[tuple[str, Definition]]:
    """The functions and classes without an underscore, and the classes' methods without one."""
    for node in ast.parse(source).body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                        yield f"{node.name}.{inner.name}", inner


DEFINITIONS = {
    f"{module}.{name}": node
    for module, file in module_files()
    for name, node in public_definitions(file.read_text())
}


def in_rooms(*rooms: str) -> dict[str, ast.FunctionDef]:
    return {
        name: node
        for name, node in DEFINITIONS.items()
        if name.split(".")[1] in rooms and isinstance(node, ast.FunctionDef)
    }


def parameters(node: ast.FunctionDef) -> list[ast.arg]:
    arguments = node.args
    rest = [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *rest]
    return [argument for argument in found if argument.arg not in ("self", "cls")]


def test_there_is_something_to_check():
    assert "ganjax.ops.conv.conv" in DEFINITIONS
    assert "ganjax.models.layers.Conv.__call__" not in DEFINITIONS
    assert "ganjax.training.checkpoint.Checkpoints.save" in DEFINITIONS
    assert len(in_rooms("ops")) > 40


def test_every_public_name_has_a_docstring():
    assert [name for name, node in DEFINITIONS.items() if not ast.get_docstring(node)] == []


def test_every_module_has_a_docstring():
    files = dict(module_files())
    assert [
        n for n, file in files.items() if not ast.get_docstring(ast.parse(file.read_text()))
    ] == []


def test_defaults_are_keyword_only_in_ops_and_models():
    found = {name for name, node in in_rooms(*PURE).items() if node.args.defaults}
    assert found == POSITIONAL_DEFAULTS


def test_a_key_comes_first_in_ops_and_models():
    found = {
        name
        for name, node in in_rooms(*PURE).items()
        if "key" in [argument.arg for argument in parameters(node)][1:]
    }
    assert found == KEY_NOT_FIRST


def test_random_keys_are_called_key_everywhere():
    names = {"rng", "rng_key", "prng", "prng_key", "seed_key"}
    found = [
        n for n, node in in_rooms(*ANNOTATED).items() if names & {a.arg for a in parameters(node)}
    ]
    assert found == []


def test_every_parameter_is_annotated_in_the_rooms_of_arrays():
    found = [
        f"{name}({argument.arg})"
        for name, node in in_rooms(*ANNOTATED).items()
        for argument in parameters(node)
        if argument.annotation is None
    ]
    assert found == []


def test_every_public_result_is_annotated_in_the_rooms_of_arrays():
    rooms = ("ops", "models", "metrics", "training")
    assert [name for name, node in in_rooms(*rooms).items() if node.returns is None] == []


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(x): ...\ndef _g(x): ...", ["f"]),
        ("class A:\n    def b(self): ...\n    def _c(self): ...", ["A", "A.b"]),
    ],
)
def test_the_reading_finds_public_names(source, names):
    assert [name for name, _ in public_definitions(source)] == names


@pytest.mark.parametrize("name", ["ops", "models", "metrics", "data", "training", "synthesis"])
def test_a_room_has_every_name_that_it_lists(name):
    room = import_module(f"ganjax.{name}")
    assert len(set(room.__all__)) == len(room.__all__)
    assert all(hasattr(room, public) for public in room.__all__)


OPS = [name for name in augment.__all__ if not name.startswith("random_")]
RANDOM_OPS = [name for name in augment.__all__ if name.startswith("random_")]
ISSUED = {
    "horizontal_flip", "vertical_flip", "rotate", "crop", "resized_crop", "translate", "scale",
    "brightness", "contrast", "saturation", "cutout",
}  # fmt: skip


def test_all_classical_ops_are_there():
    assert set(OPS) >= ISSUED


def test_every_op_has_a_random_twin_and_the_other_way_round():
    assert [f"random_{name}" for name in sorted(OPS)] == sorted(RANDOM_OPS)


def signature(name: str) -> tuple[list[str], list[str]]:
    """The names of an op's positional and of its keyword-only parameters."""
    found = inspect.signature(getattr(augment, name)).parameters.values()
    return (
        [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD],
        [p.name for p in found if p.kind is p.KEYWORD_ONLY],
    )


@pytest.mark.parametrize("name", OPS)
def test_an_op_takes_images_and_an_amount(name):
    positional, keywords = signature(name)
    assert positional == ["images", "amount"]
    assert set(keywords) <= {"fill"}


@pytest.mark.parametrize("name", RANDOM_OPS)
def test_a_random_op_takes_a_key_images_and_a_limit(name):
    positional, keywords = signature(name)
    assert positional == ["key", "images"]
    assert keywords[0] == "limit"
    assert keywords[1:] == signature(name.removeprefix("random_"))[1]
    parameter = inspect.signature(getattr(augment, name)).parameters["limit"]
    assert isinstance(parameter.default, float)


CONSTANTS = {name: value for name, value in vars(losses).items() if isinstance(value, losses.Loss)}


def test_all_losses_of_the_literature_asked_for_are_there():
    assert set(CONSTANTS) == {
        "minimax",
        "non_saturating",
        "wasserstein",
        "hinge",
        "least_squares",
        "relativistic",
        "three_terms",
    }


@pytest.mark.parametrize("loss", CONSTANTS.values(), ids=CONSTANTS)
def test_a_loss_is_per_example_on_logits(loss):
    logits = jnp.array([-2.0, 0.0, 3.0])
    of_discriminator, of_generator = ["real_logits", "fake_logits"], ["fake_logits"]
    if loss.three_terms:
        of_discriminator.append("transformed_logits")
    if loss.relativistic:
        of_generator.append("real_logits")
    assert list(inspect.signature(loss.discriminator).parameters) == of_discriminator
    assert list(inspect.signature(loss.generator).parameters) == of_generator
    assert loss.discriminator(*[logits] * len(of_discriminator)).shape == (3,)
    assert loss.generator(*[logits] * len(of_generator)).shape == (3,)


@pytest.mark.parametrize("loss", CONSTANTS.values(), ids=CONSTANTS)
def test_a_losss_functions_name_their_paper(loss):
    for function in (loss.discriminator, loss.generator):
        assert "arXiv" in function.__doc__
