"""What a good score of levels can hide."""

import math
from collections.abc import Mapping

from tfgen.modalities.base import Concern

MOST_COPIED, MOST_WHOLE, MOST_BROKEN = 0.4, 0.01, 0.01
USUAL = 1.1  # times what levels that were held out have: such as repeat themselves, or have a pipe of their own kind
_CHAIN = "chain of 2"


def concerns_of(
    scores: Mapping[str, float], others: Mapping[str, Mapping[str, float]], margins: Mapping[str, float] = {}
) -> list[Concern]:
    """Those that a model of levels must pass; a Markov chain is easily had. Where no rule says what can be played,
    nothing is said of it."""
    chain, real = others.get(_CHAIN, {}), others.get("real", {})

    def score(name: str) -> float:
        return scores.get(name, math.nan)

    def of(values: Mapping[str, float], name: str, otherwise: float) -> float:
        value = values.get(name, otherwise)
        return otherwise if math.isnan(value) else value

    found = []

    def ask(name: str, question: str, raised: bool, sentence: str, advice: str, *needed: float) -> None:
        if any(map(math.isnan, needed)):
            why = "of the samples" if math.isnan(needed[0]) else "of a chain over two columns, to compare with"
            found.append(Concern(name, question, None, f"There is no such score {why}."))
        else:
            found.append(Concern(name, question, raised, sentence, advice))

    copied, whole, usual = score("copied_stretches"), score("copied_levels"), of(real, "copied_stretches", 0.0)
    beside = f" (of unseen levels, {usual:.1%})" if usual else ""
    ask(
        "copied levels", "Are the samples pieces of the levels that were learned?",
        copied > max(MOST_COPIED, USUAL * usual) or whole > MOST_WHOLE,
        f"{copied:.1%} of all stretches of eight columns are in a level that was learned{beside}, and {whole:.1%} "
        "of the samples do as a whole.",
        "Learn from more levels, for fewer steps, or with a larger --set mix=...; or raise --temperature.", copied,
    )
    new = score("new_columns")
    ask(
        "nothing new", "Is there no column that no level has?", new == 0,
        f"{new:.1%} of the columns are in no level that was learned.",
        "Learn with --set mix=0.5, or smaller pieces: --set piece=...", new,
    )
    broken, usual = score("broken_structures"), of(real, "broken_structures", 0.0)
    beside = f" (of unseen levels, {usual:.1%})" if usual else ""
    ask(
        "broken structures", "Are pipes, doors and the like broken?", broken > max(MOST_BROKEN, USUAL * usual),
        f"At {broken:.1%} of the tiles of structures a neighbour is missing{beside}.",
        "Learn for longer; a GPT keeps structures whole where a GAN or a VAE doesn't.", broken,
    )
    if "playable" in scores:
        playable, usual = score("playable"), of(chain, "playable", math.nan)
        # The chain's share is of as many levels, so it is as far off as the samples' own.
        chance = math.sqrt(2) * of(margins, "playable", 0.0)
        ask(
            "unplayable", "Can they be played less often than what a Markov chain makes?", playable < usual - chance,
            f"{playable:.1%} of the samples can be played, of a chain over two columns {usual:.1%}.",
            "Learn for longer, or from more levels; leave out those that can't be played.", playable, usual,
        )
    patterns, usual = score("patterns"), of(chain, "patterns", math.nan)
    ask(
        "strange patterns", "Are the 3x3 patterns far from those of the levels?", patterns > max(0.15, 2 * usual),
        f"The patterns are {patterns:.3f} away, those of a chain over two columns {usual:.3f}.",
        "Learn for longer; a GPT keeps to patterns where a GAN or a VAE doesn't.", patterns, usual,
    )
    return found
