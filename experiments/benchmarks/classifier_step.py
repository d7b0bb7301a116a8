"""How many images per second one training step of a CIFAR ResNet consumes.

    python -m experiments.benchmarks.classifier_step --depth 8 --width 16 --batch 128 --json

Cross-entropy, SGD(0.1) with momentum 0.9, no transforms (arXiv 1512.03385, section 4.2).
"""

import jax
import optax

from experiments.benchmarks import timing
from ganjax import models, training
from ganjax.training.loop import repeat
from ganjax.typing import Array, Batch, Key


def main() -> None:
    """Measure, and print."""
    parser = timing.parser(__doc__ or "")
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--size", type=int, default=32)
    timing.add_precision(parser)
    parser.set_defaults(steps=10)
    args = parser.parse_args()

    model = models.resnet_classifier(
        size=args.size, channels=args.channels, classes=10, depth=args.depth, width=args.width
    )
    if args.precision == "bfloat16":
        model = models.in_bfloat16(model)
    classifier = training.classifier(model, optimizer=optax.sgd(0.1, momentum=0.9))

    images_key, labels_key, init_key = jax.random.split(jax.random.key(0), 3)
    data = Batch(
        jax.random.normal(images_key, (args.batch, args.size, args.size, args.channels)),
        jax.random.randint(labels_key, (args.batch,), 0, 10),
    )

    def draw(key: Key, data: Batch) -> Batch:
        del key  # the same batch again and again: nothing is charged for loading
        return data

    call = repeat(classifier.step, draw)
    state = jax.jit(classifier.init)(init_key)
    params = models.parameter_count(state.variables)

    def block() -> Array:
        nonlocal state
        state, metrics = call(state, data, init_key, steps=args.steps)
        return metrics["loss"]

    found = timing.rates(block, args.batch * args.steps, args.blocks)
    timing.tell(args, {"params": params, **found})


if __name__ == "__main__":
    main()
