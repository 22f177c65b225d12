"""What a good score of levels can hide."""

import math
from collections.abc import Mapping

from tfgen.modalities.base import Concern

MOST_COPIED, MOST_WHOLE, MOST_BROKEN = 0.4, 0.01, 0.01
USUAL = 1.1  # times what levels that were held out have: such as repeat themselves, or have a pipe of their own kind
_CHAIN = "chain of 2"


def concerns_of(scores: Mapping[str, float], others: Mapping[str, Mapping[str, float]]) -> list[Concern]:
    """Of all scores that there are, those that a model of levels must pass; a Markov chain is easily had."""

    def score(name: str) -> float:
        return scores.get(name, math.nan)

    chain, real = others.get(_CHAIN, {}), others.get("real", {})
    found = []
    if not math.isnan(score("copied_stretches")):
        copied, whole = score("copied_stretches"), score("copied_levels")
        usual = real.get("copied_stretches", 0.0)
        beside = f" (of unseen levels, {usual:.1%})" if usual else ""
        found.append(Concern(
            "copied levels", "Are the samples pieces of the levels that were learned?",
            copied > max(MOST_COPIED, USUAL * usual) or whole > MOST_WHOLE,
            f"{copied:.1%} of all stretches of eight columns are in a level that was learned{beside}, and {whole:.1%} "
            "of the samples do as a whole.",
            "Learn from more levels, for fewer steps, or with a larger --set mix=...; or raise --temperature.",
        ))
    if not math.isnan(score("new_columns")):
        new = score("new_columns")
        found.append(Concern(
            "nothing new", "Is there no column that no level has?", new == 0,
            f"{new:.1%} of the columns are in no level that was learned.",
            "Learn with --set mix=0.5, or smaller pieces: --set piece=...",
        ))
    if not math.isnan(score("broken_structures")):
        broken, usual = score("broken_structures"), real.get("broken_structures", 0.0)
        beside = f" (of unseen levels, {usual:.1%})" if usual else ""
        found.append(Concern(
            "broken structures", "Are pipes, doors and the like broken?", broken > max(MOST_BROKEN, USUAL * usual),
            f"At {broken:.1%} of the tiles of structures a neighbour is missing{beside}.",
            "Learn for longer; a GPT keeps structures whole where a GAN or a VAE doesn't.",
        ))
    if not math.isnan(score("playable")) and "playable" in chain:
        playable, usual = score("playable"), chain["playable"]
        found.append(Concern(
            "unplayable", "Can they be played less often than what a Markov chain makes?", playable < usual,
            f"{playable:.1%} of the samples can be played, of a chain over two columns {usual:.1%}.",
            "Learn for longer, or from more levels; leave out those that can't be played.",
        ))
    if not math.isnan(score("patterns")) and "patterns" in chain:
        patterns, usual = score("patterns"), chain["patterns"]
        found.append(Concern(
            "strange patterns", "Are the 3x3 patterns far from those of the levels?", patterns > max(0.15, 2 * usual),
            f"The patterns are {patterns:.3f} away, those of a chain over two columns {usual:.3f}.",
            "Learn for longer; a GPT keeps to patterns where a GAN or a VAE doesn't.",
        ))
    return found
