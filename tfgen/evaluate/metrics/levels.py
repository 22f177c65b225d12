"""How levels of games are judged: whether they can be played, their patterns, what is broken, what is copied or new.

Inputs of levels alone, beside those of their representation; a window is one sample, or as much of a level:

    playable                float [n]: 1 where a window passes the rule of its game
    generated_patterns      int [n, most]: the number of each 3x3 piece of a window; -1 behind its end
    real_patterns           int [m, most]: the same of what was learned
    structures              int [n, 2]: tiles of structures of several tiles, and those at which one is broken
    stretches               int [n, 2]: stretches of eight columns, and those that stand in a level that was learned
    whole_copies            float [n]: 1 where a whole window stands there
    columns_seen            int [n, 2]: columns, and those that no level that was learned has
    words_obeyed            float [n, 2]: for each word that was asked for, 1 where it is borne out; and how often it is
                            in windows that were learned
"""

import numpy as np

from tfgen.evaluate.metrics import REAL, metric

_EPSILON = 1e-5  # that every pattern has been seen more, in Lucas & Volz 2019


@metric(playable=REAL)
def playability(playable: np.ndarray) -> dict[str, float]:
    """The share of windows that can be played."""
    return {"playable": float(np.mean(playable))}


@metric(mean_of_rows=False, patterns="lower")
def patterns(generated_patterns: np.ndarray, real_patterns: np.ndarray) -> dict[str, float]:
    """The symmetric Kullback-Leibler divergence of 3x3 tile patterns, TPKL-Div (Lucas & Volz 2019, eq. 1 and 2)."""
    sides = [each[each >= 0] for each in (generated_patterns, real_patterns)]
    if not all(map(len, sides)):
        return {"patterns": float("nan")}
    found, index = np.unique(np.concatenate(sides), return_inverse=True)
    counts = (np.bincount(part, minlength=len(found)) for part in np.split(index, [len(sides[0])]))
    made, real = ((each + _EPSILON) / ((each.sum() + _EPSILON) * (1 + _EPSILON)) for each in counts)
    return {"patterns": float(0.5 * np.sum((made - real) * np.log(made / real)))}


@metric(broken_structures="lower")
def broken(structures: np.ndarray) -> dict[str, float]:
    """The share of the tiles of structures at which a neighbour is missing that real ones always have."""
    tiles, wrong = structures.sum(axis=0)
    none = 0.0 if len(structures) else float("nan")  # without structures nothing is broken
    return {"broken_structures": float(wrong / tiles) if tiles else none}


@metric(copied_stretches=REAL, copied_levels="lower")
def level_copying(stretches: np.ndarray, whole_copies: np.ndarray) -> dict[str, float]:
    """The shares of eight-column stretches, and of whole windows, that stand in a level that was learned."""
    count, copied = stretches.sum(axis=0)
    return {
        "copied_stretches": float(copied / count) if count else float("nan"),
        "copied_levels": float(np.mean(whole_copies)),
    }


@metric(new_columns="higher")
def novelty(columns_seen: np.ndarray) -> dict[str, float]:
    """The share of columns that no level that was learned has."""
    count, new = columns_seen.sum(axis=0)
    return {"new_columns": float(new / count) if count else float("nan")}


@metric(words_obeyed="higher", words_gain="higher")
def obedience(words_obeyed: np.ndarray) -> dict[str, float]:
    """The share of words asked for that the window bears out, and how much that is above windows that weren't asked."""
    obeyed, usual = np.mean(words_obeyed, axis=0)
    return {"words_obeyed": float(obeyed), "words_gain": float(obeyed - usual)}
