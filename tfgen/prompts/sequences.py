"""Cells of a run that makes sequences: each is a prompt that samples go on from, by its own sampler settings."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tfgen.generate import Origin
from tfgen.generate.output import ending
from tfgen.generate.sequence_files import ENDINGS, Rows, check_output, write_texts
from tfgen.generate.sequences import SequenceSamples
from tfgen.prompts.cells import Cell, Cells, Drawn
from tfgen.prompts.judges import Measure
from tfgen.representations.sequences.sampler import SequenceSampler, Text
from tfgen.representations.sequences.sampling_settings import SamplingSettings

_HEARD = 32  # samples of the empty prompt that words and openings for a search are taken from
_WORDS, _OPENINGS = 40, 20
_LONGEST_OPENING = 24  # letters
_WORD = re.compile(r"\s*\S+")


class SequenceCells(Cells):
    """See Cells."""

    settings = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "length", "stop", "attempts")
    tried = {"temperature": (0.3, 0.5, 0.8, 1.0), "top_p": (0.8, 0.95, 1.0)}
    strings = True
    least = 4
    default_count = 8
    shown_count = 1

    @classmethod
    def check_settings(cls, settings: Mapping[str, Any]) -> None:
        SamplingSettings.of(dict(settings))

    def check_cell(self, cell: Cell) -> None:
        self.check_settings(dict(cell.settings))
        self.codec.prompt_ids(cell.prompt)

    @cached_property
    def _sampler(self) -> SequenceSampler:
        return SequenceSampler(self.model, self.codec)

    def draw(self, cells: Sequence[Cell], seeds: np.ndarray) -> list[Drawn]:
        return [self._drawn(cell, seeds) for cell in cells]

    def _drawn(self, cell: Cell, seeds: np.ndarray) -> Drawn:
        how = SamplingSettings.of(dict(cell.settings), self.codec.usual_sampling)
        texts = [Text(f"seed {seed}", int(seed), cell.prompt, how.to_json()) for seed in seeds]
        # At temperature 0 all are the same.
        made = texts[:1] if how.temperature == 0 else texts
        for _ in self._sampler.write(self.codec.prompt_ids(cell.prompt), made, how):
            pass
        for text in texts[len(made) :]:
            text.text, text.ended, text.tokens = made[0].text, made[0].ended, made[0].tokens
            text.log_probabilities = made[0].log_probabilities
        return Drawn(cell, seeds, [text.text for text in texts], tuple(texts))

    # Search.

    @cached_property
    def _heard(self) -> list[str]:
        seeds = np.arange(_HEARD, dtype=np.int32)
        return list(self.draw([Cell("", (("length", 120),))], seeds)[0].values)

    def words(self) -> Sequence[str]:
        """The commonest words that the model says by itself."""
        counted = Counter(word for text in self._heard for word in text.split())
        return [word for word, _ in counted.most_common(_WORDS)]

    def _openings(self) -> list[str]:
        """What lines of the model's own begin with: a short line, or its first word."""
        lines = [line.strip() for text in self._heard for line in text.splitlines()[1:-1] if line.strip()]
        short = [line + "\n" for line in lines if len(line) <= _LONGEST_OPENING]
        first = [line.split()[0] + " " for line in lines]
        return [opening for opening, _ in Counter([*short, *first]).most_common(_OPENINGS)]

    def neighbours(self, cell: Cell) -> list[Cell]:
        """A word less, two words the other way round, a word of the model's own more, and another opening."""
        words = _WORD.findall(cell.prompt)
        end = cell.prompt[sum(map(len, words)) :]
        prompts = ["".join(words[:at] + words[at + 1 :]) + end for at in range(len(words)) if len(words) > 1]
        prompts += ["".join([*words[:at], *_swapped(words[at], words[at + 1]), *words[at + 2 :]]) + end
                    for at in range(len(words) - 1)]
        prompts += [opening + cell.prompt for opening in self._openings()]
        joint = "" if not cell.prompt or cell.prompt[-1].isspace() else " "
        prompts += [f"{cell.prompt}{joint}{word}{end or ' '}" for word in self.words()]
        known = dict.fromkeys(prompt for prompt in prompts if prompt != cell.prompt)
        return [Cell(prompt, cell.settings) for prompt in known if self._can(prompt)]

    def _can(self, prompt: str) -> bool:
        from tfgen.errors import UserError

        try:
            self.codec.prompt_ids(prompt)
        except UserError:
            return False
        return True

    # Measuring.

    def measures(self) -> Mapping[str, Measure]:
        return {
            "diversity": Measure(self._diversity, "pairs of words that no other sample has", 1, alone=False),
            "repetition": Measure(self._repetition, "four words that came before in the same sample", -1),
            "length": Measure(lambda drawn: np.array([len(text) for text in drawn.values], np.float64), "letters", 1),
        }

    def features(self, values: Sequence[str]) -> np.ndarray:
        """What the model sees in samples, [n, size]."""
        import tensorflow as tf

        rows = [self.codec.encode(text)[: self.model.context] for text in values]
        tokens = np.zeros([len(rows), max(1, *map(len, rows))], np.int32)
        for place, row in enumerate(rows):
            tokens[place, : len(row)] = row
        lengths = np.array([max(1, len(row)) for row in rows], np.int32)
        return self.model.features(tf.constant(tokens), tf.constant(lengths)).numpy()

    def _diversity(self, drawn: Drawn) -> np.ndarray:
        """Of each sample the share of its pairs of words that no other sample of its cell has (Li et al. 2016)."""
        own = [set(_grams(self.codec.words(text), 2)) for text in drawn.values]
        counted = Counter(gram for grams in own for gram in grams)
        return np.array([np.mean([counted[gram] == 1 for gram in grams]) if grams else 0.0 for grams in own])

    def _repetition(self, drawn: Drawn) -> np.ndarray:
        """Of each sample the share of its sequences of four words that came before (Welleck et al. 2020)."""
        grams = [list(_grams(self.codec.words(text), 4)) for text in drawn.values]
        return np.array([1.0 - len(set(each)) / len(each) if each else 0.0 for each in grams])

    # Files.

    def check_output(self, path: Path) -> None:
        check_output(path, as_json=False, modality=self.modality)

    def samples(self, drawn: Sequence[Drawn], origin: Origin) -> SequenceSamples:
        return SequenceSamples([text for each in drawn for text in each.known], Rows(origin, {}))

    def show(self, drawn: Sequence[Drawn], origin: Origin, stem: str, as_json: bool) -> None:
        rows = Rows(origin, {})
        for each in drawn:
            for text in each.known:
                if as_json:
                    print(rows.of(text))
                else:
                    print(f"--- {each.cell.title}, {text.label} ---\n{text.text}\n")

    def save(self, drawn: Sequence[Drawn], path: Path, origin: Origin) -> str:
        headed = [replace(text, label=f"{each.cell.title}, {text.label}") for each in drawn for text in each.known]
        named = [text for each in drawn for text in each.known]  # a folder's files have the prompt in their name
        in_one = ending(path) in (*ENDINGS, *self.modality.text_sheet_endings)
        return write_texts(headed if in_one else named, path, Rows(origin, {}))


def _grams(words: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[at:] for at in range(size)), strict=False)


def _swapped(one: str, two: str) -> tuple[str, str]:
    """Two words the other way round, each place keeping its own space in front."""
    return one[: len(one) - len(one.lstrip())] + two.lstrip(), two[: len(two) - len(two.lstrip())] + one.lstrip()
