"""What a report shows of sets: suggestions beside what people took, and invented sets."""

from collections.abc import Sequence
from html import escape

import numpy as np

from tfgen.evaluate.sets.metric_inputs import MODEL, SetInputs

_PEOPLE, _GIVEN, _SUGGESTED = 8, 8, 10
_INVENTED = 10


def suggestions_section(inputs: SetInputs) -> str:
    """The first held-out sets: some of what was given, and what was suggested; hits are marked."""
    data, rows = inputs.data, []
    best = inputs.best_of(MODEL)
    for place in range(min(_PEOPLE, len(data.given))):
        given, wanted = data.given[place], set(data.wanted[place].tolist())
        more = f" and {len(given) - _GIVEN} more" if len(given) > _GIVEN else ""
        shown = ", ".join(escape(data.names[item]) for item in given[-_GIVEN:]) + more
        marked = [
            f"<b>{escape(data.names[item])}</b>" if int(item) in wanted else escape(data.names[item])
            for item in best[place][:_SUGGESTED]
        ]
        rows.append([shown, ", ".join(marked), str(len(wanted))])
    return (
        '<h2>Suggestions</h2>\n<p class="note">The first held-out ones: none was chosen. Printed in bold is what was '
        f"really taken.</p>\n{_table(['given', 'suggested', 'to guess'], rows)}"
    )


def invented_section(inputs: SetInputs) -> str:
    """The first invented sets."""
    names = inputs.data.names
    lines = [", ".join(names[item] for item in inputs.invented[place])
             for place in range(min(_INVENTED, len(inputs.invented)))]  # fmt: skip
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        '<h2>Invented</h2>\n<p class="note">The first, in the order of their seeds, each made item by item.</p>\n'
        f"<ol>{items}</ol>"
    )


def commonest_section(inputs: SetInputs) -> str:
    """What is suggested most often, beside how many have it."""
    best, names = inputs.best_of(MODEL), inputs.data.names
    counts = np.bincount(best.ravel(), minlength=len(names))
    order = np.argsort(-counts, kind="stable")[:_SUGGESTED]
    rows = [
        [escape(names[item]), f"{counts[item] / len(best):.1%}", f"{inputs.shares[item]:.1%}"]
        for item in order if counts[item]
    ]
    return (
        '<h2>What is suggested most often</h2>\n<p class="note">The share of people to whom it is suggested among the '
        f"first {best.shape[1]}, and the share of learned ones who have it.</p>\n"
        f"{_table(['item', 'suggested to', 'had by'], rows)}"
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Of HTML cells."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
