"""Seconds until a DCGAN on Fashion-MNIST is as good as PyTorch's after ten minutes of training.

    python -m experiments.benchmarks.time_to_quality peer --data-dir ~/tensorflow_datasets \
        --peer PEERS/gan_train.py --peer-python ~/peers/bin/python
    python -m experiments.benchmarks.time_to_quality ours --data-dir ~/tensorflow_datasets

One after the other, on an otherwise idle machine. The peer trains for --seconds and leaves 10,000
samples at ten times; ours then trains until its samples have been nearer to the real images than
the peer's last ones at three looks in a row, the first of which counts. Both use the same 60,000
training images, batches of 64, 100 normal latents and every core; compilation is told apart, and
neither sampling nor judging counts as training. --conditional gives both the labels.

"Near" is the Frechet distance (arXiv 1706.08500) on the features of experiments/feature_network.py,
from 10,000 samples to the 10,000 test images. The distance to the training images stands beside it:
our recipe was chosen by that one. Results go to experiments/results/time_to_quality.json as they
come, work to --work; the same command again goes on where it was.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np

from experiments import feature_network
from experiments.tables import RESULTS
from ganjax import environment, models, training
from ganjax.data import loader, sources
from ganjax.data.atomic import write_arrays_atomically, write_json_atomically
from ganjax.metrics import frechet_distance
from ganjax.synthesis.sample import balanced_labels, sample_images
from ganjax.training.checkpoint import Checkpoints
from ganjax.training.loop import repeat
from ganjax.typing import Key

SAMPLES = 10_000
IN_A_ROW = 3
"""Looks in a row that must find ours under the peer, so that one lucky look does not count."""

Judge = Callable[[np.ndarray], dict[str, float]]
COMMAND = "python -m experiments.benchmarks.time_to_quality {} --data-dir ~/tensorflow_datasets"
Curve = dict[str, list[float]]
"""`seconds` trained, `steps`, and the distances to `test` and `train`, one value per look."""


def config() -> dict[str, Any]:
    """Return the recipe: networks, rates, and how often samples are looked at."""
    return {
        "width": 32,
        "batch_size": 64,
        "latent_size": 100,
        "generator_rate": 1e-3,
        "discriminator_rate": 1e-3,
        "ema_decay": 0.999,
        "steps_per_call": 50,
        "seconds_per_look": 15.0,
    }


def main() -> None:
    """Run one of the two parts, write what was measured, say it."""
    args = arguments()
    source = loader.at_network_size(sources.load("tfds:fashion_mnist", data_dir=args.data_dir))
    file = RESULTS / f"time_to_quality{'_conditional' if args.conditional else ''}.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    found["features"] = {"sha256": feature_network.sha256(), "samples": SAMPLES}
    found["environment"] = environment.describe()
    part = run_peer if args.part == "peer" else run_ours
    part(args, source, found, lambda: write_json_atomically(file, found))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("peer", "ours"))
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--seconds", type=float, default=600, help="of training, at most")
    parser.add_argument("--conditional", action="store_true", help="train with labels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peer", type=Path, help="the peer's script gan_train.py")
    parser.add_argument("--peer-python", default=sys.executable, help="a Python that has PyTorch")
    parser.add_argument("--work", type=Path, default=Path("runs/time_to_quality"))
    args = parser.parse_args()
    if args.part == "peer" and not (args.peer and args.peer.is_file()):
        parser.error("the part 'peer' needs --peer, the path of gan_train.py")
    args.work = args.work / ("conditional" if args.conditional else "unconditional")
    return args


def run_peer(
    args: argparse.Namespace, source: sources.Source, found: dict[str, Any], write: Callable
) -> None:
    """Train the peer unless its samples are there, and judge them."""
    samples = args.work / "samples.npz"
    if not samples.exists():
        images = args.work / "train.npz"
        write_arrays_atomically(images, images=source.train.images, labels=source.train.labels)
        command = [args.peer_python, args.peer, "--images", images, "--out", samples]
        command += ["--seconds", args.seconds, "--count", SAMPLES, "--seed", args.seed]
        command += ["--conditional"] if args.conditional else []
        subprocess.run([str(word) for word in command], check=True)
    judge, curve = judge_by(source), empty_curve()
    with np.load(samples, allow_pickle=False) as file:
        for look, (seconds, steps) in enumerate(
            zip(file["seconds"], file["steps"], strict=True), start=1
        ):
            note(curve, float(seconds), int(steps), judge(file[f"images_{look}"]))
    recorded = COMMAND.format("peer") + " --peer PEERS/gan_train.py --peer-python PYTHON"
    found["peer"] = {"command": recorded, "seed": args.seed, "curve": curve}
    write()


def run_ours(
    args: argparse.Namespace, source: sources.Source, found: dict[str, Any], write: Callable
) -> None:
    """Train until the samples stay under the peer's last ones, or for `--seconds`."""
    if "peer" not in found:
        raise SystemExit("run the part 'peer' first: its last distance is what ours must reach")
    c, key = config(), jax.random.key(args.seed)
    gan = recipe(c, classes=10 if args.conditional else None)
    data, state = loader.to_device(source.train), jax.jit(gan.init)(key)
    call, compilation = compiled(gan, c, state, data, key)
    store = Checkpoints(args.work / "ours")
    state, curve = begin(store, state, args, found.get("ours", {}))
    judge, labels = judge_by(source), balanced_labels(SAMPLES, 10)
    target = found["peer"]["curve"]
    trained, steps = (curve["seconds"] or [0.0])[-1], int((curve["steps"] or [0])[-1])
    while trained < args.seconds and stays_under(curve, target["test"][-1]) is None:
        look = trained + c["seconds_per_look"]
        while trained < look:
            start = perf_counter()
            state, _ = jax.block_until_ready(call(state, data, key))
            trained += perf_counter() - start
            steps += c["steps_per_call"]
        images = sample_images(gan, state, jax.random.fold_in(key, 1), labels)
        note(curve, trained, steps, judge(images))
        found["ours"] = {
            "command": COMMAND.format("ours"), "recipe": c, "seed": args.seed,
            "compile_seconds": compilation, "curve": curve,
        }  # fmt: skip
        found["outcome"] = outcome(target, curve, compilation)
        write()
        store.save(steps, state, curve)
    store.wait()
    store.close()
    print(json.dumps(found.get("outcome"), indent=1))


def begin(
    store: Checkpoints, state: training.GANState, args: argparse.Namespace, before: dict[str, Any]
) -> tuple[training.GANState, Curve]:
    """Return the state and curve that an earlier run left, or the initial ones."""
    if store.latest() is None:
        return state, empty_curve()
    if (before.get("recipe"), before.get("seed")) != (config(), args.seed):
        raise SystemExit(f"{args.work} holds the training of another recipe; give another --work")
    found = store.restore(like=state)
    return found.state, found.record


def recipe(c: dict[str, Any], *, classes: int | None) -> training.GAN:
    """Return the GAN of a recipe."""
    return training.gan(
        models.dcgan_generator(width=c["width"], latent_size=c["latent_size"], classes=classes),
        models.dcgan_discriminator(width=c["width"], classes=classes),
        generator_optimizer=training.adam(c["generator_rate"]),
        discriminator_optimizer=training.adam(c["discriminator_rate"]),
        ema_decay=c["ema_decay"],
    )


def compiled(
    gan: training.GAN, c: dict[str, Any], state: training.GANState, data: loader.Resident, key: Key
) -> tuple[Callable[..., Any], float]:
    """Return the many-step call, compiled, and the seconds that took; no cache is used."""

    def draw(key: Key, data: loader.Resident):
        return loader.sample_batch(key, data, c["batch_size"])

    start = perf_counter()
    jitted: Any = repeat(gan.step, draw)
    call = jitted.lower(state, data, key, steps=c["steps_per_call"]).compile()
    return call, perf_counter() - start


def judge_by(source: sources.Source) -> Judge:
    """Return what tells the distances of samples, uint8 `[n, 32, 32, 1]`, from the real splits."""
    assert source.test is not None
    features = feature_network.load()
    splits = {"test": source.test.images, "train": source.train.images}
    real = {name: feature_network.moments_of(features, images) for name, images in splits.items()}

    def distances(images: np.ndarray) -> dict[str, float]:
        made = feature_network.moments_of(features, images)
        return {name: frechet_distance(made, own) for name, own in real.items()}

    return distances


def empty_curve() -> Curve:
    """Return a curve without looks."""
    return {"seconds": [], "steps": [], "test": [], "train": []}


def note(curve: Curve, seconds: float, steps: int, distances: dict[str, float]) -> None:
    """Add a look to a curve, and say it."""
    for name, value in {"seconds": seconds, "steps": steps, **distances}.items():
        curve[name].append(value)
    print(
        f"{seconds:6.1f} s, {steps:,} steps: {distances['test']:.2f} from the test images, "
        f"{distances['train']:.2f} from the training images",
        flush=True,
    )


def stays_under(curve: Curve, target: float) -> float | None:
    """Return the seconds of the first of `IN_A_ROW` looks in a row under a distance, or None."""
    under = [distance < target for distance in curve["test"]]
    for look in range(len(under) - IN_A_ROW + 1):
        if all(under[look : look + IN_A_ROW]):
            return curve["seconds"][look]
    return None


def outcome(peer: Curve, ours: Curve, compilation: float) -> dict[str, float | None]:
    """Compare the times to the peer's last distance."""
    target = peer["test"][-1]
    # The peer may have been as good before: its curve is not smooth.
    first = next(s for s, d in zip(peer["seconds"], peer["test"], strict=True) if d <= target)
    found: dict[str, float | None] = {
        "distance": target, "peer_seconds": peer["seconds"][-1], "peer_first_seconds": first,
    }  # fmt: skip
    seconds = stays_under(ours, target)
    if seconds is None:
        return {**found, "seconds": None}
    return {
        **found,
        "seconds": seconds,
        "seconds_with_compilation": seconds + compilation,
        "ratio": peer["seconds"][-1] / seconds,
        "ratio_with_compilation": peer["seconds"][-1] / (seconds + compilation),
        "ratio_to_peer_first": first / seconds,
    }


if __name__ == "__main__":
    main()
