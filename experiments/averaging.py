"""Should a study's classifiers answer by their last weights, or by averaged ones?

    python -m experiments.study_fashion_mnist --data-dir ~/tensorflow_datasets --only 10 100 tail
    python -m experiments.averaging --data-dir ~/tensorflow_datasets

The second takes the draws and the GANs of the first from --runs, and trains the classifier of
those studies on each draw, by 800 updates at a quarter of the transforms' limits, alone and with a
quarter of each batch generated. Beside each training go averages of its weights (DECAYS, reached
gradually). All are asked about 5,000 other images of the TRAINING split; nobody chooses a moment.
Told are the accuracies, and the gain by generated images with its standard error over draws.

Results go to experiments/results/averaging.json as they come.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.study_fashion_mnist import DRAWS
from experiments.tables import RESULTS
from ganjax import environment, recipe
from ganjax.config import ClassifierConfig, StudyConfig
from ganjax.data import loader, sources
from ganjax.data.atomic import write_json_atomically
from ganjax.data.dataset import Dataset
from ganjax.data.loader import Resident, normalise, to_device
from ganjax.data.splits import Draw
from ganjax.progress import Silent
from ganjax.study.competition import mixed_batch, row_weights
from ganjax.study.prepare import prepare
from ganjax.synthesis import trained
from ganjax.training import ClassifierState
from ganjax.training.updates import averaged
from ganjax.typing import Array, Variables

FILE = RESULTS / "averaging.json"
DRAWN = ("per_class", "replicates", "seed", "imbalance", "validation_fraction")
"""Of a study's configuration, what its draws depend on."""

DECAYS = (0.0, 0.98, 0.99)
RATIOS = (0.0, 0.25)
STRENGTH, SAMPLES, JUDGED_BY, AT_A_TIME = 0.25, 5000, 5000, 500
CONFIG = ClassifierConfig()


def main() -> None:
    """Train on every draw, judge, write down and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="where TFDS prepared fashion_mnist")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--only", nargs="+", default=["10", "100", "tail"], choices=list(DRAWS))
    args = parser.parse_args()
    environment.use_compilation_cache()
    found = json.loads(FILE.read_text()) if FILE.exists() else {"rows": []}
    for name in args.only:
        right = compared(args.runs / f"fashion-{name}", args.data_dir)
        found["rows"] = [row for row in found["rows"] if row["draw"] != name]
        found["rows"] += [{"draw": name, "draws": right.shape[0], **row} for row in rows(right)]
        found["command"] = "python -m experiments.averaging --data-dir ~/tensorflow_datasets"
        found["environment"] = environment.describe()
        write_json_atomically(FILE, found)
        for row in found["rows"]:
            print(row, flush=True)


def rows(right: np.ndarray) -> Iterator[dict[str, Any]]:
    """Yield the figures of each decay, of accuracies in percent `[draws, ratios, decays]`."""
    for i, decay in enumerate(DECAYS):
        alone, together = right[:, 0, i], right[:, 1, i]
        gain = together - alone
        yield {
            "decay": decay,
            "alone": round(float(alone.mean()), 2),
            "together": round(float(together.mean()), 2),
            "gain": round(float(gain.mean()), 2),
            "error": round(float(gain.std(ddof=1) / np.sqrt(len(gain))), 2),
        }


def compared(run: Path, data_dir: str) -> np.ndarray:
    """Return accuracies in percent, float `[draws, ratios, decays]`, classes weighed alike."""
    if not (run / "config.json").exists():
        raise SystemExit(f"{run} holds no study: make it first, with the command above")
    stored = json.loads((run / "config.json").read_text())
    drawn = {name: stored[name] for name in DRAWN}
    config = StudyConfig(stored["source"], data_dir=data_dir, **drawn)
    train = loader.at_network_size(
        sources.load(config.source, data_dir=data_dir)
    ).train  # the test split is never read
    found = []
    for number, draw in enumerate(prepare(config, None, None, True, Silent()).draws):
        gan = trained.load(run / "replicates" / str(number))
        generated = Resident(*map(jnp.asarray, gan.sample(jax.random.key(number), SAMPLES)))
        judging = others(train, draw, number)
        averages = [taught(draw, generated, ratio, number) for ratio in RATIOS]
        found.append([[accuracy(own, judging) for own in each] for each in averages])
        print(f"{run}: draw {number + 1} trained", flush=True)
    return 100 * np.array(found)


def others(train: Dataset, draw: Draw, seed: int) -> Dataset:
    """Return training images that are not in a draw."""
    own = {image.tobytes() for part in (draw.fit, draw.validation) for image in part.images}
    order = np.random.default_rng(seed).permutation(len(train))
    free = (row for row in order if train.images[row].tobytes() not in own)
    return train.take(np.array([row for row, _ in zip(free, range(JUDGED_BY), strict=False)]))


def taught(draw: Draw, generated: Resident, ratio: float, seed: int) -> list[Variables]:
    """Train a classifier; return the averages of its weights, by decay."""
    fit = to_device(draw.fit)
    unbalanced = len(set(draw.fit.counts())) > 1
    weights = row_weights(fit.labels, jnp.float32(unbalanced), jnp.float32(1))
    _, size, _, channels = draw.fit.images.shape
    teach = program(size, channels, len(draw.fit.class_names)).teach
    return teach(jax.random.key(seed), fit, generated, jnp.float32(ratio), weights)


class Program(NamedTuple):
    """Jitted functions.

    Attributes:
      teach: `(key, fit, generated, ratio, weights) -> variables`, one for each decay.
      answer: `(variables, uint8 images) -> classes`.
    """

    teach: Callable[..., list[Variables]]
    answer: Callable[[Variables, np.ndarray], Array]


@cache
def program(size: int, channels: int, classes: int) -> Program:
    """Return the functions for images of a size, compiled once."""
    classifier = recipe.classifier(CONFIG, size=size, channels=channels, classes=classes)

    def teach(key, fit, generated, ratio, weights):
        def body(carry, _):
            state, averages = carry
            batch_key, step_key = jax.random.split(jax.random.fold_in(key, state.step))
            batch = mixed_batch(batch_key, fit, generated, ratio, CONFIG.batch_size, weights)
            after = classifier.step(state, batch, step_key, STRENGTH)[0]
            follow = partial(averaged, params=after.variables, step=state.step)
            averages = [follow(own, most=m) for own, m in zip(averages, DECAYS, strict=True)]
            return (after, averages), None

        state = classifier.init(key)
        begin = state, [state.variables] * len(DECAYS)
        return jax.lax.scan(body, begin, None, length=CONFIG.updates)[0][1]

    def answer(variables, images):
        state = ClassifierState(jnp.zeros((), jnp.int32), variables, ())
        return jnp.argmax(classifier.logits(state, normalise(images)), axis=-1)

    return Program(jax.jit(teach), jax.jit(answer))


def accuracy(variables: Variables, judging: Dataset) -> float:
    """Return the part of images whose class is right, the mean over classes."""
    _, size, _, channels = judging.images.shape
    answer = program(size, channels, len(judging.class_names)).answer
    parts = np.split(judging.images, len(judging) // AT_A_TIME)
    right = np.concatenate([answer(variables, part) for part in parts]) == judging.labels
    return float(np.mean([right[judging.labels == label].mean() for label in set(judging.labels)]))


if __name__ == "__main__":
    main()
