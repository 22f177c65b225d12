"""Why a model of arrays makes what it makes: directions in its latents as strips, and its samples' nearest examples."""

from collections.abc import Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.catalog import EXTRACTORS
from tfgen.console import say
from tfgen.errors import UserError
from tfgen.evaluate.arrays.groups import sample_group
from tfgen.evaluate.arrays.metric_inputs import ArrayInputs
from tfgen.evaluate.arrays.reference_data import ReferenceData
from tfgen.evaluate.arrays.report_sections import boxed, neighbour_card, values_at
from tfgen.evaluate.metrics.copying import closeness
from tfgen.evaluate.metrics.latents import LEAST_NATS
from tfgen.evaluate.page import html_table
from tfgen.generate import Origin
from tfgen.generate.output import provenance
from tfgen.representations.base import Codec
from tfgen.run import Run
from tfgen.trust.explanation.directions import (
    DIMENSIONS, LEAST, MEASURED, MOST, PRINCIPAL, SEFA, Association, Direction, Latents, associations, borne_out,
    turned_to_more,
)
from tfgen.trust.explanation.explainer import NAME, Explainer, ExplainRequest, Part
from tfgen.trust.explanation.randomised import compared, randomised, signed

SEEDS = 3  # rows of a strip
NEIGHBOURED = 6  # samples beside their nearest examples
_STEPS, _FEW_STEPS = 9, 5  # of a strip; few of what is large or no picture
_LARGE = 64  # pixels
_NAMES = 3  # of a direction, at the most
_JUDGED = 500  # examples, at the most, by which dimensions are counted
_TITLES = {
    SEFA: "Directions in the weights",
    PRINCIPAL: "Directions in the samples",
    DIMENSIONS: "Dimensions of the latents",
}
_WEIGHTS = {
    SEFA: "{:.1%} of the squared weights.", PRINCIPAL: "{:.1%} of what varies.", DIMENSIONS: "{:.2f} nats an example.",
}
_NOTES = {
    SEFA: "Eigenvectors of the matrix that latents meet first (SeFa, Shen and Zhou 2021): what changes the next layer "
    "the most.",
    PRINCIPAL: "How latents change along what varies most in samples, as the model sees them (Härkönen et al. 2020).",
    DIMENSIONS: "The latents that an example costs the most nats of KL.",
}


class ArrayExplainer(Explainer):
    """See Explainer."""

    def __init__(self, run: Run, request: ExplainRequest, codec: Codec):
        super().__init__(run, request, codec)
        self.ids = run.vocabulary().ids(request.prompt)  # refuses words that the model never saw

    def beginning(self) -> str:
        return "Looking for directions in the latents, and in those of copies with randomised weights ..."

    def parts(self, model: Any, checkpoint: str) -> list[Part]:
        latents = Latents.of(self.run, self.request.prompt, model)
        nats = self._nats(model)
        found = self._directions(latents, nats)
        if PRINCIPAL not in found:
            self.left_out[_TITLES[PRINCIPAL]] = "All samples are the same."
        copies = self._of_copies(found)
        parts = [self._part(latents, kind, found[kind], nats, copies[kind]) for kind in found]
        neighbours = self._neighbours(model, checkpoint)
        return [*parts, *([neighbours] if neighbours else [])]

    # Directions.

    def _directions(self, latents: Latents, nats: np.ndarray | None) -> dict[str, list[Direction]]:
        found = {SEFA: latents.sefa(), PRINCIPAL: latents.principal()}
        if nats is not None:
            found[DIMENSIONS] = latents.dimensions(nats)
        return {kind: each for kind, each in found.items() if each}

    def _nats(self, model: Any) -> np.ndarray | None:
        """What each dimension costs an example in the mean, [latent_dim]; None of a model that has no such cost, or
        where the data is gone."""
        if "latent_kl" not in model.measurements() or self._data is None:
            return None
        group = self._data.reference(min(_JUDGED, self._data.usable(_JUDGED)))
        inputs = self._inputs(model, len(group)).of_model(group, group)
        return np.asarray(inputs["latent_kl"], np.float64).mean(axis=0)

    def _of_copies(self, found: dict[str, list[Direction]]) -> dict[str, "_Copies"]:
        """What copies with randomised weights give of the same kinds."""
        measures, latents = self.modality.attributes(self.codec), None
        gathered: dict[str, _Copies] = {kind: _Copies() for kind in found}
        for model in randomised(self.run, self.request.seed):
            latents = Latents.of(self.run, self.request.prompt, model) if latents is None else latents.anew()
            nats = self._nats(model) if DIMENSIONS in found else None
            theirs = self._directions(latents, nats)
            for kind, copies in gathered.items():
                each = theirs.get(kind, [])
                copies.directions += len(each)
                copies.named += sum(any(one.is_certain for one in all_)
                                    for all_ in associations(latents, each, measures))
                copies.explained.append(
                    nats if kind == DIMENSIONS else [latents.change(direction) for direction in each]
                )
        return gathered

    def _part(
        self, latents: Latents, kind: str, directions: list[Direction], nats: np.ndarray | None, copies: "_Copies"
    ) -> Part:
        measures = self.modality.attributes(self.codec)
        named = [
            turned_to_more(direction, found)
            for direction, found in zip(directions, associations(latents, directions, measures), strict=True)
        ]
        cards, lines, facts = [], [], []
        for direction, found in named:
            names = borne_out(found)
            name = ", ".join(names[:_NAMES]) or None
            values = self._shown(latents, direction)
            path = self._save_sheet(values, direction, name)
            cards.append(self._card(values, direction, found, name))
            lines.append(_line(direction, found, name))
            facts.append({
                "direction": direction.title, "name": name, "borne_out": names,
                "weight": round(direction.weight, 4), "associations": [one.to_json() for one in found],
                "sheet": path.name,
                "vector": [round(float(each), 6) for each in direction.vector],
            })
        if kind == DIMENSIONS:
            check = compared(nats, copies.explained)
        else:
            own = np.stack([latents.change(direction) for direction in directions])
            check = compared(own, [_filled(changes, own) for changes in copies.explained])
        about: dict[str, Any] = {"directions": facts, "named_of_random_copies": [copies.named, copies.directions]}
        note = [_NOTES[kind]]
        if kind == DIMENSIONS:
            dead = int(np.sum(nats < LEAST_NATS))
            about |= {"nats": [round(float(each), 4) for each in nats], "dead": dead}
            note.append(f"Of {len(nats)} dimensions {dead} are dead: they cost less than {LEAST_NATS} nats.")
            lines.insert(0, f"{dead} of {len(nats)} dimensions are dead")
        if measures:
            if copies.named:
                lines.append(f"{copies.named} of {copies.directions} directions of random copies get a name too")
            note.append(
                f"Names are attributes that surely go along, their correlations beyond {LEAST} over {MEASURED} "
                f"samples at random places, the closest first. Of {copies.directions} directions of copies with "
                f"randomised weights, {copies.named} get a name."
            )
        else:
            note.append(f"Nothing is measured in {self.modality.plural}, so there are no names.")
        note.append(
            f"Each row is a seed; from left to right a sample is moved from {_at(-MOST)} to {_at(MOST)} standard "
            "deviations, and in all else it stays."
        )
        html = f'<p class="note">{escape(" ".join(note))}</p>\n{"".join(cards)}'
        return Part(kind.casefold(), _TITLES[kind], about, lines, html, check)

    @cached_property
    def _seeds(self) -> np.ndarray:
        return np.arange(self.request.seed, self.request.seed + SEEDS, dtype=np.int32)

    def _shown(self, latents: Latents, direction: Direction) -> np.ndarray:
        """Stored samples [seeds, steps, ...]."""
        sides = self.modality.sides(self.codec.decode(latents.moved(direction, self._seeds[:1], np.zeros(1)))[0])
        steps = _STEPS if sides is not None and max(sides) <= _LARGE else _FEW_STEPS
        return latents.shown(direction, self._seeds, steps)

    def _save_sheet(self, values: np.ndarray, direction: Direction, name: str | None) -> Path:
        """Writes a direction's strips [seeds, steps, ...] as one sheet."""
        path = self.folder / NAME / f"{direction.title.replace(' ', '-').casefold()}{self.modality.sheet_ending}"
        seeds = f"{self._seeds[0]} to {self._seeds[-1]}"
        about = {
            **provenance(Origin.of(self.run), self.request.prompt, seeds), "direction": direction.title,
            "name": name or "none",
        }
        self.modality.save_sheet(path, values.reshape(-1, *values.shape[2:]), about, values.shape[1])
        return path

    def _card(
        self, values: np.ndarray, direction: Direction, found: Sequence[Association], name: str | None
    ) -> str:
        steps = np.linspace(-MOST, MOST, values.shape[1])
        captions = "".join(f'<span class="step">{_at(step)}</span>' for step in steps)
        figures = [
            "<figure>"
            + self.modality.as_html(value, f"seed {seed} at {_at(step)} standard deviations of {direction.title}")
            + "</figure>"
            for seed, row in zip(self._seeds, values, strict=True)
            for step, value in zip(steps, row, strict=True)
        ]
        strip = boxed("strip", self.modality, values[0, 0], [captions, *figures], f"--steps:{len(steps)}")
        rows = [
            [one.attribute, signed(one.correlation), f"{signed(one.low)} to {signed(one.high)}", f"{one.p:.2g}",
             f"{_short(one.ends[0])} to {_short(one.ends[1])}"]
            for one in found
        ]
        heads = ["attribute", "correlation", "95% interval", "p", "from end to end"]
        more = f"<details><summary>What goes along with it</summary>{html_table(heads, rows)}</details>" if rows else ""
        about = f"{_WEIGHTS[direction.kind].format(direction.weight)} {_in_words(found, name)}"
        return (
            f'<article class="direction"><h3>{escape(direction.title)}: {escape(name or "no name")}</h3>'
            f'<p class="note">{escape(about)}</p><div class="wide">{strip}</div>{more}</article>'
        )

    # Nearest examples.

    @cached_property
    def _data(self) -> ReferenceData | None:
        try:
            return ReferenceData.of(self.run, None, 0)
        except UserError as error:
            self.left_out["What takes the training data"] = error.what_is_wrong
            return None

    def _inputs(self, model: Any, count: int) -> ArrayInputs:
        detail = EXTRACTORS.load("random")(self._data.training)
        return ArrayInputs(str(self.run.path.resolve()), model, self._data, detail, count, self.modality)

    def _neighbours(self, model: Any, checkpoint: str) -> Part | None:
        if self._data is None:
            return None
        say("Looking for the nearest training examples ...")
        samples = sample_group(model, self.codec, checkpoint, NEIGHBOURED, self.request.seed, ids=self.ids)
        inputs = self._inputs(model, NEIGHBOURED)
        places, apart = inputs.nearest(samples)
        ratios, among = closeness(apart), self._data.neighbours()
        values, cards = values_at(samples, np.arange(NEIGHBOURED)), []
        for number, value in enumerate(values):
            beside = [self.modality.as_html(each, "training example") for each in values_at(among, places[number])]
            sample = self.modality.as_html(value, "sample")
            others = zip(beside, apart[number], strict=True)
            seed = self.request.seed + number
            cards.append(neighbour_card(seed, "", float(ratios[number]), False, sample, others))
        found = [
            {"seed": self.request.seed + number, "distances": [round(float(each), 4) for each in apart[number]],
             "ratio": round(float(ratios[number]), 4)}
            for number in range(NEIGHBOURED)
        ]
        note = (
            f"The first {NEIGHBOURED} samples, none chosen, each beside the training examples that are the most like "
            "it, with their distances. A ratio near 0 would be a copy: that example is far nearer than the second. "
            "Which samples are the most suspicious is in the report of tfgen evaluate."
        )
        html = f'<p class="note">{note}</p>\n{boxed("neighbours", self.modality, values[0], cards)}'
        lines = [f"seed {each['seed']}: ratio {each['ratio']:.2f}" for each in found]
        unchecked = "Examples are compared here, and no weights are looked at: there is nothing to randomise."
        return Part("neighbours", "Nearest training examples", {"samples": found}, lines, html, None, unchecked)


class _Copies:
    """What the copies' directions of one kind are."""

    def __init__(self) -> None:
        self.explained: list[Any] = []
        self.named = self.directions = 0


def _filled(changes: list[np.ndarray], own: np.ndarray) -> np.ndarray:
    """As many changes as the run's own [directions, ...]; a direction that a copy doesn't have changes nothing."""
    return np.stack([*changes, *np.zeros_like(own)])[: len(own)]


def _in_words(found: Sequence[Association], name: str | None) -> str:
    if not found:
        return "No attribute changes along it."
    one = found[0]
    about = f"correlation {signed(one.correlation)}, {signed(one.low)} to {signed(one.high)}"
    if name:
        more = f"{about}; from {_short(one.ends[0])} to {_short(one.ends[1])}"
        return f"More {one.attribute} from left to right ({more})."
    return f"No attribute is borne out: the closest is {one.attribute} ({about})."


def _line(direction: Direction, found: Sequence[Association], name: str | None) -> str:
    if not found:
        return f"{direction.title}: no name"
    one = found[0]
    about = f"{signed(one.correlation)}, 95% {signed(one.low)} to {signed(one.high)}, p {one.p:.1g}"
    return f"{direction.title}: " + (f"{name} ({about})" if name else f"no name (closest: {one.attribute} {about})")


def _at(place: float) -> str:
    """A place on a strip: "+1.5", "0"."""
    return f"{place:+g}".replace("-", "\N{MINUS SIGN}") if place else "0"


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
