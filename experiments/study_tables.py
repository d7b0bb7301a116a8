"""The README's tables of why a study is as it is: what validation chooses by, who answers."""

import json
from collections.abc import Iterable
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


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
        f"(`{found['command']}`, Fashion-MNIST; 9 strengths, 10 looks each, last weights; means "
        f"over {rows[0]['draws']} draws and 400 validation parts of each):",
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


def averaging() -> str:
    """Tabulate what averaged weights are worth, with generated images and without."""
    file = RESULTS / "averaging.json"
    if not file.exists():
        return "Not measured yet."
    found = json.loads(file.read_text())
    lines = [
        "Accuracy, in percent, after 800 updates at a strength of 0.25, on 5,000 other images of "
        f"the training split, means over draws of Fashion-MNIST (`{found['command']}`):",
        "",
        "| draw | draws | weights | real | + 25 % generated | gain (standard error) |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in found["rows"]:
        weights = f"averaged, {row['decay']:g}" if row["decay"] else "the last"
        lines.append(
            f"| {_draw(row['draw'])} | {row['draws']} | {weights} | {row['alone']:.1f} "
            f"| {row['together']:.1f} | {row['gain']:+.2f} ({row['error']:.2f}) |"
        )
    return "\n".join(lines)


def _draw(name: str) -> str:
    return "500 to 5 per class" if name == "tail" else f"{name} per class"


def _line(name: str, points: Iterable[float]) -> str:
    return f"| {name} | " + " | ".join(f"{x:.1f}" for x in points) + " |"
