"""The metric inputs of sequences: what unseen ones cost, and what samples, and others in their place, say."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from tfgen.evaluate.metric_inputs import LazyInputs, with_others
from tfgen.evaluate.metrics.membership import LEAST_DOCUMENTS as LEAST_MEMBERS
from tfgen.evaluate.metrics.memorisation import WINDOW
from tfgen.evaluate.sequences.detector import judge
from tfgen.evaluate.sequences.lexicon import Lexicon
from tfgen.evaluate.sequences.losses import LEAST_DOCUMENTS, LossReader, Read, documents
from tfgen.evaluate.sequences.matching import Match, Searched
from tfgen.evaluate.sequences.ngram import MOST_TOKENS, NGram
from tfgen.evaluate.sequences.reference_data import ReferenceData
from tfgen.evaluate.sequences.sampling import length_for, pieces_of, sample_ids
from tfgen.modalities.base import Modality
from tfgen.trust.energy import SampleEnergy

_JUDGED = ("real_judged", "generated_judged")
MOST_MATCHED = 1000  # texts of each group that are looked for in the training text
_LEAST_TRAINING = 2**14  # tokens of training text that are predicted, however little is held out


class SequenceInputs:
    """Makes each part of it once, when it is first asked for."""

    def __init__(
        self, model: Any, data: ReferenceData, count: int, seed: int, modality: Any = Modality,
        energy: SampleEnergy | None = None,
    ):  # fmt: skip
        self.model, self.data, self.count, self.seed, self.modality = model, data, count, seed, modality
        self.sample_energy = energy or SampleEnergy()
        self._losses = LossReader(model, data.apart)
        self._end = data.end
        self._scored: dict[str, np.ndarray] = {}

    # What text costs.

    @cached_property
    def unseen(self) -> Read | None:
        """The unseen text by the model; None where there is none."""
        return self._losses.read(self.data.unseen) if len(self.data.unseen) > 1 else None

    @cached_property
    def training(self) -> list[Read]:
        """About as much of the training text."""
        count = max(len(self.data.unseen), _LEAST_TRAINING)
        return [self._losses.read(stretch) for stretch in self.data.stretches(count)]

    def pieces(self, *reads: Read) -> np.ndarray:
        """float [m, 3] in a random order: by documents where there are enough, else by windows of the context."""
        starts = [documents(read.tokens, self._end) for read in reads]
        if sum(map(len, starts)) < LEAST_DOCUMENTS:
            starts = [np.arange(0, len(read.tokens), self.model.context) for read in reads]
        rows = np.concatenate([read.pieces(each) for read, each in zip(reads, starts, strict=True)])
        return np.random.default_rng([self.seed, 6]).permutation(rows)

    def at_home(self, *reads: Read) -> np.ndarray:
        """float [m]: minus the mean nats of a token in each document."""
        rows = np.concatenate([read.pieces(documents(read.tokens, self._end)) for read in reads])
        return -rows[:, 0] / rows[:, 1]

    # What is said.

    @cached_property
    def ngram(self) -> NGram:
        """Counts the training text."""
        return NGram(self.data.training_tokens(MOST_TOKENS).ids, self.data.codec.specification.vocabulary_size)

    @cached_property
    def _exchanges(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return self.data.training.exchanges(self.count)

    @property
    def openings(self) -> list[np.ndarray]:
        """What each sample goes on from."""
        return [opening for opening, _ in self._exchanges]

    @cached_property
    def answers(self) -> list[np.ndarray]:
        """What unseen documents answer to the openings; none where there are fewer of them, or of plain text."""
        return [answer for _, answer in self._exchanges] if self.data.exchanges >= self.count else []

    @cached_property
    def sample_ids(self) -> list[np.ndarray]:
        """The model's samples."""
        length = length_for(self.model, self.data.codec)
        return sample_ids(self.model, self.data.codec, self.openings, self.seed, length, self.sample_energy)

    @cached_property
    def said(self) -> np.ndarray:
        """The ids of the unseen text that a model would say: of completions and chats, the answers alone."""
        return self.data.unseen.ids[self.data.unseen.learned]

    @cached_property
    def groups(self) -> dict[str, list[np.ndarray]]:
        """The ids of every group by its name: as many in each, and as long in tokens, or as answers are."""
        lengths = np.array([len(ids) for ids in self.sample_ids], np.int64)
        example = self.model.example
        groups = {"samples": self.sample_ids}
        if self.unseen is not None:
            real = [answer[: lengths.max()] for answer in self.answers]
            groups["real"] = real or pieces_of(self.said, lengths, np.random.default_rng([self.seed, 7]))
        starts = np.array([opening[-1] if len(opening) else example.start for opening in self.openings])
        groups["n-gram"] = self.ngram.sample(self.count, int(lengths.max()), starts, example.ends, self.seed)
        copies = pieces_of(self.data.said, lengths, np.random.default_rng([self.seed, 8]))
        groups["copies"] = [self.data.tokens_of(each).ids for each in copies]
        return groups

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """The texts of every group."""
        return {name: [self.data.text(ids) for ids in group] for name, group in self.groups.items()}

    @cached_property
    def words(self) -> dict[str, np.ndarray]:
        """The words of every group's texts; of training text for real ones where the unseen text is too short."""
        lexicon, texts = Lexicon(self.data.codec.words), dict(self.texts)
        if self.unseen_is_short:
            texts["real"] = texts["copies"]
        return {name: lexicon.rows(each) for name, each in texts.items()}

    @cached_property
    def unseen_is_short(self) -> bool:
        """Whether pieces of the unseen text overlap, so that they repeat each other, and those of training text less.

        Words that come twice for that reason would make samples look the more varied.
        """
        if self.answers:
            return False
        needed = sum(map(len, self.sample_ids))
        return self.unseen is not None and len(self.said) < min(needed, len(self.data.said))

    @cached_property
    def searched(self) -> Searched:
        """The training text, to look things up in."""
        return Searched(self.data.searched)

    @cached_property
    def matches(self) -> dict[str, list[Match]]:
        """The longest match of every group's texts with the training text; all groups are looked for at once."""
        groups = {name: texts[:MOST_MATCHED] for name, texts in self.texts.items()}
        found = iter(self.searched.matches([text for texts in groups.values() for text in texts]))
        return {name: [next(found) for _ in texts] for name, texts in groups.items()}

    @cached_property
    def windows(self) -> dict[str, np.ndarray]:
        """How many windows each of them has, and how many stand in the training text."""
        groups = {name: texts[:MOST_MATCHED] for name, texts in self.texts.items()}
        rows = self.searched.shares([text for texts in groups.values() for text in texts], WINDOW)
        stops = np.cumsum([len(texts) for texts in groups.values()])[:-1]
        return dict(zip(groups, np.split(rows, stops), strict=True))

    # By name, for the metrics.

    def of_texts(self, name: str) -> LazyInputs:
        """What can be asked of a group of texts."""
        return LazyInputs(self._of_texts(name))

    def _of_texts(self, name: str) -> dict[str, Any]:
        def matches() -> np.ndarray:
            found = np.array([match.length for match in self.matches[name]], np.int64)
            return found[self._say_something(name)]

        return {
            **{side: lambda column=column: self.judged(name)[:, column] for column, side in enumerate(_JUDGED)},
            "sample_words": lambda: self.words[name],
            "matches": matches,
            "windows": lambda: self.windows[name][self._say_something(name)],
        }

    def with_others(self, groups: Mapping[str, LazyInputs]) -> dict[str, LazyInputs]:
        """See metric_inputs.with_others; those of `others` go on from nothing."""
        return with_others(groups, self.others, lambda samples: self._own(lambda: samples, lambda: []))

    @cached_property
    def others(self) -> Mapping[str, tuple[str, Any]]:
        """See Modality.others."""
        return self.modality.others(self.data.training, self.count, self.seed)

    def _own(self, samples: Callable[[], Any], openings: Callable[[], Any]) -> dict[str, Callable[[], np.ndarray]]:
        """What metrics of this kind of data alone ask of some ids."""
        return dict(self.modality.metric_inputs(self.data.training, samples, openings))

    def judged(self, name: str) -> np.ndarray:
        """Scores [n, 2] by which a classifier tells the second halves of pieces of training text and of a group."""
        if name not in self._scored:
            lengths = np.array([len(ids) for ids in self.sample_ids], np.int64)
            others = pieces_of(self.data.said, lengths, np.random.default_rng([self.seed, 9]))
            training = [self.data.text(self.data.tokens_of(each).ids) for each in others]
            self._scored[name] = judge(training[:MOST_MATCHED], self.texts[name][:MOST_MATCHED])
        return self._scored[name]

    def _say_something(self, name: str) -> np.ndarray:
        """Which of the texts that are looked for have a character: those that end at once copy nothing, and prove
        nothing either."""
        return np.array([bool(text) for text in self.texts[name][:MOST_MATCHED]], bool)

    def of_model(self) -> LazyInputs:
        """What can be asked of the model."""
        makers = {**self._of_texts("samples"), "training_texts": lambda: self.pieces(*self.training)}
        makers |= self._own(lambda: self.sample_ids, lambda: self.openings)
        if self.unseen is not None:
            makers["unseen_texts"] = lambda: self.pieces(self.unseen)
            if self._many_documents():
                makers["unseen_scores"] = lambda: self.at_home(self.unseen)
                makers["training_scores"] = lambda: self.at_home(*self.training)
        return LazyInputs(makers)

    def of_ngram(self) -> LazyInputs:
        """The same of the model that counts."""
        makers = {**self._of_texts("n-gram"), **self._own(lambda: self.groups["n-gram"], lambda: [])}
        if self.unseen is not None:
            makers["unseen_texts"] = lambda: self.pieces(self.counted(self.ngram))
        return LazyInputs(makers)

    def counted(self, ngram: NGram) -> Read:
        """The unseen text by a model that counts."""
        tokens = self.data.unseen
        nats = ngram.nats(tokens.ids, self.model.example.start)
        return Read(tokens, nats, np.arange(len(nats)) % self.model.context)

    def _many_documents(self) -> bool:
        reads = ([self.unseen], self.training)
        counts = [sum(len(documents(read.tokens, self._end)) for read in side) for side in reads]
        return min(counts) >= LEAST_MEMBERS
