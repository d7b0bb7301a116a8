"""The README's tables of joint trainings, and of what a study chooses by."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

STUDIES = {
    "semi_supervised_digits": "semi_supervised",
    "semi_supervised_digits_control": "semi_supervised --control",
    "semi_supervised_fashion": "semi_supervised",
    "joint_fashion_mnist": "joint_fashion_mnist",
}
"""Results, and the experiment that makes each."""


def joint() -> str:
    """Tabulate what classifiers trained together with a GAN gained over plain ones."""
    rows = []
    for name, command in STUDIES.items():
        if not (RESULTS / f"{name}.json").exists():
            continue
        found = json.loads((RESULTS / f"{name}.json").read_text())
        rows += [_row(found, arm, name, command) for arm in found["joint"]]
    if not rows:
        return "No study of joint trainings is recorded yet."
    return "\n".join(
        [
            "| source | labels per class, without labels | replicates | classifier alone | arm "
            "| its accuracy | difference (95 %) | made by |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def _row(found: dict[str, Any], arm: str, name: str, command: str) -> str:
    row = next(
        row
        for row in found["comparisons"]
        if (row["arm"], row["baseline"], row["metric"]) == (arm, "classical", "test_accuracy")
    )
    control = " (control: labelled images alone)" if name.endswith("control") else ""
    alone, own = (found["arms"][each]["accuracy"]["mean"] for each in ("classical", arm))
    return (
        f"| [{found['source']}](experiments/results/{name}.json) | {found['per_class']}, "
        f"{found['counts']['unlabelled']:,} | {found['replicates']} | {alone:.1%} | {arm}{control} "
        f"| {own:.1%} | {100 * row['difference']:+.1f} ({100 * row['low']:+.1f} to "
        f"{100 * row['high']:+.1f}) | `python -m experiments.{command}` |"
    )


def scores() -> str:
    """Tabulate what generators of joint trainings are worth beside that of a GAN alone."""
    file = RESULTS / "joint_fashion_mnist.json"
    if not file.exists():
        return "Not measured yet."
    found = json.loads(file.read_text())
    cas = found["cas"]
    lines = [
        f"A classifier trained on {cas['samples']:,} samples of each generator of that study "
        "([results](experiments/results/joint_fashion_mnist.json)), on the test images:",
        "",
        "| trained on | updates of the generator | accuracy (95 %) "
        "| difference to a GAN alone of the same time |",
        "| --- | --- | --- | --- |",
    ]
    for name, own in cas["generators"].items():
        updates = cas["updates"].get(name)
        lines.append(
            f"| {_GENERATORS.get(name, name)} | {f'{updates:,}' if updates else ''} "
            f"| {_percent(own['accuracy'])} | {_points(own.get('difference'))} |"
        )
    lines += [
        "",
        "Three-player is compared with the GAN of more updates, which was trained somewhat longer "
        "than it, auxiliary with the other, which was added when some of these scores had been "
        "seen. A difference whose interval reaches below 0 is not shown to be one.",
    ]
    return "\n".join(lines)


def weights() -> str:
    """Tabulate accuracy and Frechet distance by the weight of classification."""
    file = RESULTS / "joint_weights.json"
    if not file.exists():
        return "Not measured yet."
    found = json.loads(file.read_text())["joint"]
    values = [own["weight"] for own in next(iter(found.values()))["tried"][0]]
    lines = [
        "Accuracy on validation, and the Frechet distance of samples, by the weight of "
        "classification (digits, means over replicates; `python -m experiments.joint_weights`):",
        "",
        "| arm | " + " | ".join(f"{value:g}" for value in values) + " |",
        "| --- |" + " --- |" * len(values),
    ]
    for arm, own in found.items():
        cells = []
        for number in range(len(values)):
            rows = [tried[number] for tried in own["tried"]]
            accuracy = sum(row["accuracy"] for row in rows) / len(rows)
            distance = sum(row["distance"] for row in rows) / len(rows)
            cells.append(f"{accuracy:.1%}, {distance:.2f}")
        lines.append(f"| {arm} | {' | '.join(cells)} |")
    return "\n".join(lines)


_GENERATORS = {
    "real": "as many real images",
    "gan": "a GAN alone",
    "gan-shorter": "a GAN alone, as long as auxiliary",
}


def _percent(own: dict[str, float]) -> str:
    return f"{own['estimate']:.1%} ({own['low']:.1%} to {own['high']:.1%})"


def _points(own: dict[str, float] | None) -> str:
    if own is None:
        return ""
    estimate, low, high = (100 * own[name] for name in ("estimate", "low", "high"))
    return f"{estimate:+.1f} ({low:+.1f} to {high:+.1f})"


def choice() -> str:
    """Say what classifiers are worth that validation chooses by one or another criterion."""
    file = RESULTS / "choice.json"
    if not file.exists():
        return "Not measured yet."
    found = json.loads(file.read_text())
    rows = found["rows"]
    names = [name.replace("_", " ") for name in rows[0]["points"]]
    lines = [
        "Accuracy, in percent, of what validation chooses, by the criterion that it chooses by, in "
        "each draw alone or (the probability) one strength for all draws together "
        f"(`{found['command']}`, Fashion-MNIST; 9 strengths, 10 looks each; means over "
        f"{rows[0]['draws']} draws and 400 validation parts of each):",
        "",
        "| draw | " + " | ".join(names) + " | best of all |",
        "| --- |" + " --- |" * (len(names) + 1),
    ]
    for row in rows:
        lines.append(_line(_draw(row["draw"]), [*row["points"].values(), row["best"]]))
    lines += [
        "",
        "The same classifiers in the end, by the strength of the classical transforms:",
        "",
        "| draw | " + " | ".join(rows[0]["strengths"]) + " |",
        "| --- |" + " --- |" * len(rows[0]["strengths"]),
        *(_line(_draw(row["draw"]), row["strengths"].values()) for row in rows),
    ]
    return "\n".join(lines)


def _draw(name: str) -> str:
    return "500 to 5 per class" if name == "tail" else f"{name} per class"


def _line(name: str, points: Iterable[float]) -> str:
    return f"| {name} | " + " | ".join(f"{x:.1f}" for x in points) + " |"
