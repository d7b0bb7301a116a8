"""What the README says, done."""

import re
from pathlib import Path

import numpy as np

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_the_first_program_runs_and_makes_digits():
    (program,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in program.splitlines() if line.strip()]) <= 22
    names: dict = {}
    exec(compile(program, "README.md", "exec"), names)
    samples = np.asarray(names["samples"])
    assert samples.shape == (10, 8, 8, 1)
    assert np.abs(samples).max() <= 1
    # a digit of class c looks more like the mean of class c than like the mean of all
    images, labels = np.asarray(names["images"]), np.asarray(names["labels"])
    means = np.stack([images[labels == c].mean(axis=0) for c in range(10)])
    centred = (means - images.mean(axis=0)).reshape(10, -1)
    likeness = (samples - images.mean(axis=0)).reshape(10, -1) @ centred.T
    assert (likeness.argmax(axis=1) == np.arange(10)).mean() >= 0.6


def test_every_room_stands_in_the_layout():
    rooms = {path.stem for path in (Path(__file__).parents[1] / "ganjax").iterdir()}
    for room in rooms - {"__init__", "__main__", "__pycache__", "py"}:
        assert f"`{room}" in README, f"README, 'How the code is laid out', lacks {room}"


def test_every_measured_number_comes_from_a_results_file():
    from experiments import tables

    for name, table in tables.tables().items():
        assert tables.put(README, name, table) == README, "run: python -m experiments.tables"
