"""Classifiers trained together with a GAN: two objectives over time, and what each cost the other.

A player is a network that learns. The two objectives are the adversarial one, images that pass for
real, and classification.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from ganjax.report import plots
from ganjax.report.plots import Curve, LineChart, numbers
from ganjax.report.scatter import Point, Scatter, Series, scatter
from ganjax.report.words import colour, percent, points, short, title

PLAYERS = {"discriminator": "network that classifies and judges", "generator": "generator"}
"""Who may be pulled by two objectives, in words; a third player never is."""

PULLS = {
    "discriminator": ("classifier and judge", "to tell real from generated", "to name the class"),
    "generator": ("generator", "to pass for real", "to be of the right class"),
}
"""Each player, and what the two objectives want of it."""

MOST_SCALED = 10
"""Times that classification's gradient is scaled at most, up or down: `ganjax.training.balance`."""

Run = Mapping[str, Any]


class Weighed(NamedTuple):
    """What a weight of classification gave, mean over the replicates."""

    weight: float
    accuracy: float
    distance: float
    replicates: tuple[tuple[float, float], ...]

    def told(self) -> str:
        """Return its numbers in words."""
        return f"{percent(self.accuracy)}, Fréchet distance {away(self.distance)}"


def joint(r: Mapping[str, Any]) -> dict[str, Any] | None:
    """Lay out the arms whose classifiers were trained together with a GAN; None without any."""
    told = r.get("joint") or {}
    if not told:
        return None
    whole = {
        sign: [y for own in told.values() for _, ys in _runs(own, "signs", sign) for y in ys]
        for sign in ("accuracy", "distance")
    }
    return {
        "arms": [_arm(arm, own, whole) for arm, own in told.items()],
        "unlabelled": (r.get("counts") or {}).get("unlabelled") or 0,
        "runs": max(len(own.get("history") or []) for own in told.values()),
        "several": any(len(_weights(own)) > 1 for own in told.values()),
        "scaled": MOST_SCALED,
        "cost": _cost(told),
    }


def _arm(arm: str, own: Run, whole: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Lay out one arm; `whole` is what the axes of all arms are to hold."""
    config = own.get("config") or {}
    signs = {sign: _runs(own, "signs", sign) for sign in whole}
    players = [player for player in PLAYERS if _runs(own, "history", f"{player}_cosine")]
    return {
        "arm": arm,
        "taught": bool(config.get("generated")),
        "in_words": own.get("in_words"),
        "parameters": own.get("parameters") or {},
        "progress": _progress(signs),
        "charts": [
            chart
            for name, sign, form in (
                ("on the validation images, larger is better", "accuracy", _percent),
                ("of the generated images, smaller is better", "distance", None),
            )
            if (
                chart := plots.line_chart(
                    f"{title(arm)}: {sign}",
                    [Curve(name, colour(arm), signs[sign])],
                    y_form=form,
                    within=whole[sign],
                )
            )
        ],
        "kept": _kept(own),
        "pulls": [chart for player in players if (chart := _pull(arm, own, player))],
        "conflicts": [said for player in players if (said := _conflicts(own, player))],
    }


def _percent(value: float) -> str:
    return f"{100 * value:.4g}%"


def _runs(own: Run, part: str, key: str) -> list[tuple[list[float], list[float]]]:
    """Return updates and values of a curve per replicate, without what is no finite number."""
    found = []
    for run in own.get(part) or []:
        if run and run.get("update") and run.get(key):
            pairs = zip(run["update"], numbers(run[key]).tolist(), strict=False)
            there = [(x, y) for x, y in pairs if y == y]
            if there:
                found.append(([x for x, _ in there], [y for _, y in there]))
    return found


def _progress(signs: Mapping[str, Sequence[tuple[list[float], list[float]]]]) -> str:
    """Say how far both objectives came, mean over the replicates."""
    if not all(signs.values()):
        return ""
    ends = {sign: [fmean(ys[i] for _, ys in runs) for i in (0, -1)] for sign, runs in signs.items()}
    (sure, surer), (far, near) = ends["accuracy"], ends["distance"]
    judged = {
        (True, True): "Both got better",
        (True, False): "The classifier got better, the images did not",
        (False, True): "The images got better, the classifier did not",
        (False, False): "Neither got better",
    }[surer > sure, near < far]
    return (
        f"{judged} over the training: accuracy went from {percent(sure)} to {percent(surer)}, the "
        f"distance of the images from {away(far)} to {away(near)}."
    )


def _pull(arm: str, own: Run, player: str) -> LineChart | None:
    """Draw how hard each objective pulled a player."""
    whose, to_adversary, to_class = PULLS[player]
    return plots.line_chart(
        f"{title(arm)}: pull on the {whose}",
        [
            Curve(to_adversary, 1, _runs(own, "history", f"{player}_adversarial")),
            Curve(to_class, 2, _runs(own, "history", f"{player}_classification")),
        ],
    )


def _conflicts(own: Run, player: str) -> str:
    """Say in how many updates a player's two gradients pointed away from each other."""
    ends = [(xs[-1], ys[-1]) for xs, ys in _runs(own, "history", f"{player}_conflicts")]
    updates, count = sum(x for x, _ in ends), sum(y for _, y in ends)
    if not updates:
        return ""
    cosine = fmean(y for _, ys in _runs(own, "history", f"{player}_cosine") for y in ys)
    said = "0.00" if abs(cosine) < 0.005 else f"{cosine:.2f}".replace("-", "−")
    return (
        f"the {PLAYERS[player]} in {percent(count / updates, 0)} of all updates "
        f"({count:,.0f} of {updates:,.0f}, mean cosine {said})"
    )


def _tried(own: Run) -> Iterator[list[dict[str, Any]]]:
    """Give what each replicate tried of an arm; records of earlier versions tell nothing."""
    return (tried for tried in own.get("tried") or [] if tried)


def _chosen(own: Run) -> list[dict[str, Any]]:
    """Return what validation chose, replicate by replicate.

    Earlier versions chose in each alone: whatever was surest of the right class.
    """
    tried = list(_tried(own))
    if own.get("chosen"):
        pairs = zip(own["chosen"], tried, strict=True)
        return [next(one for one in rows if one["weight"] == weight) for weight, rows in pairs]
    return [max(rows, key=lambda one: one["probability"]) for rows in tried]


def _weights(own: Run) -> list[float]:
    return list(dict.fromkeys(one["weight"] for tried in _tried(own) for one in tried))


def _kept(own: Run) -> str:
    """Say which updates were kept of the trainings that were chosen."""
    chosen = _chosen(own)
    if not chosen:
        return ""
    said = {
        name: ", ".join(_same(f"{one[key]:,}" for one in chosen))
        for name, key in (("classifier", "update"), ("generator", "generator_update"))
        if all(one.get(key) is not None for one in chosen)
    }
    kept = [f"the {name} of training step {steps}" for name, steps in said.items()]
    if len(_weights(own)) > 1:
        weights = _same(short(one["weight"]) for one in chosen)
        kept.insert(0, f"weight of classification {', '.join(weights)}")
    return f"Kept: {'; '.join(kept)}." if kept else ""


def _same(values: Iterable[str]) -> list[str]:
    """Return values, or one of them where they are all the same."""
    found = list(values)
    return found[:1] if len(set(found)) == 1 else found


def _weighed(own: Run) -> list[Weighed]:
    """Return the means of each weight whose samples were compared with real images."""
    found = []
    for weight in sorted(_weights(own)):
        pairs = tuple(
            (one["distance"], one["accuracy"])
            for tried in _tried(own)
            for one in tried
            if one["weight"] == weight and _there(one.get("distance")) and _there(one["accuracy"])
        )
        if pairs:
            means = fmean(a for _, a in pairs), fmean(d for d, _ in pairs)
            found.append(Weighed(weight, *means, pairs))
    return found


def _there(value: float | None) -> bool:
    return value is not None and bool(numbers([value])[0] == value)


def _cost(told: Mapping[str, Run]) -> dict[str, Any] | None:
    """Lay out accuracy against distance by weight, where more than one was tried."""
    weighed = {arm: found for arm, own in told.items() if len(found := _weighed(own)) > 1}
    chart = _against(weighed)
    if not chart:
        return None
    times = {arm: Counter(one["weight"] for one in _chosen(told[arm])) for arm in weighed}
    return {
        "chart": chart,
        "lines": [
            {"arm": arm, "text": f"{_price(found)} {_choice(times[arm])}"}
            for arm, found in weighed.items()
        ],
        "shared": any(arm != "three-player" for arm in weighed),
        "third": "three-player" in weighed,
        "rows": [
            {
                "arm": arm,
                "weights": [
                    {
                        "weight": short(one.weight),
                        "accuracy": percent(one.accuracy),
                        "distance": away(one.distance),
                        "times": times[arm][one.weight],
                    }
                    for one in found
                ],
            }
            for arm, found in weighed.items()
        ],
    }


def _against(weighed: Mapping[str, Sequence[Weighed]]) -> Scatter | None:
    return scatter(
        "Accuracy against distance, by the weight of classification",
        [
            Series(
                title(arm),
                colour(arm),
                [
                    Point(
                        short(one.weight),
                        one.distance,
                        one.accuracy,
                        one.replicates if len(one.replicates) > 1 else (),
                    )
                    for one in found
                ],
            )
            for arm, found in weighed.items()
        ],
        x_form=lambda x: f"Fréchet distance {away(x)}",
        y_form=_percent,
    )


def _price(found: Sequence[Weighed]) -> str:
    """Say what the best classifier cost in images, and the best images in accuracy."""
    surest = max(found, key=lambda one: (one.accuracy, -one.distance))
    nearest = min(found, key=lambda one: (one.distance, -one.accuracy))
    if surest is nearest:
        return (
            f"weight {short(surest.weight)} gave both the best classifier and the images nearest "
            f"to real ones ({surest.told()}): there neither objective cost the other anything."
        )
    added = away(surest.distance - nearest.distance)
    lost = points(surest.accuracy - nearest.accuracy).lstrip("+")
    return (
        f"the best classifier came from weight {short(surest.weight)} ({surest.told()}), the "
        f"images nearest to real ones from weight {short(nearest.weight)} ({nearest.told()}). So "
        f"the best classifier cost {added} in distance, and the best images cost {lost} points of "
        f"accuracy."
    )


def _choice(times: Counter[float]) -> str:
    """Say which weight validation chose; in replicates of earlier versions, how often."""
    of = sum(times.values())
    (first, count), *others = times.most_common()
    if not others:
        return f"Validation chose weight {short(first)}."
    said = [f"{short(first)} in {count} of {of} replicates"]
    said += [f"{short(weight)} in {count}" for weight, count in others]
    return f"Validation chose weight {', weight '.join(said)}."


def away(value: float) -> str:
    """Write a distance: to one decimal, or with two digits if it is small or large."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"
