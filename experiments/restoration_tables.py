"""The README's tables of restorations."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

PUBLIC = {
    "denoise_bsd68_25": "BSD68, noise of sigma 25",
    "deblock_classic5_10": "classic5, JPEG at quality 10",
}
"""Results on the field's own test images."""


def restoration() -> str:
    """Tabulate what restorers gained over degraded images and classical methods."""
    rows = [row for name, words in PUBLIC.items() if (row := _public(name, words))]
    rows += _fashion()
    if not rows:
        return "No restoration is recorded yet."
    return "\n".join(
        [
            "| images | degraded | best classical | restored (95 %) | accuracy clean, degraded, "
            "restored | made by |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def _public(name: str, words: str) -> str | None:
    file = RESULTS / f"{name}.json"
    if not file.exists():
        return None
    found = json.loads(file.read_text())
    published = ", ".join(f"{who} {value:.2f}" for who, value in found["published_psnr"].items())
    minutes = found["seconds_of_training"] / 60
    return _row(
        f"[{words}](experiments/results/{name}.json); published: {published}",
        found,
        f"`{found['experiment']}`, {minutes:.0f} minutes of training",
    )


def _fashion() -> list[str]:
    file = RESULTS / "restoration_fashion_mnist.json"
    if not file.exists():
        return []
    found = json.loads(file.read_text())
    return [
        _row(
            f"[Fashion-MNIST, {name}](experiments/results/{file.name})",
            own,
            f"`{own['experiment']}`",
        )
        for name, own in found["degradations"].items()
    ]


def trade_off() -> str:
    """Tabulate what adversarial training cost and bought, by its weight."""
    file = RESULTS / "restoration_fashion_mnist.json"
    found = json.loads(file.read_text())["degradations"] if file.exists() else {}
    rows = []
    for name, own in found.items():
        restored = [each for each in own["methods"] if each["kind"] == "restored"]
        if len(restored) < 2:
            continue
        degraded = next(each for each in own["methods"] if each["kind"] == "degraded")
        for each in (degraded, *sorted(restored, key=lambda each: each["weight"])):
            weight = "degraded" if each is degraded else f"{each['weight']:g}"
            distance = each["feature_distance"]
            accuracy = f"{each['accuracy']['mean']:.1%}" if each["accuracy"] else ""
            rows.append(
                f"| {name} | {weight} | {_figures(each)} | {distance['mean']:.3f} "
                f"({distance['low']:.3f} to {distance['high']:.3f}) | {accuracy} |"
            )
    if not rows:
        return "Not measured yet."
    return "\n".join(
        [
            "What the adversarial weight costs and buys on Fashion-MNIST (distance of a "
            "classifier's features to the original's, 95 %):",
            "",
            "| degradation | weight | restored | feature distance | accuracy |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


def ceiling() -> str:
    """Tabulate what degraded images tell a classifier that was trained on such images."""
    files = [RESULTS / f"{name}.json" for name in ("restoration_fashion_mnist", CEILING)]
    if not all(file.exists() for file in files):
        return "Not measured yet."
    found, most = (json.loads(file.read_text()) for file in files)
    rows = []
    for name, own in found["degradations"].items():
        if name not in most["accuracy"]:
            continue
        methods = {each["kind"]: each for each in own["methods"] if not each["weight"]}
        restored, lost = methods["restored"], methods["degraded"]
        back = restored["recovered"]
        rows.append(
            f"| {name} | {own['clean_accuracy']['mean']:.1%} | {lost['accuracy']['mean']:.1%} "
            f"| {restored['accuracy']['mean']:.1%} | {back['mean']:.0%} ({back['low']:.0%} to "
            f"{back['high']:.0%}) | {most['accuracy'][name]:.1%} |"
        )
    return "\n".join(
        [
            "What restoration gives back of a classifier's accuracy on Fashion-MNIST, and what the "
            "same classifier is right about when it is trained on degraded images instead "
            f"([results](experiments/results/{CEILING}.json), `{most['experiment']}`):",
            "",
            "| degradation | clean | degraded | restored | given back (95 %) "
            "| trained on degraded |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
    )


CEILING = "restoration_ceiling"


def _row(words: str, found: dict[str, Any], made: str) -> str:
    methods = found["methods"]
    degraded = next(own for own in methods if own["kind"] == "degraded")
    plain = next(own for own in methods if own["kind"] == "restored" and not own["weight"])
    classical = [own for own in methods if own["kind"] == "classical"]
    best = max(classical, key=lambda own: own["psnr"]["mean"], default=None)
    accuracy = ""
    if found["clean_accuracy"]:
        parts = (found["clean_accuracy"], degraded["accuracy"], plain["accuracy"])
        accuracy = ", ".join(f"{own['mean']:.1%}" for own in parts)
    psnr, ssim = plain["psnr"], plain["ssim"]["mean"]
    return (
        f"| {words} | {_figures(degraded)} | {best['name'] + ' ' + _figures(best) if best else ''} "
        f"| {psnr['mean']:.2f} dB ({psnr['low']:.2f} to {psnr['high']:.2f}) / {ssim:.3f} "
        f"| {accuracy} | {made} |"
    )


def _figures(own: dict[str, Any]) -> str:
    return f"{own['psnr']['mean']:.2f} dB / {own['ssim']['mean']:.3f}"
