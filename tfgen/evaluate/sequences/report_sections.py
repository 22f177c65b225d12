"""The texts of a report: samples, the longest copies in them and where they come from, and what a long context is for.

Every text is escaped: what a model says may look like HTML.
"""

from html import escape

import numpy as np

from tfgen.evaluate.charts import line_chart
from tfgen.evaluate.score_descriptions import number, short
from tfgen.evaluate.sequences.losses import by_position
from tfgen.evaluate.sequences.matching import Match
from tfgen.evaluate.sequences.metric_inputs import SequenceInputs

SAMPLES = 8
LONGEST = 6  # matches that are shown
_AROUND = 80  # characters of the training text before and behind a match
_MOST_OF_PROMPT = 80  # characters, in a title
_MOST_SHOWN = 1200  # characters of a text
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"


def samples_section(inputs: SequenceInputs, seed: int) -> str:
    """The first samples, and beside them what real text looks like."""
    texts, data = inputs.texts, inputs.data
    cards = [
        _card(f"seed {seed + place}{_begun(data.text(opening))}", _shown(text))
        for place, (opening, text) in enumerate(zip(inputs.openings[:SAMPLES], texts["samples"]))
    ]
    parts = [
        '<h2>Samples</h2>\n<p class="note">The first, in the order of their seeds: none was chosen. They begin from '
        f"{data.opened_by}, by the model's own probabilities (temperature 1).</p>",
        f'<div class="texts">{"".join(cards)}</div>',
    ]
    for name, words in (("real", "Real text that it never saw"), ("n-gram", "By the n-gram model")):
        if texts.get(name):
            shown = "".join(_card("", _shown(text)) for text in texts[name][:2])
            parts.append(f'<h3>{words}</h3>\n<div class="texts">{shown}</div>')
    return "\n".join(parts)


def matches_section(inputs: SequenceInputs, seed: int) -> str:
    """The samples with the longest verbatim matches, the match marked, and where it stands in the training text."""
    matches = inputs.matches["samples"]
    order = sorted(range(len(matches)), key=lambda place: -matches[place].length)[:LONGEST]
    cards = [
        _match(inputs, inputs.texts["samples"][place], matches[place], f"seed {seed + place}")
        for place in order
        if matches[place].length
    ]
    real = [match.length for match in inputs.matches.get("real", [])]
    usual = f" Of as many pieces of unseen text, the longest has {max(real):,}." if real else ""
    longest = matches[order[0]].length if order else 0
    return (
        '<h2>Longest matches with the training text</h2>\n<p class="note">Every text shares some words with another. '
        f"Of {len(matches):,} samples the longest match has {longest:,} characters.{usual} What is marked stands word "
        "for word in the training text, and below it where.</p>\n"
        f'<div class="texts">{"".join(cards)}</div>'
    )


def positions_section(inputs: SequenceInputs) -> str:
    """Loss against the place in the context; nothing without unseen text."""
    if inputs.unseen is None or len(inputs.unseen.tokens) < inputs.model.context:
        return ""
    values = by_position(inputs.unseen, inputs.model.context)
    quarter = max(1, len(values) // 4)
    first, last = np.nanmean(values[:quarter]), np.nanmean(values[-quarter:])
    chart = line_chart(
        np.arange(len(values)), [None if np.isnan(value) else float(value) for value in values], "loss", short,
        "the place in the context",
    )
    sentence = (
        f"The loss of unseen text, in nats, against how many tokens stand before in the context of {len(values)}. "
        "Where it falls to the end, a longer context might help; where it is flat, the model doesn't use what it sees. "
        f"The first quarter has {number(float(first))}, the last {number(float(last))}."
    )
    figure = f"<figure><figcaption>loss by position</figcaption>{chart}</figure>"
    return f'<h2>What the context is for</h2>\n<p class="note">{sentence}</p>\n<div class="charts">{figure}</div>'


def _match(inputs: SequenceInputs, text: str, match: Match, about: str) -> str:
    stop = match.start + match.length
    marked = _marked(text[: match.start], text[match.start : stop], text[stop:])
    searched = inputs.data.searched
    at = searched.find(text[match.start : stop])
    before, behind = searched[max(0, at - _AROUND) : at], searched[at + match.length : at + match.length + _AROUND]
    place = f'at character {at:,} of the training text'
    training = _marked(_ELLIPSIS + before, searched[at : at + match.length], behind + _ELLIPSIS)
    return _card(f"{about}, {match.length:,} characters", marked, place, training)


def _marked(before: str, match: str, behind: str) -> str:
    """A text with a part marked; escaped."""
    before = before if len(before) <= _MOST_SHOWN else _ELLIPSIS + before[-_MOST_SHOWN:]
    behind = behind if len(behind) <= _MOST_SHOWN else behind[:_MOST_SHOWN] + _ELLIPSIS
    return f"{_visible(before)}<mark>{_visible(match)}</mark>{_visible(behind)}"


def _begun(opening: str) -> str:
    """The end of what a sample goes on from, for its title; nothing where that is nothing."""
    words = " ".join(opening.split())
    cut = _ELLIPSIS if len(words) > _MOST_OF_PROMPT else ""
    return f": {cut}{words[-_MOST_OF_PROMPT:]} \N{RIGHTWARDS ARROW}" if words else ""


def _card(title: str, content: str, second_title: str = "", second: str = "") -> str:
    """One or two texts, which are HTML; the titles are plain text."""
    head = f"<p>{escape(title)}</p>" if title else ""
    source = f"<p>{escape(second_title)}</p><pre>{second}</pre>" if second else ""
    return f'<article class="text">{head}<pre>{content}</pre>{source}</article>'


def _shown(text: str) -> str:
    """A text, escaped; a very long one's beginning."""
    return _visible(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + _ELLIPSIS)


def _visible(text: str) -> str:
    """Escaped, with what no page can show replaced."""
    signs = (sign if sign in "\n\t" or sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return escape("".join(signs))
