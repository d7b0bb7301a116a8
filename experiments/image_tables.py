"""The README's measured numbers on generated images: metrics, copies, leaks, shams."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

RESULTS = Path(__file__).parent / "results"

SHOWN = {
    "frechet": "Frechet", "kernel": "kernel", "sliced": "sliced", "precision": "precision",
    "recall": "recall", "density": "density", "coverage": "coverage", "copying z": "C_T",
    "authenticity": "authenticity", "frechet by class": "Frechet by class",
}  # fmt: skip
TELLS = 3.0
"""Standard deviations from a perfect generator's mean at which a metric is said to move."""


def metrics() -> str:
    """Tabulate which metric moves under which failure, and say what all of them cost."""
    found, cost = read("metric_failures"), read("metrics")
    perfect = found["perfect"]
    lines = [
        f"Which metric moves when a set of {found['images']:,} real images of Fashion-MNIST is "
        "spoilt in a known way: standard deviations from the mean of "
        f"{found['draws']} unspoilt sets, bold from {TELLS:g} on "
        "(`python -m experiments.metric_failures`).",
        "",
        "| set | " + " | ".join(SHOWN.values()) + " |",
        "| --- |" + " --- |" * len(SHOWN),
    ]
    for failure, values in found["failures"].items():
        cells = []
        for name in SHOWN:
            moved = (values["mean"][name] - perfect["mean"][name]) / perfect["sd"][name]
            cells.append(f"**{moved:+.0f}**" if abs(moved) >= TELLS else f"{moved:+.0f}")
        lines.append(f"| {failure} | " + " | ".join(cells) + " |")
    return "\n".join(
        [
            *lines,
            "",
            f"All of them together take {cost['together']['median']:.1f} s for {cost['images']:,} "
            f"against {cost['images']:,} images at {cost['features']} features on "
            f"{cost['environment']['cores']} cores, features apart "
            "(`python -m experiments.benchmarks.metrics`).",
        ]
    )


def full_set() -> str:
    """Say how much less generated images teach than the many real ones that they were made from."""
    found = read("full_set")
    lines = [
        "What generated images alone teach a classifier, of a GAN that was trained on "
        f"{found['images']:,} images of Fashion-MNIST for {found['core_seconds'] / 60:.0f} minutes "
        f"of a core (`{found['command']}`; for each classifier the latents' expansion was chosen "
        "on validation, and whether it sees transforms):",
        "",
        "| classifier | filter of the samples | real images | as many samples "
        "| gap, in points (95 %) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for classifier, taught in found["classifiers"].items():
        for name, own in taught["generated"].items():
            gap = own["gap"]
            lines.append(
                f"| {classifier} | {name} | {own['real']['accuracy']['estimate']:.1%} "
                f"| {own['judged']['accuracy']['estimate']:.1%} | {100 * gap['estimate']:.1f} "
                f"({100 * gap['low']:.1f} to {100 * gap['high']:.1f}) |"
            )
    return "\n".join(lines)


SWEPT = {
    "dcgan-lazy": "one pace, T(x) always", "dcgan-paces": "two paces, no T(x)",
    "dcgan-paces-adaptive": "two paces, adaptive T(x)", "dcgan-annealed": "annealed, no T(x)",
}  # fmt: skip


def sweep() -> str:
    """Tabulate what the defaults were chosen by: medians over seeds, on validation images."""
    rows = [row for row in read("sweep")["rows"] if row["setting"] in SWEPT]
    lines = [
        "What `dcgan` of width 16 makes of a draw in 4,000 updates, on 5,000 other images of the "
        "training split: accuracy of a classifier trained on samples alone, gain of one trained on "
        "both halves against one on real images alone, in points, and Frechet distance; medians of "
        "three draws, lowest to highest "
        "(`python -m experiments.sweep --updates 4000 --width 16 ...`):",
        "",
        "| source, images per class | game | samples alone | gain | Frechet |",
        "| --- | --- | --- | --- | --- |",
    ]
    groups = {(row["source"], row["per_class"]) for row in rows}
    for source, per_class in sorted(groups, reverse=True, key=lambda group: (group[0], -group[1])):
        for setting, words in SWEPT.items():
            what = {"source": source, "per_class": per_class, "setting": setting}
            own = [row for row in rows if what.items() <= row.items()]
            if len(own) >= 3:
                lines.append(
                    f"| {source.removeprefix('tfds:')}, {per_class} | {words} "
                    f"| {_spread([100 * row['cas'] for row in own])} "
                    f"| {_spread([100 * row['gain'] for row in own], '{:+.1f}')} "
                    f"| {_spread([row['distance'] for row in own])} |"
                )
    return "\n".join(lines)


def equal_time() -> str:
    """Tabulate which network makes the better images in the same time."""
    found = read("equal_time")
    sets = {"100": "100 per class", "full": "50,000 images"}
    titles = [f"{what}, {words}" for words in sets.values() for what in ("Frechet", "kernel")]
    lines = [
        "Distance of samples to other images of Fashion-MNIST after as many seconds of a core of "
        "training, medians (lowest to highest seed), width 16 throughout "
        f"(`{found['command']} --seconds S`, S as in the first column):",
        "",
        "| seconds | network | seeds | updates a second | " + " | ".join(titles) + " |",
        "| --- | --- | --- | --- |" + " --- |" * len(titles),
    ]
    groups = dict.fromkeys((row["budget"], row["setting"]) for row in found["rows"])
    for budget, setting in sorted(groups, key=lambda group: group[0]):
        what = {"budget": budget, "setting": setting}
        own = [row for row in found["rows"] if what.items() <= row.items()]
        seeds = {row["seed"] for row in own}
        rate = np.median([row["updates"] for row in own]) / budget
        cells = [
            _spread([row[distance] for row in own if row["set"] == name])
            for name in sets
            for distance in ("frechet", "kernel")
        ]
        beginning = f"| {budget:g} | {setting} | {len(seeds)} | {rate:.0f} | "
        lines.append(beginning + " | ".join(cells) + " |")
    return "\n".join(lines)


def _spread(values: list[float], form: str = "") -> str:
    if not values:
        return ""
    form = form or ("{:,.0f}" if min(values) >= 100 else "{:.1f}")
    median, low, high = map(form.format, (np.median(values), min(values), max(values)))
    return f"{median} ({low} to {high})" if len(values) > 1 else median


def audit() -> str:
    """Say which share of copies the audit sees, and how often it accuses real images."""
    found = read("copy_audit")
    rows = [row for row in found["rows"] if row["features"] == "pictures"]
    kinds = list(rows[0]["kinds"])
    lines = [
        "The smallest share of planted copies that the audit tells at 5 % false alarms, and how "
        f"many of {found['real_sets']} sets of held-out real images it accuses "
        f"(`{found['command'].split(' --')[0]}`; sets of {found['images']:,} images):",
        "",
        "| training images | " + " | ".join(kinds) + " | real sets accused |",
        "| --- |" + " --- |" * (len(kinds) + 1),
    ]
    for row in rows:
        shares = [f"{row['kinds'][kind]['smallest_share']:.1%}" for kind in kinds]
        lines.append(
            f"| {row['training_images']:,} of {row['set']} | "
            + " | ".join(shares)
            + f" | {row['real_sets_accused']:.0%} |"
        )
    return "\n".join(lines)


def sham() -> str:
    """Say how often studies of images that cannot help said that they do."""
    found = read("sham")
    lines = [
        f"Studies of digits in which something else took the place of generated images (preset "
        f"{found['preset']}, `{found['command']}`):",
        "",
        "| in their place | studies | help | do not help | cannot tell | would help without the "
        "control | mean gain (95 %) |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, words in (("copies", "training images once more"), ("noise", "noise")):
        rows = [row for row in found["studies"] if row["sham"] == kind]
        said = [sum(row["helps"] is answer for row in rows) for answer in (True, False, None)]
        without = sum(row["helps_without_control"] for row in rows)
        gains = 100 * np.array([row["difference"] for row in rows])
        half = stats.t.ppf(0.975, len(rows) - 1) * gains.std(ddof=1) / np.sqrt(len(rows))
        lines.append(
            f"| {words} | {len(rows)} | {said[0]} | {said[1]} | {said[2]} | {without} "
            f"| {gains.mean():+.1f} ({gains.mean() - half:+.1f} to {gains.mean() + half:+.1f}) |"
        )
    return "\n".join(lines)


def read(name: str) -> Any:
    """Return one of the results."""
    return json.loads((RESULTS / f"{name}.json").read_text())
