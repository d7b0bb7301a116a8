"""One page about a restoration: how much nearer to the originals, at what price, to what use."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ganjax.report import page, plots, restored_pictures
from ganjax.report.plots import Format, Mark, Row
from ganjax.report.restored_words import (
    CLEAN,
    DASH,
    Method,
    Told,
    colours,
    decibel,
    distance,
    hundredth,
    joined,
    names,
    restorers,
    signed,
    similarity,
    spread,
    there,
    weight,
    whole,
)
from ganjax.report.scatter import Point, Scatter, Series, scatter
from ganjax.report.words import duration, percent

Results = Mapping[str, Any]


def build(results: Results, pictures: Mapping[str, Sequence[Any]] | None = None) -> str:
    """Return the report of a restoration as one self-contained HTML page: no scripts, no network.

    Args:
      results: what the evaluation found, schema 1: `source`, `degradation`, `images`, `methods` and
        so on. An interval is `{"mean", "low", "high"}`; a part that is missing is left out of the
        page. A restorer may say more than schema 1 asks: `over_classical`, `{"name", "psnr"}`, the
        paired gain over the best classical method.
      pictures: `typical`, `worst` and `best`: rows of (name, original, degraded, restored by name,
        PSNR by name); `invented`: rows of (name, crops of the original, the degraded image, the
        plain restoration, the adversarial one). Images are uint8 `[height, width, channels]`.

    Returns:
      The page.
    """
    r = {"methods": [], "notes": [], **results}
    found = {
        "r": r,
        "answer": answer(r),
        "facts": _facts(r),
        "fidelity": fidelity(r),
        "table": table(r),
        "tradeoff": tradeoff(r),
        "worth": worth(r),
        **restored_pictures.laid_out(r, pictures or {}),
    }
    return page.templates().get_template("restoration.html").render(found)


def write(
    path: str | os.PathLike, results: Results, pictures: Mapping[str, Sequence[Any]] | None = None
) -> None:
    """Write the report to a file, all of it or nothing.

    Args:
      path: the file; one that is there is replaced.
      results: as in `build`.
      pictures: as in `build`.
    """
    page.keep(path, build(results, pictures))


def answer(r: Results) -> dict[str, Any]:
    """Say in words what restoration brought: the word, and a sentence about each thing measured.

    It is about the plain restorer, or the one of the smallest adversarial weight.
    """
    own = next(iter(restorers(r)), None)
    gain: Told = (own or {}).get("psnr_gain") or {}
    low, high = gain.get("low"), gain.get("high")
    if own is None or not there(gain):
        return {"kind": "unclear", "word": "Nothing to tell", "lines": []}
    if there(low) and low > 0:
        kind, word = "yes", "Nearer to the originals"
    elif there(high) and high < 0:
        kind, word = "no", "Farther from the originals"
    else:
        kind, word = "unclear", "Cannot tell"
    lines = [_gain(own, _degraded(r)), _structure(own), _beside(r, own), _naming(r, own), _price(r)]
    return {"kind": kind, "word": word, "lines": [line for line in lines if line]}


def _degraded(r: Results) -> Method:
    return next((own for own in r["methods"] if own.get("kind") == "degraded"), {})


def _gain(own: Method, degraded: Method) -> str:
    """Say how many dB were gained, and what that is in squared error."""
    gain = own["psnr_gain"]
    mean, now = gain["mean"], decibel(own["psnr"]["mean"])
    way, error = ("nearer to", "smaller") if mean >= 0 else ("farther from", "larger")
    was = f" instead of {decibel(degraded['psnr']['mean'])}" if there(degraded.get("psnr")) else ""
    factor = 10 ** (abs(mean) / 10)
    found = spread(gain, decibel if mean >= 0 else signed(decibel))
    return (
        f"The restored images are {decibel(abs(mean))} dB {way} the originals than the degraded "
        f"ones{f' (95% interval {found})' if found else ''}: {now} dB of PSNR{was}. On a typical "
        f"image the squared error is {factor:.3g} times {error}."
    )


def _in_interval(told: Told, form: Format) -> str:
    found = spread(told, signed(form))
    return f" (95% interval {found})" if found else ""


def _structure(own: Method) -> str:
    gain = own.get("ssim_gain")
    if not there(gain) or not there(own.get("ssim")):
        return ""
    return (
        f"Their likeness in structure, SSIM, is {similarity(own['ssim']['mean'])}, "
        f"{signed(similarity)(gain['mean'])} over the degraded images’"
        f"{_in_interval(gain, similarity)}; 1 would be the originals themselves."
    )


def _beside(r: Results, own: Method) -> str:
    """Say how a restorer does beside the best of the classical methods."""
    classical = [one for one in r["methods"] if one.get("kind") == "classical"]
    classical = [one for one in classical if there(one.get("psnr"))]
    if not classical:
        return ""
    best = max(classical, key=lambda one: one["psnr"]["mean"])
    of = "The classical method" if len(classical) == 1 else "The best of the classical methods"
    said = f"{of}, {best['name']}, reaches {decibel(best['psnr']['mean'])} dB"
    over = own.get("over_classical") or {}
    if over.get("name") == best["name"] and there(over.get("psnr")):
        more = over["psnr"]
        return f"{said}; the restorer’s {signed(decibel)(more['mean'])} dB{_beyond(more)}."
    apart = own["psnr"]["mean"] - best["psnr"]["mean"]
    return f"{said}: the restorer is {decibel(abs(apart))} dB {'better' if apart > 0 else 'worse'}."


def _beyond(more: Told) -> str:
    return f" beside it{_in_interval(more, decibel)}" if spread(more, decibel) else " beside it"


def _naming(r: Results, own: Method) -> str:
    """Say what restoration is worth to a classifier."""
    clean, taken, back = r.get("clean_accuracy"), _degraded(r).get("accuracy"), own.get("accuracy")
    if not (there(clean) and there(taken) and there(back)):
        return ""
    said = (
        f"A classifier that learnt from clean images names {percent(clean['mean'])} of the "
        f"originals rightly, {percent(taken['mean'])} of the degraded images and "
        f"{percent(back['mean'])} of the restored ones"
    )
    part = own.get("recovered")
    if not there(part):
        return f"{said}."
    found = spread(part, lambda value: percent(value, 0).replace("-", "−"))
    given = f"{percent(part['mean'], 0).replace('-', '−')}"
    return f"{said}: {given} of what it had lost{f' (95% interval {found})' if found else ''}."


def _price(r: Results) -> str:
    """Say what adversarial training changed, from the smallest weight to the largest."""
    own = restorers(r)
    if len(own) < 2 or not own[-1].get("weight"):
        return ""
    first, last = own[0], own[-1]
    if not (there(first.get("psnr")) and there(last.get("psnr"))):
        return ""
    lost = last["psnr"]["mean"] - first["psnr"]["mean"]
    said = f"Adversarial training of weight {weight(last)} changed the PSNR by "
    said += f"{signed(decibel)(lost)} dB"
    before, after = first.get("feature_distance"), last.get("feature_distance")
    if there(before) and there(after):
        said += (
            f", and the distance to real images from {distance(before['mean'])} to "
            f"{distance(after['mean'])}"
        )
    return f"{said}."


def _facts(r: Results) -> list[tuple[str, str]]:
    sized = r.get("height") and r.get("width")
    size = f"{r['width']}×{r['height']}" if sized else "of several sizes"
    colour = {1: "grey", 3: "colour"}.get(r.get("channels") or 0, "")
    found = [("Source", r.get("source")), ("Degradation", r.get("degradation"))]
    found += [("Images", f"{r['images']:,}" if r.get("images") else None)]
    found += [("Image size", ", ".join(filter(None, [size, colour])))]
    return [(name, str(value)) for name, value in found if value]


def fidelity(r: Results) -> list[dict[str, Any]]:
    """Lay out PSNR and SSIM of all methods, each with its interval, on an axis of its own."""
    charts = [
        ("PSNR, in dB (larger is better)", "psnr", decibel, 0.1),
        ("SSIM (1 is the original itself)", "ssim", similarity, 0.01),
    ]
    found = []
    for title, key, form, least in charts:
        own = [one for one in r["methods"] if there(one.get(key))]
        if own:
            found.append(
                {"title": title, **_forest(r, [(one, one[key]) for one in own], form, least)}
            )
    return found


def _forest(
    r: Results, told: Sequence[tuple[Method, Told]], form: Format, least: float
) -> dict[str, Any]:
    """Lay out one value of each method with its interval."""
    called, colour, best = names(r), colours(r), next(iter(restorers(r)), {}).get("name")
    axis = _axis([one for _, one in told], least)
    return {
        "axis": axis,
        "rows": [
            Row(
                called.get(own["name"], str(own["name"])),
                (whole(one, form),),
                (_mark(one, axis, colour.get(own["name"], CLEAN)),),
                strong=own["name"] == best,
                note=own.get("note", ""),
            )
            for own, one in told
        ],
    }


def _axis(told: Sequence[Told], least: float, form: Format | None = None) -> plots.Scale:
    ends = [value for one in told for value in one.values() if there(value)]
    numbers = [float(value) for value in ends if value is not None]
    return plots.scale(min(numbers), max(numbers), form, pad=0.06, least=least)


def _mark(told: Told, axis: plots.Scale, colour: int) -> Mark:
    low, high = (told.get(end) for end in ("low", "high"))
    ends = [axis.at(end) if end is not None and there(end) else None for end in (low, high)]
    return Mark(axis.at(told["mean"] or 0.0), ends[0], ends[1], colour)


def table(r: Results) -> dict[str, Any]:
    """Lay out every number of every method; columns in which nothing is known are left out."""
    called, best = names(r), next(iter(restorers(r)), {}).get("name")
    columns: dict[str, Callable[[Method], tuple[str, str]]] = {
        "PSNR, dB": lambda own: _cell(own.get("psnr"), decibel),
        "gain, dB": lambda own: _cell(own.get("psnr_gain"), signed(decibel)),
        "SSIM": lambda own: _cell(own.get("ssim"), similarity),
        "gain": lambda own: _cell(own.get("ssim_gain"), signed(similarity)),
        "Feature distance": lambda own: _cell(own.get("feature_distance"), distance),
        "Time": lambda own: (_seconds(own.get("seconds")), ""),
    }
    cells = {title: [cell(own) for own in r["methods"]] for title, cell in columns.items()}
    cells = {title: own for title, own in cells.items() if any(mean != DASH for mean, _ in own)}
    return {
        "columns": list(cells),
        "rows": [
            {
                "name": called[own["name"]],
                "strong": own["name"] == best,
                "cells": [column[i] for column in cells.values()],
            }
            for i, own in enumerate(r["methods"])
        ],
    }


def _cell(told: Told | None, form: Format) -> tuple[str, str]:
    """Return a mean and its interval in words."""
    return (form(told["mean"]), spread(told, form)) if there(told) else (DASH, "")


def _seconds(value: float | None) -> str:
    """Write the time per image, in milliseconds below a second."""
    if value is None or not there(value):
        return DASH
    return duration(value) if value >= 1 else f"{1000 * value:.2g} ms"


def tradeoff(r: Results) -> dict[str, Any] | None:
    """Lay out fidelity against feature distance by adversarial weight; None without such weights.

    Without feature distances there is no chart, but the words stand.
    """
    own = restorers(r)
    if not any(one.get("weight") for one in own):
        return None
    return {
        "chart": _against(r),
        "weights": joined([weight(one) for one in own]),
        "features": r.get("features"),
    }


def _against(r: Results) -> Scatter | None:
    def points(methods: Sequence[Method], label: bool) -> list[Point]:
        return [
            Point(weight(o) if label else "", o["feature_distance"]["mean"], o["psnr"]["mean"])
            for o in methods
            if there(o.get("feature_distance")) and there(o.get("psnr"))
        ]

    restored = points(restorers(r), True)
    if len(restored) < 2:
        return None
    called, colour = names(r), colours(r)
    others = [own for own in r["methods"] if own.get("kind") == "classical"]
    series = [Series("Restored, by adversarial weight", 1, restored)]
    series += [Series(called[o["name"]], colour[o["name"]], points([o], False)) for o in others]
    return scatter(
        "PSNR, in dB, against feature distance",
        [own for own in series if own.points],
        x_form=lambda value: f"feature distance {distance(value)}",
        y_form=lambda value: f"{value:.4g}",
    )


def worth(r: Results) -> dict[str, Any] | None:
    """Lay out the classifier's accuracy on clean, degraded and restored images."""
    own = [(one, one["accuracy"]) for one in r["methods"] if there(one.get("accuracy"))]
    clean = r.get("clean_accuracy")
    if not own:
        return None
    if there(clean):
        own.insert(0, ({"name": "Originals"}, clean))
    called = names(r)
    return {
        **_forest(r, own, hundredth, 0.0),
        "axis": _axis([told for _, told in own], 0.005, lambda x: f"{100 * x:.4g}%"),
        "recovered": [
            {
                "name": called[one["name"]],
                "part": _cell(one["recovered"], lambda value: hundredth(value) + "%"),
            }
            for one in r["methods"]
            if there(one.get("recovered"))
        ],
    }
