"""`ganjax classify`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import Positional, arg

from ganjax.errors import quoted
from ganjax.terminal import Terminal

if TYPE_CHECKING:
    from ganjax.synthesis.classifying import Calibrated
    from ganjax.synthesis.predictions import Predicted, Score


@dataclass(frozen=True, kw_only=True)
class Classify:
    """Write a table of what a run's classifier says of images: classes and probabilities.

    Nothing is trained. Images are brought to the size and channels that the classifier was trained
    on; any folder of images will do. Where a folder above an image is named like a class, or the
    source tells labels, the accuracy is printed too. Probabilities are calibrated: by a temperature
    that was chosen on validation images.

    Examples:
      ganjax classify runs/digits folder:photos
      ganjax classify runs/digits folder:photos --out photos.csv --arm both --replicate 0
      ganjax classify runs/joint tfds:fashion_mnist --split test --data-dir ~/tensorflow_datasets
    """

    run_folder: Annotated[Positional[Path], arg(metavar="RUN")]
    """The --out of a `ganjax study`, or of a `ganjax train` with an --objective that classifies; or
    STUDY/replicates/N."""
    source: Annotated[Positional[str], arg(metavar="SOURCE")]
    """The images: folder:PATH, zip:PATH, npz:PATH, tfds:NAME or digits."""
    out: Path = Path("predictions.csv")
    """The table, a CSV file; one that is there is replaced."""
    arm: str | None = None
    """Of a study: whose classifier. By default that of the verdict: `both` where generated images
    help, else `classical`."""
    replicate: int | None = None
    """Of a study: from which draw, from 0; 0 by default."""
    split: Literal["train", "validation", "test", "unlabelled"] | None = None
    """Classify only this split of the source."""
    data_dir: str | None = None
    """Where prepared TFDS sets are."""
    on_bad: Literal["skip", "fail"] = "skip"
    """What is done about files that are no image: left out and listed beside the table, or stop."""

    def run(self, command: str) -> None:
        """Do it."""
        from ganjax.data.find_pictures import find_pictures
        from ganjax.data.pictures import Frame
        from ganjax.synthesis.classifiers import load_classifier
        from ganjax.synthesis.predictions import write_predictions

        progress = Terminal()
        classifier = load_classifier(
            self.run_folder, arm=self.arm, replicate=self.replicate, say=progress.say
        )
        pictures = find_pictures(
            self.source,
            Frame(classifier.size, classifier.channels, classifier.unpadded),
            classifier.class_names,
            data_dir=self.data_dir,
            split=self.split,
            say=progress.say,
        )
        for line in pictures.notes:
            progress.say(line)
        done = write_predictions(
            classifier, pictures, self.out, on_bad=self.on_bad, progress=progress
        )
        for line in _in_words(classifier, done, self.out):
            print(line)
        if done.score and self.source == classifier.source and self.split != "test":
            print("some of these images were trained on or chose: it knows others less well")


def _in_words(classifier: "Calibrated", done: "Predicted", out: Path) -> list[str]:
    from ganjax.data.quarantine import summary
    from ganjax.synthesis.predictions import quarantine_file

    lines = [
        f"{quoted(out)}: {int(done.counts.sum()):,} images",
        f"classifier: {classifier.name}, temperature {classifier.temperature:.2f}",
    ]
    if done.bad:
        lines.append(f"{summary(done.bad)}: all in {quoted(quarantine_file(out))}")
    if done.score:
        lines += _score(done.score)
    return lines


def _score(score: "Score") -> list[str]:
    return [
        f"accuracy: {score.accuracy:.1%} ({score.low:.1%} to {score.high:.1%}) of {score.images:,} "
        "labelled images",
        f"expected calibration error: {score.error:.1%} (without the temperature "
        f"{score.error_before:.1%})",
    ]
