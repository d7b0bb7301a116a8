"""What samples must pass before they are exported: to be no copies, and to be selected."""

from typing import Any, NamedTuple

import jax
import numpy as np

from ganjax.data.dataset import Dataset, Unread, joined
from ganjax.errors import UserError, quoted
from ganjax.progress import Progress
from ganjax.synthesis.audit import Audit, audit
from ganjax.synthesis.closeness import FEWEST, Auditor, auditor
from ganjax.synthesis.judge import Judge, train_judge
from ganjax.synthesis.sample import labels_in_turn, sample_images, sampled
from ganjax.synthesis.select import Candidates, Filter, agrees, thresholds, values
from ganjax.synthesis.sift import COPY, KEPT, UNSELECTED, Screen
from ganjax.synthesis.trained import Trained
from ganjax.synthesis.trained_on import Parts
from ganjax.typing import Key

AUDITED = 1000
"""Samples that the audit looks at, of each class as many as it has training images, in proportion;
and as many, of all classes alike, that the thresholds of a selection are set by."""

FEWEST_OF_A_CLASS = 20
"""Samples of each class that its threshold is set by."""

SAMPLES = 2**32 - 3
"""What the key of both is folded in with: no image has that number."""

NEARER = -3.0
"""The z of C_T below which it is told."""

COMPARED_BY = "grey pictures of 16x16 cells, whatever their brightness and contrast; mirrored too"


class Ranking(NamedTuple):
    """How samples are selected one by one.

    Attributes:
      how: the filter.
      judge: the classifier that "agreement" asks; None for others.
      thresholds: float64 `[classes]`, the value that a sample of each class must have; None where
        the filter needs none.
    """

    how: Filter
    judge: Judge | None
    thresholds: np.ndarray | None

    def selects(self, images: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Say which samples are selected: bool `[n]`."""
        logits = self.judge.logits(images) if self.judge else None
        if self.thresholds is None:
            assert logits is not None
            return agrees(logits, labels)
        found = values(self.how, Candidates(labels, logits, scores))
        return found >= self.thresholds[labels]


def ranking(gan: Trained, how: Filter, judge: Judge | None, key: Key) -> Ranking:
    """Set a filter's thresholds by samples of a GAN, for samples to be selected one by one.

    Args:
      gan: whose samples.
      how: "agreement" or "discriminator".
      judge: for "agreement".
      key: of the samples.
    """
    judge = judge if how.name == "agreement" else None
    if how.keep is None:
        return Ranking(how, judge, None)
    classes = gan.description.classes or 1
    each = max(AUDITED // classes, FEWEST_OF_A_CLASS)
    labels = labels_in_turn(np.full(classes, each))
    found, done = [], 0
    for drawn in sampled(gan.gan, gan.state, key, labels, scored=True):
        own = labels[done : done + len(drawn.images)]
        logits = judge.logits(drawn.images) if judge else None
        found.append(values(how, Candidates(own, logits, drawn.scores)))
        done += len(own)
    set_by = thresholds(np.concatenate(found), labels, how.keep, classes=classes)
    return Ranking(how, judge, set_by)


def screen_of(copies: Auditor | None, selection: Ranking | None) -> Screen:
    """Return what says of samples whether they are kept.

    Args:
      copies: drops copies of training images; None keeps them.
      selection: drops what is not selected; None keeps it.
    """

    def screen(images: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        reasons = np.full(len(images), KEPT, np.int8)
        if selection is not None:
            reasons[~selection.selects(images, labels, scores)] = UNSELECTED
        if copies is not None:
            reasons[copies.copies(copies.closeness(images))] = COPY
        return reasons

    return screen


class Screening(NamedTuple):
    """What samples pass on their way into a set.

    Attributes:
      screen: what drops them; None where nothing is dropped.
      configuration: what decides which are dropped, as JSON values.
      facts: what the manifest tells of it, as JSON values.
    """

    screen: Screen | None
    configuration: dict[str, Any]
    facts: dict[str, Any]


def screening(
    gan: Trained,
    how: Filter,
    keep_copies: bool,
    images: Parts | str,
    seed: int,
    progress: Progress,
) -> Screening:
    """Audit a GAN's samples, and make ready to drop those that are not to be exported.

    Args:
      gan: the GAN.
      how: how samples are selected.
      keep_copies: whether copies are only told of.
      images: the real images; or why there are none, and so no audit.
      seed: of the set.
      progress: where to tell how far it is, and what was found.

    Raises:
      UserError: the selection needs the training images, or labels.
    """
    key = jax.random.fold_in(jax.random.key(seed), SAMPLES)
    by, told = _audited(gan, images, key, progress)
    dropping = None if keep_copies else by
    copies: dict[str, Any] = {"dropped": dropping is not None, **told}
    decides: dict[str, Any] = {"copies": "dropped" if dropping else "kept"}
    if dropping:
        decides["threshold"] = dropping.threshold
    selection, chosen = _selection(gan, how, images, key, progress)
    if selection is not None:
        decides["selection"] = chosen
    screen = screen_of(dropping, selection) if dropping or selection else None
    return Screening(screen, decides, {"copies": copies, "selection": chosen})


def _audited(
    gan: Trained, images: Parts | str, key: Key, progress: Progress
) -> tuple[Auditor | None, dict[str, Any]]:
    """Audit some samples; return what they were compared with, and what the manifest tells."""
    found: Audit | None = None
    if isinstance(images, str):
        why = images
    elif len(images.fit) < FEWEST:
        why = f"there are only {len(images.fit)} training images"
    else:
        try:
            with progress.stage("look for copies", AUDITED, "samples") as tick:
                by = auditor(_seen(images), images.held_out)
                found = audit(by, as_trained(gan, images.fit.labels, key))
                tick(found.looked_at)
        except OSError as error:
            why = f"the training images cannot be read again: {quoted(error)}"
    if found is None:
        progress.say(f"no copy audit: {why}")
        return None, {"not_audited": why}
    progress.say(words(found))
    return by, {**found.to_json(), "compared_by": COMPARED_BY}


def _seen(images: Parts) -> Dataset | Unread:
    """Return all images that a generator may have copied, those without labels too."""
    if images.unlabelled is None:
        return images.fit
    fit, unlabelled = (own.take(np.arange(len(own))) for own in (images.fit, images.unlabelled))
    return joined(fit, unlabelled)


def as_trained(gan: Trained, trained_on: np.ndarray, key: Key) -> np.ndarray:
    """Draw samples to audit, whose classes are as frequent as those of the training images.

    Args:
      gan: whose samples.
      trained_on: the labels of its training images, int `[n]`; of no account for a GAN without.
      key: of the samples.

    Returns:
      uint8 `[about 1000, height, width, channels]`.
    """
    if gan.description.classes is None:
        labels = np.zeros(AUDITED, np.int32)
    else:
        counts = np.bincount(trained_on, minlength=gan.description.classes)
        labels = labels_in_turn(np.round(AUDITED * counts / counts.sum()).astype(np.int64))
    return sample_images(gan.gan, gan.state, key, labels)


def _selection(
    gan: Trained, how: Filter, images: Parts | str, key: Key, progress: Progress
) -> tuple[Ranking | None, dict[str, Any]]:
    """Make ready to select; also return what the manifest tells."""
    told: dict[str, Any] = {"by": how.name, "keep_fraction": how.keep}
    if how.name == "none":
        return None, told
    judge = None
    if how.name == "agreement":
        if gan.description.classes is None:
            raise UserError(
                "--select agreement: this GAN was trained without labels (--no-conditional): give "
                "--select discriminator"
            )
        if isinstance(images, str):
            raise UserError(f"--select agreement needs the training images: {images}")
        held_out = images.held_out
        judge = train_judge(
            images.fit,
            None if held_out is None else held_out.take(np.arange(len(held_out))),
            key,
            progress=progress,
        )
        told["classifier"] = {
            "trained_on": judge.trained_on,
            "held_out_accuracy": judge.accuracy,
            "sha256": judge.sha256,
        }
    found = ranking(gan, how, judge, key)
    if found.thresholds is not None:
        told["thresholds"] = found.thresholds.tolist()
    return found, told


def words(found: Audit) -> str:
    """Say in a line what an audit found."""
    chance = round(found.false_alarms * found.looked_at)
    told = (
        f"copies: {found.called_copies:,} of {found.looked_at:,} samples are as near to one "
        f"training image as a copy, {chance:,} would be by chance: "
    )
    if found.holds_copies:
        told += f"about {found.share:.1%} are copies (p = {found.p_value:.3f})"
    else:
        told += (
            f"no sign of copying (p = {found.p_value:.2f}; {found.smallest_share:.1%} would show)"
        )
    if found.copying_z is not None and found.copying_z < NEARER:
        told += (
            "; on the whole they lie nearer to the training images than held-out ones do "
            f"(C_T = {found.copying:.1f})"
        )
    return told
