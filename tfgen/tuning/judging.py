"""The reward as a judge of prompts: what people liked of a run's samples, as a number for any other of its samples."""

from typing import Any

import numpy as np

from tfgen.console import command_line, say
from tfgen.errors import UserError
from tfgen.feedback.preferences import Comparison, preferences_of
from tfgen.prompts.cells import Cells, Drawn
from tfgen.prompts.judges import Measure
from tfgen.restore import load_model
from tfgen.run import BASE, Run
from tfgen.steering.directions import Directions
from tfgen.tuning.reward import CHANCE, Reward, held_out
from tfgen.tuning.shown import Looker, answers_of, features_of, usable

_LEAST = 20  # answers


def reward_of(store: Any, cells: Cells) -> Measure:
    """A measure in logits, learned from the feedback on the run when it is first asked.

    Raises:
        UserError: too little was said. Later, when it is asked: held-out answers are not predicted better than chance.
    """
    run = cells.run
    comparisons = usable(run, preferences_of(store, run).comparisons)
    if len(comparisons) < _LEAST:
        raise UserError(
            f"{len(comparisons)} answers about samples of '{run.name}' are too few for a reward.",
            f"Give {_LEAST} or more: {command_line('steer', run.reference)}",
        )
    learned: list[Reward] = []
    known = {sample.prompt for each in comparisons for sample in each.shown}

    def function(drawn: Drawn) -> np.ndarray:
        if drawn.cell.prompt and drawn.cell.prompt not in known:
            known.add(drawn.cell.prompt)  # said once
            say(f"Nobody judged samples of {drawn.cell.prompt!r}: whether they are liked is guessed from others.")
        if not learned:
            learned.append(_learned(comparisons, cells))
        return np.asarray(learned[0](cells.features(drawn.values)), np.float64)

    return Measure(function, "what people liked, in logits", 1)


def _learned(comparisons: list[Comparison], cells: Cells) -> Reward:
    samples = {sample.id: sample for each in comparisons for sample in each.shown}
    texts = {name: sample.content for name, sample in samples.items() if sample.content is not None}
    if texts:
        features = dict(zip(texts, cells.features(list(texts.values())), strict=True))
    else:
        looker = Looker(load_model(Run(cells.run.path, cells.run.record, BASE)))
        features = features_of(cells.run, looker, samples.values())
    directions = Directions.of(np.stack(list(features.values())))  # along which what was judged differs
    answers = answers_of(comparisons, features, directions)
    tried = held_out(answers)
    if tried.p_value >= CHANCE:
        what = f"{tried.right} of {tried.count} answers that were held out are predicted, which chance does too."
        needed = f"About {tried.needed} more would do." if tried.needed else "Give clearer ones."
        raise UserError(what, needed)
    return Reward.fit(directions, answers)
