"""explanation.html: what was found, each part with what a model that learned nothing would have said."""

from html import escape

from tfgen.evaluate.page import facts_list, time_of, write_page
from tfgen.run import Run
from tfgen.trust.explanation.explainer import FOR_THE_OWNER, Explanation, Part
from tfgen.trust.explanation.randomised import DEPENDS, UNTOLD

_KINDS = {DEPENDS: "checked", UNTOLD: "checked not-tested"}
_WHAT = (
    "An explanation that looks the same on a model that learned nothing is none (Adebayo et al. 2018). So each was "
    "made again for copies of the model whose weights were shuffled, and beneath each part stands how like the two "
    "are, as a rank correlation: 1 is the same, 0 has nothing to do with it."
)
_TITLE = "\N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}"


def write(explanation: Explanation, run: Run, plural: str) -> None:
    """Writes the page of a run that makes these."""
    facts = {
        "Model": run.record["model"].upper(),
        "Data": f"{run.record['data']['source']}, {plural}",
        **({"Asked for": explanation.prompt} if explanation.prompt else {}),
        "First seed": str(explanation.seed),
        "Explained": time_of(explanation.created),
    }
    alarm = f'<p class="words">{escape(_alarm(explanation))}</p>' if explanation.untrustworthy else ""
    if "privacy" in run.record:
        alarm = f'<p class="words">{escape(FOR_THE_OWNER)}</p>{alarm}'
    sections = [f"<section>\n{_section(part)}\n</section>" for part in explanation.parts]
    left = "".join(f"<li><b>{escape(what)}</b>: {escape(why)}</li>" for what, why in explanation.left_out.items())
    if left:
        sections.append(f'<section class="measured"><h2>Left out</h2><ul>{left}</ul></section>')
    body = (
        f"<header>\n<h1>Why {escape(explanation.run)} makes what it makes</h1>\n{facts_list(facts)}\n{alarm}\n"
        f'<p class="note" style="margin-top:1rem">{escape(_WHAT)}</p>\n</header>\n' + "\n".join(sections)
    )
    write_page(explanation.page, f"{explanation.run}: explanation", body)


def _alarm(explanation: Explanation) -> str:
    titles = [_TITLE.format(part.title) for part in explanation.parts if part.name in explanation.untrustworthy]
    return f"Don't trust: {', '.join(titles)}. A model with random weights explains itself much the same way."


def _section(part: Part) -> str:
    return f"<h2>{escape(part.title)}</h2>\n{part.html}\n{_check(part)}"


def _check(part: Part) -> str:
    if part.check is None:
        return f'<p class="checked not-tested">{escape(part.unchecked)}</p>' if part.unchecked else ""
    kind = _KINDS.get(part.check.verdict, "checked alarm-raised")
    sign = "" if part.check.verdict in _KINDS else "<strong>! Untrustworthy.</strong> "
    return f'<p class="{kind}">{sign}{escape(part.check.sentence())}</p>'
