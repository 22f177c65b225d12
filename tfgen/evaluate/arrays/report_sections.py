"""The examples of a report: samples, and those samples that are most like one training example, beside it."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from tfgen.evaluate.arrays.groups import BLOCK, Group
from tfgen.evaluate.metrics.copying import USUAL, closeness
from tfgen.evaluate.record import Evaluation, Score
from tfgen.evaluate.score_descriptions import number, percent

if TYPE_CHECKING:
    from tfgen.evaluate.arrays.metric_inputs import ArrayInputs

SAMPLES = 64
MOST_COLUMNS = 16  # labels; with more, each sample says its own
CONVINCING = 12  # samples, of either kind
LOOKED_AT = 16  # samples beside their nearest training examples

_SIDES = {"small": 64, "medium": 100, "large": 128}  # how wide an example is shown at most
_LONGEST = 100  # characters of a caption
_READ_AT_ONCE = 64
_NO_WORDS = "no words"


def samples_section(modality: type, inputs: "ArrayInputs", samples: Group) -> str:
    """The first samples, by prompt where there are few."""
    training = inputs.data.training
    shown = samples.first(min(len(samples), BLOCK))
    labels = len(training.prompts)
    if training.prompt_kind == "labels" and labels <= MOST_COLUMNS and (shown.prompts >= 0).any():
        how = "The first of each prompt"
        grid = _columns(modality, shown, training.prompts)
    else:
        how = "The first"
        grid = _sheet(modality, shown.first(SAMPLES), training.prompts)
    return f'<h2>Samples</h2>\n<p class="note">{how}, in the order of their seeds: none was chosen.</p>\n{grid}'


def _columns(modality: type, samples: Group, prompts: list[str]) -> str:
    """A column for each prompt; a broader one where there are very few prompts."""
    each = max(1, SAMPLES // len(prompts))
    broad = max(1, round(8 / len(prompts)))
    figures = []
    wanted = {place: np.flatnonzero(samples.prompts == place)[:each] for place in range(len(prompts))}
    values = iter(values_at(samples, np.concatenate(list(wanted.values()))))
    for place, found in wanted.items():
        words = _words_of(place, prompts) or _NO_WORDS
        shown = [modality.as_html(next(values), f"sample for {words}") for _ in found]
        if shown:
            grid = f'<div style="--broad:{broad}">{"".join(shown)}</div>'
            figures.append(f"<figure><figcaption>{escape(words)}</figcaption>{grid}</figure>")
    return boxed("columns" if broad == 1 else "columns broad", modality, samples.read(0, 1)[0], figures)


def _sheet(modality: type, samples: Group, prompts: list[str]) -> str:
    """Examples side by side, each with its words beneath where it has any."""
    figures = []
    for value, place in zip(values_at(samples, np.arange(len(samples))), samples.prompts, strict=True):
        words = _words_of(place, prompts)
        caption = f"<figcaption>{escape(words)}</figcaption>" if words else ""
        figures.append(f"<figure>{modality.as_html(value, 'sample')}{caption}</figure>")
    kind = "sheet" if (samples.prompts < 0).all() else "sheet captioned"
    return boxed(kind, modality, samples.read(0, 1)[0], figures)


def convincing_section(modality: type, evaluation: Evaluation, inputs: "ArrayInputs", samples: Group) -> str:
    """The samples that a network took for real ones most surely, and least; nothing where it couldn't be taught."""
    if "detectability_to_the_eye" not in evaluation.scores:
        return ""
    logits = inputs.judged(samples, by_eye=True)[:, 1]
    first = len(logits)  # those before it were learned from
    order = first + np.argsort(logits, kind="stable")
    seed = evaluation.measured_with.seed
    sheets = [_by_seed(modality, samples, chosen, seed) for chosen in (order[:CONVINCING], order[::-1][:CONVINCING])]
    return (
        '<h2>Most and least convincing</h2>\n<p class="note">A small network learned to tell half of the samples from '
        f"real examples, with noise over both; of the other {len(logits):,} samples it found these the most like real "
        f"ones.</p>\n{sheets[0]}\n<p class=\"note\">And these the least.</p>\n{sheets[1]}"
    )


def _by_seed(modality: type, samples: Group, places: np.ndarray, seed: int) -> str:
    """Samples side by side, each with its seed."""
    figures = [
        f"<figure>{modality.as_html(value, 'sample')}<figcaption>seed {seed + place}</figcaption></figure>"
        for place, value in zip(places, values_at(samples, places), strict=True)
    ]
    return boxed("sheet captioned", modality, samples.read(0, 1)[0], figures)


def neighbours_section(modality: type, evaluation: Evaluation, inputs: "ArrayInputs", samples: Group) -> str:
    """The samples that are most likely copies, beside their nearest training examples."""
    places, apart = inputs.nearest(samples)
    ratios = closeness(apart)
    worst = np.argsort(ratios, kind="stable")[:LOOKED_AT]
    copied = evaluation.scores.get("copied")
    flagged = round(copied.value * len(ratios)) if copied else 0
    training = inputs.data.neighbours()
    beside = values_at(training, places[worst].ravel()).reshape(*places[worst].shape, *training.read(0, 1).shape[1:])
    cards = []
    for rank, (place, value) in enumerate(zip(worst, values_at(samples, worst), strict=True)):
        seed = evaluation.measured_with.seed + int(place)
        words = _words_of(samples.prompts[place], inputs.data.training.prompts)
        first = modality.as_html(value, "sample")
        others = zip((modality.as_html(each, "training example") for each in beside[rank]), apart[place], strict=True)
        cards.append(neighbour_card(seed, words, float(ratios[place]), rank < flagged, first, others))
    alarmed = any(alarm.name == "copying" and alarm.state == "raised" for alarm in evaluation.alarms)
    kind = "neighbours alarmed" if alarmed else "neighbours"
    return (
        f"<h2>Nearest training examples</h2>\n{_on_neighbours(len(ratios), len(worst), flagged, copied)}\n"
        f"{boxed(kind, modality, samples.read(0, 1)[0], cards)}"
    )


def _on_neighbours(looked_at: int, shown: int, flagged: int, copied: Score | None) -> str:
    sentences = [
        f"Of {looked_at:,} samples that were looked at, these {shown} are the most likely copies, the most suspicious "
        "first: one training example is nearer to them than any other. The ratio is the distance to the nearest, "
        "divided by that to the second nearest: 0 is a copy, 1 is no nearer to one than to the other. However good a "
        "model is, some of its samples come first here; look whether they are the same. The numbers beneath "
        "are distances."
    ]
    if copied is not None:
        usual = "no more than is usual" if copied.value <= USUAL else "more than is usual"
        sentences.append(
            f"{flagged:,} of the {looked_at:,} ({percent(copied.value)}) have a lower ratio than 99 of 100 new real "
            f"examples, and are marked as suspicious where they are shown. 1% have by chance, so these are {usual}."
        )
    return "".join(f'<p class="note">{sentence}</p>' for sentence in sentences)


def neighbour_card(
    seed: int, words: str, ratio: float, suspicious: bool, sample: str, others: Iterable[tuple[str, float]]
) -> str:
    """One sample, and its nearest training examples with their distances."""
    figures = [f'<figure class="own">{sample}<figcaption>sample</figcaption></figure>']
    for example, distance in others:
        figures.append(f"<figure>{example}<figcaption>{number(float(distance))}</figcaption></figure>")
    sign = '<b class="suspicious">! suspicious</b>' if suspicious else ""
    about = "".join(f"<span>{part}</span>" for part in (f"ratio {ratio:.2f}", escape(words), f"seed {seed}") if part)
    kind = "neighbour flagged" if suspicious else "neighbour"
    return f'<article class="{kind}"><p>{about}{sign}</p><div>{"".join(figures)}</div></article>'


def _words_of(prompt: int, prompts: list[str]) -> str:
    """The words of the prompt at this place, a long caption's beginning; nothing for -1."""
    words = prompts[prompt] if prompt >= 0 else ""
    return words if len(words) <= _LONGEST else words[:_LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def values_at(group: Group, places: np.ndarray) -> np.ndarray:
    """The examples at these places. Neighbours are read together: samples are made in batches."""
    found = {}
    for start in sorted({int(place) // _READ_AT_ONCE * _READ_AT_ONCE for place in places}):
        block = group.read(start, min(start + _READ_AT_ONCE, len(group)))
        found.update({int(place): block[place - start] for place in places if 0 <= place - start < len(block)})
    return np.stack([found[int(place)] for place in places])


def boxed(kind: str, modality: type, value: np.ndarray, figures: Iterable[str], more: str = "") -> str:
    """Figures of examples like a stored value in a box of this kind; of those that are shown as text, as wide as the
    text needs. more: of the box's style."""
    sides = modality.sides(value)
    styles = ";".join(filter(None, ["" if sides is None else _widths(*sides), more]))
    attributes = f'class="{kind}{" as-text" if sides is None else ""}"' + (f' style="{styles}"' if styles else "")
    return f"<div {attributes}>{''.join(figures)}</div>"


def _widths(height: int, width: int) -> str:
    """How wide examples are shown, small to large: by a whole factor, so that nothing is blurred, or made smaller."""
    factors = {name: most // max(height, width) or most / max(height, width) for name, most in _SIDES.items()}
    return ";".join(f"--{name}:{max(1, round(width * factor))}px" for name, factor in factors.items())
