"""The README's measured numbers, written from the files under experiments/results.

    python -m experiments.tables

A test compares what stands in the README with what this makes of the results.
"""

import json
import re
import statistics
from pathlib import Path
from typing import Any

from experiments import image_tables, joint_tables, restoration_tables, study_tables
from ganjax.study.arms import CONTROL

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parents[1] / "README.md"
STUDIES = (
    "study_digits",
    "study_folder",
    *(f"study_fashion_{name}" for name in ("10", "20", "50", "100", "500", "tail")),
)


def main() -> None:
    """Write the tables into the README."""
    text = README.read_text()
    for name, table in tables().items():
        text = put(text, name, table)
    README.write_text(text)


def put(text: str, name: str, table: str) -> str:
    """Replace what stands between the marks of a name."""
    marked = rf"<!-- {name} -->.*?<!-- /{name} -->"
    if not re.search(marked, text, flags=re.DOTALL):
        raise ValueError(f"README has no marks <!-- {name} --> and <!-- /{name} -->")
    replacement = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
    return re.sub(marked, lambda _: replacement, text, flags=re.DOTALL)


def tables() -> dict[str, str]:
    """Make every table of the README."""
    return {
        "measured": measured(),
        "answers": answers(),
        "data": data(),
        "export": export(),
        "speed": speed(),
        "quality": time_to_quality(),
        "survive": survival(),
        "precision": precision(),
        "scaling": scaling(),
        "experiments": experiments(),
        "metrics": image_tables.metrics(),
        "full_set": image_tables.full_set(),
        "sweep": image_tables.sweep(),
        "equal_time": image_tables.equal_time(),
        "audit": image_tables.audit(),
        "sham": image_tables.sham(),
        "joint": joint_tables.joint(),
        "joint_scores": joint_tables.scores(),
        "joint_weights": joint_tables.weights(),
        "choice": study_tables.choice(),
        "averaging": study_tables.averaging(),
        "restoration": restoration_tables.restoration(),
        "ceiling": restoration_tables.ceiling(),
        "trade_off": restoration_tables.trade_off(),
    }


def measured() -> str:
    """Say what the first command costs."""
    found = _read("first_run")
    return (
        f"The first takes {found['cold']['seconds']:.0f} s the first time, compilation included, "
        f"{found['warm']['seconds']:.0f} s once compiled, and {found['peak_memory_gb']} GB of "
        f"memory on {found['environment']['cores']} cores ({found['environment']['processor']}; "
        "`python -m experiments.benchmarks.first_run`)."
    )


def answers() -> str:
    """Tabulate the studies: what was asked, what came out, with intervals."""
    rows = [
        "| source, per class | replicates | best without | best with | gain (95 %) "
        "| against noise | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    notes: list[str] = []
    for name in STUDIES:
        if not (RESULTS / f"{name}.json").exists():
            continue
        found = _read(name)
        decisive = next(row for row in found["comparisons"] if row["decisive"])
        imbalance = found["config"].get("imbalance", 1)
        tail = f" to {found['per_class'] / imbalance:g}" if imbalance > 1 else ""
        verdict = {True: "helps", False: "does not help", None: "cannot tell"}
        rows.append(
            f"| [{found['source']}, {found['per_class']}{tail}](experiments/results/{name}.json) "
            f"| {found['replicates']} "
            f"| {_percent(found['arms'][decisive['baseline']]['accuracy'])} "
            f"| {_percent(found['arms'][decisive['arm']]['accuracy'])} "
            f"| {_points(decisive)} | {_against_noise(name, decisive)} "
            f"| {verdict[found['verdict']['helps']]} |"
        )
        if minority := found.get("minority"):
            notes += ["", _minority(name, found, minority, tail)]
    return "\n".join([*rows, *notes])


def _against_noise(name: str, decisive: dict[str, Any]) -> str:
    """Say what the best arm with generated images gained against noise in their place."""
    for rival in decisive.get("rivals") or []:
        if rival["baseline"] == CONTROL:
            return _points(rival)
    added = _added(name)
    return f"{_points(added['generated_minus_noise'])} (1)" if added else ""


def _added(name: str) -> dict[str, Any] | None:
    """Return what the control scored that was added to a study when it was over."""
    studies: dict[str, Any] = _read("noise_control")["studies"]
    return studies.get(name.removeprefix("study_").replace("_", "-"))


def _minority(name: str, found: dict[str, Any], minority: dict[str, Any], tail: str) -> str:
    """Say what generated images did for the classes with few images."""
    against = {row["baseline"]: _points(row) for row in minority["comparisons"]}
    noise = against.get(CONTROL)
    if added := _added(name):
        noise = f"{_points(added['minority'])} (1)"
    return (
        f"With {found['per_class']}{tail} images per class: on the {len(minority['classes'])} "
        "classes with the fewest the best arm with generated images gained "
        f"{against['class-balanced resampling']} points against class-balanced resampling alone, "
        f"{against['classical']} against the best arm without them, {noise} against noise in their "
        "place."
    )


def _points(row: dict[str, float]) -> str:
    low, high = (f"{100 * row[name]:+.1f}" for name in ("low", "high"))
    return f"{100 * row['difference']:+.1f} ({low} to {high})"


def speed() -> str:
    """Tabulate the steps against their peers, and say on what machine."""
    found = _read("compare_cpu")
    rows = ["| work | images/s | times the peer (smallest to largest) |", "| --- | --- | --- |"]
    for work, row in found["cases"].items():
        ratio = row["ratio"]
        rate = statistics.median(one["images_per_s"] for one in row["ganjax"])
        rows.append(
            f"| `{work}` | {rate:,.0f} | {ratio['median']:.2f} ({ratio['min']:.2f} to "
            f"{ratio['max']:.2f}), {row['peer'][0]['system']} |"
        )
    machine = found["environment"]
    rows += ["", f"On {machine['cores']} cores ({machine['processor']}); `{found['command']}`."]
    return "\n".join(rows)


def time_to_quality() -> str:
    """Say how long it takes to be as good as the peer."""
    found = _read("time_to_quality")
    outcome = found["outcome"]
    return (
        f"Quality per second: after {outcome['peer_seconds']:.0f} s on Fashion-MNIST the PyTorch "
        f"DCGAN's samples lie {outcome['distance']:.1f} (Frechet distance on a fixed classifier's "
        f"features) from the test images; ganjax's are nearer after {outcome['seconds']:.0f} s, "
        f"{outcome['seconds_with_compilation']:.0f} s with compilation "
        "([curves](experiments/results/time_to_quality.json))."
    )


def precision() -> str:
    """Say what bfloat16 costs."""
    found = _read("precision")
    means = {
        score: {name: statistics.mean(values) for name, values in found[score].items()}
        for score in ("distance", "accuracy")
    }
    seeds = len(found["distance"]["float32"])
    return (
        f"What bfloat16 costs in quality, {seeds} seeds on Fashion-MNIST (`{found['command']}`): "
        f"the accuracy of a small classifier goes from {means['accuracy']['float32']:.1%} to "
        f"{means['accuracy']['bfloat16']:.1%}, the Frechet distance of a DCGAN after 1,000 updates "
        f"from {means['distance']['float32']:.0f} to {means['distance']['bfloat16']:.0f} "
        "(smaller is better): for the last bit of image quality, give `--gan.precision float32`."
    )


LINK = 50e9
"""Bytes per second of a 400 Gb/s network card, one per GPU."""


def data() -> str:
    """Say how fast images are read, what streaming costs, and what near duplicates are found."""
    decode, streaming = _read("decode"), _read("streaming")
    seconds = decode["seconds"]
    found = _read("duplicates")["sources"]
    kinds = {
        "jpeg": "JPEG at quality 50", "smaller": "to 75 % and back", "larger": "to 150 % and back",
        "brighter": "5 % brighter", "moved": "moved by 1 pixel", "noisy": "2 % noise",
    }  # fmt: skip
    rows = [
        f"| set | near search | {' | '.join(kinds.values())} |",
        f"| --- | --- | {' | '.join('---' for _ in kinds)} |",
    ]
    for name, one in found.items():
        recall = " | ".join(f"{one['found'][kind]:.0%}" for kind in kinds)
        rows.append(f"| {name}, {one['images']:,} | {one['seconds']:.1f} s | {recall} |")
    return "\n".join(
        [
            f"Measured on 2 cores: {decode['images']:,} JPEGs of 32x32 take "
            f"{seconds['into the cache']['median']:.1f} s, and "
            f"{seconds['from the cache']['median']:.1f} s once cached (`python -m "
            f"experiments.benchmarks.decode`). {_streamed(streaming)}",
            "",
            "How many of 1,000 edited images are recognised as near duplicates of their originals; "
            "the limits were chosen on the two larger sets, so this is a fit, not a test (`python "
            "-m experiments.benchmarks.duplicates`):",
            "",
            *rows,
            "",
            _fuzzed(_read("fuzz")),
        ]
    )


def _fuzzed(found: dict[str, Any]) -> str:
    read = found["pixels"] + found["refused"]
    findings = sum(found["findings"].values())
    return (
        f"Of {read:,} damaged copies of {found['images']} real images, {found['refused']:,} were "
        f"refused with a reason and the others read; {findings} ended otherwise, in a crash, after "
        f"more than 5 s or with more than 1 GB (`{found['command']}`)."
    )


def _streamed(found: dict[str, Any]) -> str:
    time, memory = found["time"], found["memory"]
    ratio = time["streamed_over_resident"]
    streamed = memory["streamed"]
    return (
        f"Streamed, {time['images']:,} images of 32x32 train at {ratio['median']:.1%} of the rate "
        f"({ratio['min']:.1%} to {ratio['max']:.1%}) that they have on the device, at "
        f"{time['resident_ms']:.0f} ms a step; over an epoch of {streamed['set_gb']:.1f} GB with "
        f"{streamed['device_memory_gb']} GB allowed, the memory in use changed by "
        f"{streamed['growth_of_held_mb']:+.0f} MB (`{found['command']}`)."
    )


def export() -> str:
    """Say how fast sets are written."""
    rates = _read("export")["images_per_s"]
    return (
        f"Measured on 2 cores, 32x32 colour: {rates['write folder']['median']:,} images a second "
        f"as a folder, {rates['write tfds']['median']:,} as tfds, "
        f"{rates['write npz']['median']:,} as npz; "
        f"{rates['generate and write folder']['median']:,} with their generation (`python -m "
        "experiments.benchmarks.export`)."
    )


SUSTAINED = 100e12
"""FLOP per second that a GPU is assumed to reach; the slower it computes, the better it scales."""


def survival() -> str:
    """Say what kills and signals did, and what the guard saved of a collapse."""
    found, collapse = _read("survive"), _read("collapse")["outcome"]
    train, study, signals = (found[part] for part in ("train", "study", "signals"))

    def count(name: str) -> int:
        return train[name] + study[name]

    return (
        f"Measured: after {train['kills']} SIGKILLs of a training, {train['inside_a_save']} of "
        f"them inside a save, and {study['kills']} of a study, {count('lost')} checkpoints were "
        f"lost, {count('damaged')} folders damaged, and {count('wrong')} of {count('finished')} "
        "runs ended otherwise than the undisturbed one, byte by byte; of "
        f"{signals['sent']} signals {signals['code_75_and_a_line']} ended with code 75 and the "
        f"command to go on, after at most {signals['longest_s']:.1f} s (`{found['command']}`). "
        "A DCGAN on 200 images without T(x) collapses (`python -m experiments.collapse --data-dir "
        "~/tensorflow_datasets`): the Frechet distance to real images of its last state is "
        f"{collapse['unguarded_last']:.0f}, of the state that was kept {collapse['guarded']:.0f}; "
        f"the best of all, which nobody knows who has not the real images, "
        f"{collapse['unguarded_best']:.0f}."
    )


def scaling() -> str:
    """Tabulate what compiled programs say of many devices, and what follows on a network."""
    found = _read("scaling")
    rows = [
        "| devices | GFLOP per device | MB exchanged, copied / spread | state per device, spread "
        "| efficiency at 64 / 1,024 images per device |",
        "| --- | --- | --- | --- | --- |",
    ]
    by_state = {(row["devices"], row["state"]): row for row in found["rows"]}
    for devices in sorted({row["devices"] for row in found["rows"]}):
        copied, spread = by_state[devices, "copied"], by_state[devices, "spread"]
        moved = [sum(row["collectives"].values()) / 1e6 for row in (copied, spread)]
        efficient = [
            efficiency(copied, devices, images / found["images_per_device"])
            for images in (64, 1024)
        ]
        rows.append(
            f"| {devices} | {copied['flops'] / 1e9:.2f} | {moved[0]:.2f} / {moved[1]:.2f} "
            f"| {spread['state_bytes'] / 1e6:.2f} MB | {efficient[0]:.0%} / {efficient[1]:.0%} |"
        )
    return "\n".join(rows)


def efficiency(row: dict[str, Any], devices: int, larger: float) -> float:
    """Return compute / (compute + exchange) of a step, nothing overlapped, by a ring."""
    compute = larger * row["flops"] / SUSTAINED
    exchange = 2 * (devices - 1) / devices * sum(row["collectives"].values()) / LINK
    return compute / (compute + exchange)


def experiments() -> str:
    """List the experiments with their commands and scores."""
    found = _read("mlp_gan")
    score = {name: _interval(row) for name, row in found["trained_on"].items()}
    return (
        f"- `{found['command']}`: the tutorials' fully connected GAN on all of Fashion-MNIST, "
        f"{found['config']['updates']:,} updates in {found['gan_seconds'] / 60:.1f} minutes. "
        f"Classifiers trained on {found['config']['generated']:,} of its images recognise "
        f"{score['generated']} of the test images; trained on as many real ones, {score['real']} "
        "([samples](experiments/results/mlp_gan.png)).\n"
        "- `python -m experiments.study_digits`: the studies in the table above.\n"
        "- `python -m experiments.collapse --data-dir ~/tensorflow_datasets`: what the guard saves "
        "of a training that collapses."
    )


def _percent(accuracy: dict[str, Any]) -> str:
    return _interval({"accuracy": accuracy["mean"], **accuracy})


def _interval(row: dict[str, Any]) -> str:
    return f"{row['accuracy']:.1%} ({row['low']:.1%} to {row['high']:.1%})"


def _read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


if __name__ == "__main__":
    main()
