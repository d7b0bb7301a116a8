"""Which of a GAN's samples get into a replicate's pool: no copies, and those that are selected.

It is what `ganjax synthesize` would export, so that a study measures just that. But a study must
not end because a GAN has learnt its images by heart: where a class cannot be filled without copies,
or without those that are not selected, they are kept, and the record says so.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from ganjax.config import StudyConfig
from ganjax.data.loader import Resident
from ganjax.data.splits import Draw
from ganjax.errors import UserError
from ganjax.progress import Progress
from ganjax.study import choosing
from ganjax.synthesis.closeness import FEWEST, Auditor, auditor
from ganjax.synthesis.judge import Judge, train_judge
from ganjax.synthesis.sample import balanced_labels
from ganjax.synthesis.screening import SAMPLES, Ranking, ranking, screen_of
from ganjax.synthesis.select import Choice, Filter
from ganjax.synthesis.sift import Dropped, Selection, Unfilled, sift
from ganjax.synthesis.trained import Trained
from ganjax.typing import Key

JUDGE, CHOICE, THRESHOLDS = range(3)
"""What the key of a selection is folded in with; that of an inspection is the next one."""


class Selected(NamedTuple):
    """The samples that a replicate uses, and what was thrown away for them.

    Attributes:
      images: host arrays.
      copies: what they were compared with; None where they were not.
      dropped: some samples that were dropped.
      told: what `results.json` tells of it, as JSON values; see `ganjax.study.summary`.
    """

    images: Resident
    copies: Auditor | None
    dropped: Dropped
    told: dict[str, Any]


def beside(key: Key) -> Key:
    """Return a key apart from those of a pool's images, which fold their numbers into it."""
    return jax.random.fold_in(key, SAMPLES)


def select(config: StudyConfig, gan: Trained, draw: Draw, key: Key, progress: Progress) -> Selected:
    """Draw a replicate's pool: as many images as it holds, of all classes in turn.

    Args:
      config: of the study.
      gan: trained on the draw.
      draw: its training images, and those that choose a filter.
      key: of the images; where none is dropped, they are those that `gan.sample` draws with it.
      progress: where to tell how far it is, and what could not be had.
    """
    notes: list[str] = []
    copies = None
    if len(draw.fit) < FEWEST:
        notes.append(
            f"copies were not looked for: there are only {len(draw.fit)} training images, and it "
            f"takes {FEWEST}"
        )
    else:
        copies = auditor(draw.fit, draw.validation)
    how, scores, judge = _filter(config, gan, draw, copies, beside(key), notes, progress)
    chosen = None
    if how.name != "none":
        chosen = ranking(gan, how, judge, jax.random.fold_in(beside(key), THRESHOLDS))
    found, selects = _filled(
        gan, key, config.pool, copies, chosen, draw.fit.class_names, notes, progress
    )
    how = how if selects else Filter()
    for note in notes:
        progress.say(note)
    told = {
        "by": how.name,
        "keep_fraction": how.keep,
        "scores": scores,
        "kept": np.bincount(found.labels, minlength=len(draw.fit.class_names)).tolist(),
        "copies_dropped": found.copies.tolist(),
        "unselected_dropped": found.unselected.tolist(),
        "notes": notes,
    }
    images: Any = (found.images, found.labels)  # host arrays: each goes to its own device
    return Selected(Resident(*images), copies, found.examples, told)


def _filter(
    config: StudyConfig,
    gan: Trained,
    draw: Draw,
    copies: Auditor | None,
    key: Key,
    notes: list[str],
    progress: Progress,
) -> tuple[Filter, list[dict[str, Any]], Judge | None]:
    """Return the filter, the scores that it was chosen by, and the classifier that it asks."""
    if config.select == "none":
        return Filter(), [], None
    if config.select == "discriminator":
        return Filter("discriminator", config.keep_fraction), [], None
    judge = train_judge(draw.fit, None, jax.random.fold_in(key, JUDGE), progress=progress)
    if config.select == "agreement":
        return Filter("agreement", config.keep_fraction), [], judge
    try:
        own = jax.random.fold_in(key, CHOICE)
        choice = choosing.choose(config.classifier, gan, draw, judge, copies, own, progress)
    except UserError as error:
        notes.append(f"nothing was selected: {error}")
        return Filter(), [], None
    progress.say(f"validation chose the filter: {choice.filter}")
    return choice.filter, _scores(choice), judge


def _scores(choice: Choice) -> list[dict[str, Any]]:
    return [
        {
            "by": each.name,
            "keep_fraction": each.keep,
            "score": round(score, 6) if np.isfinite(score) else None,
        }
        for each, score in choice.scores
    ]


def _filled(
    gan: Trained,
    key: Key,
    count: int,
    copies: Auditor | None,
    chosen: Ranking | None,
    class_names: tuple[str, ...],
    notes: list[str],
    progress: Progress,
) -> tuple[Selection, bool]:
    """Fill a pool; what leaves a class empty is let in. Also say whether any was selected."""
    labels = balanced_labels(count, len(class_names))
    while True:
        screen = screen_of(copies, chosen)
        try:
            found = sift(
                gan.gan, gan.state, key, labels, screen, class_names=class_names, progress=progress
            )
            return found, chosen is not None
        except Unfilled as error:
            if chosen is None or (copies is not None and error.copies):
                copies, let_in = None, "copies of training images were kept"
            else:
                chosen, let_in = None, "nothing was selected"
            notes.append(f"{let_in}, since {error.found}")
