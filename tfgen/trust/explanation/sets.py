"""Why a model of sets suggests what it does: the given items that spoke for each suggestion."""

from html import escape
from typing import Any

import numpy as np

from tfgen.errors import UserError
from tfgen.evaluate.page import html_table
from tfgen.evaluate.sets.reference_data import ReferenceData
from tfgen.representations.base import Codec
from tfgen.representations.sets.codec import SetCodec
from tfgen.representations.sets.ranker import Ranker
from tfgen.representations.sets.sets import Sets
from tfgen.run import Run
from tfgen.trust.explanation.explainer import Explainer, ExplainRequest, Part
from tfgen.trust.explanation.randomised import compared, of_copies, signed

SUGGESTED = 10  # items for each set
COMPARED = 50  # items whose scores are looked at beside randomised weights
SHOWN = 3  # held-out sets, where nobody names items


class SetExplainer(Explainer):
    """See Explainer."""

    codec: SetCodec

    def __init__(self, run: Run, request: ExplainRequest, codec: Codec):
        super().__init__(run, request, codec)
        self.given = self.codec.read(request.prompt)

    def beginning(self) -> str:
        return "Leaving each given item out in turn, in copies with randomised weights too ..."

    def parts(self, model: Any, checkpoint: str) -> list[Part]:
        ranker = Ranker(model)
        given = [self.given] if len(self.given) else self._held_out()
        compared_items = ranker.best(Sets.of(given), COMPARED)[0]
        compared_items = [row[row >= 0] for row in compared_items]

        def weights(one: Ranker) -> np.ndarray:
            """What each given item adds to the scores of others, of all sets one after the other."""
            lost = [one.lost(each, items).ravel() for each, items in zip(given, compared_items, strict=True)]
            return np.concatenate(lost)

        check = compared(weights(ranker), of_copies(self.run, Ranker, weights, self.request.seed))
        facts, lines, tables = [], [], []
        for each in given:
            found = self._suggestions(ranker, each)
            said = self.codec.write(each)
            facts.append({"given": [self.codec.names[item] for item in each], "suggestions": found})
            rows = [[one["item"], signed(one["score"]), _because(one["because"])] for one in found]
            tables.append(f"<h3>Beside {escape(said)}</h3>\n{html_table(['suggestion', 'score', 'because of'], rows)}")
            lines += [f"beside {said}:", *(f"  {item}: {because or 'how common it is'}" for item, _, because in rows)]
        note = (
            "Each given item is left out in turn; what stands beside a suggestion are those without which its score "
            "would be lower, and by how much, the weightiest first."
        )
        if not len(self.given):
            note += f" The {len(given)} sets are the first of those that the run never learned."
        html = f'<p class="note">{note}</p>\n{"".join(tables)}'
        return [Part("reasons", "The items that spoke for suggestions", {"sets": facts}, lines, html, check)]

    def _suggestions(self, ranker: Ranker, given: np.ndarray) -> list[dict[str, Any]]:
        items, scores = (each[0] for each in ranker.best(Sets.of([given]), SUGGESTED))
        items, scores = items[items >= 0], scores[items >= 0]
        reasons = ranker.reasons(given, items)
        return [
            {"item": self.codec.names[item], "score": round(float(score), 4),
             "because": {self.codec.names[one]: round(lost, 4) for one, lost in reason}}
            for item, score, reason in zip(items, scores, reasons, strict=True)
        ]

    def _held_out(self) -> list[np.ndarray]:
        """The first sets that weren't learned."""
        try:
            given = ReferenceData.of(self.run, None, 0).given
        except UserError as error:
            raise UserError(error.what_is_wrong, "Name some items as PROMPT: then no data is needed.") from error
        several = [given[place] for place in range(len(given)) if len(given[place]) > 1]
        return (several or [given[0]])[:SHOWN]


def _because(reasons: dict[str, float]) -> str:
    return ", ".join(f"{name} ({signed(lost)})" for name, lost in reasons.items())
