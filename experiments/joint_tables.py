"""The README's tables of joint trainings."""

import json
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

LAST_WEIGHTS = (
    "(1) The arm answered by averaged weights, the classifier alone by its last ones. Averaging "
    'may be worth most of a point (see "How to trust the verdict"), so a difference no larger '
    "may be its work: to be measured again, now that both do."
)


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
            *(["", LAST_WEIGHTS] if any("(1)" in row for row in rows) else []),
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
        f"{100 * row['high']:+.1f}){_mark(found)} | `python -m experiments.{command}` |"
    )


def _mark(found: dict[str, Any]) -> str:
    return "" if found["config"]["classifier"].get("ema_decay") else " (1)"


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
