"""What validation chooses, once for all replicates; then each one's look at the sealed test set.

Only when every replicate is trained is anything chosen, and only when all is chosen is the test set
opened. The choice follows from what the replicates left, so a study that goes on chooses the same.
"""

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from ganjax.config import Objective
from ganjax.data.splits import Draw, SealedTest
from ganjax.errors import UserError
from ganjax.study.arms import ARMS, CONTROL, Entry, choose
from ganjax.study.control import drop_control, read_control
from ganjax.study.finalists import (
    choose_temperatures,
    drop_candidates,
    finalists,
    keep,
    look,
    read_candidates,
)
from ganjax.study.joint_arms import finalist, joint_arms, weights_of
from ganjax.study.record import Learnt, Record
from ganjax.study.replicate import Contest, Replicate
from ganjax.synthesis.classifiers import Described
from ganjax.synthesis.description import has_generator, read


class Choices(NamedTuple):
    """What validation chose for each arm.

    Attributes:
      candidates: of an arm of the competition, the candidate's index.
      weights: of an arm that is trained together with a GAN, which of its weights.
    """

    candidates: dict[str, int]
    weights: dict[Objective, int]

    def in_words(self, contest: Contest) -> str:
        """Say what was chosen, in a line."""
        told = []
        for arm in ARMS:
            own = contest.candidates[self.candidates[arm]]
            told.append(f"{arm} {own.ratio:.0%} generated, strength {own.strength:g}")
        for objective, i in self.weights.items():
            told.append(f"{objective} weight {weights_of(contest.config, objective)[i]:g}")
        return f"chosen on validation: {'; '.join(told)}"


def refuse_earlier(
    contest: Contest, replicates: Sequence[Replicate], learnt: Sequence[Learnt]
) -> None:
    """Refuse to go on with what an earlier version began.

    Args:
      contest: what replicates share.
      replicates: all of a study that is not finished.
      learnt: what there is of them.

    Raises:
      UserError: some of its replicates chose each for itself, from other candidates, had no rivals
        or no control, or trained their GANs by other defaults than those of now.
    """
    for own in replicates:
        if has_generator(own.folder) and read(own.folder).config != contest.description.config:
            raise UserError(
                f"the GAN in {own.folder} was trained with other defaults, those of an earlier "
                "version: begin the study again with a new --out"
            )
    chose_otherwise = any(len(own.probability) != len(contest.candidates) for own in learnt)
    judged = [own for own in learnt if isinstance(own, Record)]
    arms = {*contest.arms, *([CONTROL] if contest.control else [])}
    if chose_otherwise or any(not set(own.entries) >= arms for own in judged):
        raise UserError(
            "this study was begun by an earlier version, which chose in another way: "
            "begin it again with a new --out"
        )


def choose_for_all(contest: Contest, learnt: Sequence[Learnt]) -> Choices:
    """Choose one way to train for each arm, by the validation parts of all replicates.

    Args:
      contest: what replicates share.
      learnt: what the training of each gave.
    """
    probability = np.array([own.probability for own in learnt])
    return Choices(
        {arm: choose(own, probability) for arm, own in contest.arms.items()},
        {
            arm: choose(range(len(learnt[0].joint[arm]["tried"])), _probabilities(arm, learnt))
            for arm in joint_arms(contest.config)
        },
    )


def _probabilities(arm: Objective, learnt: Sequence[Learnt]) -> np.ndarray:
    """Return what an arm's weights came to on validation, `[replicates, weights]`."""
    return np.array([[one["probability"] for one in own.joint[arm]["tried"]] for own in learnt])


def judge(
    contest: Contest, replicate: Replicate, learnt: Learnt, choices: Choices, sealed: SealedTest
) -> Record:
    """Keep a replicate's chosen classifiers, look at the test set once, save the record.

    Args:
      contest: what replicates share.
      replicate: that is judged; its folder holds its classifiers.
      learnt: what its training gave.
      choices: of all replicates.
      sealed: the test set.

    Raises:
      SealedTestError: the test was opened for this replicate before, for another choice.
      UserError: classifiers that wait for their look are damaged or gone.
    """
    start = perf_counter()
    folder, draw = replicate.folder, replicate.draw
    entries = {
        arm: Entry(i, learnt.updates[i], learnt.validation[i], learnt.probability[i])
        for arm, i in choices.candidates.items()
    }
    chosen = finalists(contest.competition, contest.candidates, read_candidates(folder), entries)
    seconds = dict(learnt.seconds)
    if contest.control is not None:
        entries[CONTROL], chosen[CONTROL], spent = read_control(contest, replicate)
        seconds["classifiers"] += spent
    joint = dict(learnt.joint)
    for arm, i in choices.weights.items():
        own = finalist(contest.config, arm, joint[arm]["tried"][i], folder)
        chosen[arm] = own.finalist
        joint[arm] = joint[arm] | own.told
    temperatures = choose_temperatures(chosen, draw.validation)
    keep(folder, _described(contest, draw), chosen, temperatures)
    seen = look(chosen, temperatures, sealed, replicate.number)
    record = Record(
        **{**vars(learnt), "joint": joint, "seconds": seconds},
        entries=entries,
        labels=seen.labels,
        predictions=seen.predictions,
        calibration=seen.calibration,
    )
    record.seconds["test"] = round(perf_counter() - start, 3)
    record.save(folder)
    return record


def clear(replicate: Replicate) -> None:
    """Remove what waited in a replicate's folder for its record."""
    Learnt.drop(replicate.folder)
    drop_candidates(replicate.folder)
    drop_control(replicate.folder)


def _described(contest: Contest, draw: Draw) -> Described:
    """Say what is needed of this study to use its classifiers."""
    _, size, _, channels = draw.fit.images.shape
    asked = contest.config.reading.size
    return Described(
        config=contest.config.classifier,
        size=size,
        channels=channels,
        class_names=tuple(draw.fit.class_names),
        source=draw.fit.name,
        unpadded=(asked, asked) if asked else None,
    )
