"""Sequences of a run: they go on from a prompt, and the same seed gives the same one, alone or among others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tfgen.console import say, several
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.generate import Control, Generator, Origin, Request
from tfgen.generate.reactions import Reactions
from tfgen.generate.sequence_files import JsonPrinter, Rows, TextPrinter, check_output, write_texts
from tfgen.representations.base import Codec
from tfgen.representations.sequences.sampler import Piece, SequenceSampler, Text
from tfgen.representations.sequences.sampling_settings import SamplingSettings
from tfgen.restore import load_model, made_of
from tfgen.run import Run


@dataclass(frozen=True, eq=False)
class SequenceSamples(Reactions, Sequence):
    """Sequences as strings, and where they are from; a part of them is one too, and a person can react to them.

    texts: with the seed, the tokens and their log-probabilities, and why each ended.
    """

    texts: list[Text]
    rows: Rows

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return SequenceSamples(self.texts[place], self.rows)
        return self.texts[place].text

    def __iter__(self) -> Iterator[str]:
        return (text.text for text in self.texts)

    def __repr__(self) -> str:
        return repr(list(self))

    def examples(self) -> Iterator[dict[str, Any]]:
        """Each with its prompt, its seed and why it ended."""
        for text in self.texts:
            yield {"text": text.text, "prompt": text.prompt, "seed": text.seed, "ended": text.ended}

    def records(self) -> list[Sample]:
        return [self.rows.record(text) for text in self.texts]

    def save(self, path: str | Path) -> str:
        """Writes them to a .txt, a .jsonl or a folder, and gives a phrase on what was written."""
        check_output(Path(path), as_json=False, modality=self.rows.origin.written_by)
        return write_texts(self.texts, Path(path), self.rows)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        show = self.rows.origin.written_by.as_html
        return "".join(f"<p><b>{escape(text.label)}</b></p>{show(text.text, text.label)}" for text in self.texts)


class SequenceGenerator(Generator):
    """See Generator. Without a place, text goes to standard output while it is made."""

    options = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "beams", "length", "stop", "attempts",
               "json", "ladder")
    controls = (
        Control("temperature", "Temperature", 0, 2, 0.8, 0.05, "0 takes the likeliest, more is bolder."),
        Control("top_p", "Likeliest share", 0.05, 1, 0.95, 0.05,
                "Choose among the likeliest tokens that together have this probability (top-p)."),
        Control("top_k", "Likeliest tokens", 0, 200, 0, 1, "Choose among so many; 0 for all (top-k)."),
        Control("repetition_penalty", "Repetition penalty", 0.8, 2, 1, 0.05, "Above 1, what was said is said less."),
        Control("length", "Length", 1, 2000, 200, 1, "Tokens to write at the most."),
    )
    shard_options = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "length", "stop", "attempts")
    shard_formats = ("jsonl", "tfrecord")
    shard_size = 512

    def __init__(self, run: Run, request: Request, codec: Codec):
        super().__init__(run, request, codec)
        options = dict(request.options)
        self.as_json = options.pop("json", False)
        ladder = options.pop("ladder", None)
        if ladder and "temperature" in options:
            raise UserError("A ladder says the temperatures.", "Leave --temperature out.")
        self.how = SamplingSettings.of(options, codec.usual_sampling)
        self.rungs = self.how.rungs(ladder) if ladder else [self.how]
        if "attempts" in options and codec.adherence is None:
            what = f"Whether {self.modality.plural} are as their prompt asks can't be counted, so each is drawn once."
            raise UserError(what, "Leave --attempts out.")
        if request.output:
            check_output(request.output, self.as_json, self.modality)
        if 0 < self.how.beams < len(self.seeds):
            raise UserError(
                f"A search with {self.how.beams} beams can't end with {len(self.seeds)} {self.modality.plural}.",
                "Lower -n, or raise --beams.",
            )
        self.ids = codec.prompt_ids(request.prompt)
        self.rows = Rows(Origin.of(run).asked_by(request), self.how.to_json(), codec if self.as_json else None)

    def default_count(self) -> int:
        return 1

    def check_shards(self) -> None:
        super().check_shards()
        if self.how.temperature == 0:
            raise UserError("At temperature 0 every seed gives the same.", "Raise --temperature.")

    def samples(self) -> SequenceSamples:
        texts = getattr(self, "_written", None)
        if texts is None:
            texts = self._texts()
            for _ in self._made(texts):
                pass
        return SequenceSamples([text for text in texts if text.ended], self.rows)

    def pieces(self) -> Iterator[tuple[int, str]]:
        texts = self._texts()
        for piece in self._made(texts):
            yield piece.place, piece.text
        self._written = texts

    def deliver(self) -> None:
        texts = self._texts()
        printer = JsonPrinter(texts, self.rows) if self.as_json else TextPrinter(texts)
        for piece in self._made(texts):
            if not self.request.output:
                printer.show(piece)
        if self.request.output:
            # A search among few tokens can find fewer texts than were asked for.
            made = [text for text in texts if text.ended]
            say(f"Wrote {write_texts(made, self.request.output, self.rows)}")

    def _made(self, texts: list[Text]) -> Iterator[Piece]:
        """Fills the texts; says what is cut off before and behind."""
        model = load_model(self.run)
        sampler = made_of(model, "sampler", lambda: SequenceSampler(model, self.codec))
        kept, _ = sampler.room(len(self.ids), self.how.length)
        if kept < len(self.ids):
            cut = f"the first {len(self.ids) - kept} are cut off"
            say(f"The prompt has {len(self.ids)} tokens, and the model sees the last {kept}: {cut}.")
        start = 0
        for how in self.rungs:
            count = self._count_at(how)
            for piece in sampler.write(self.ids, texts[start : start + count], how):
                yield piece._replace(place=piece.place + start)
            start += count
        if any(text.ended == "context" for text in texts):
            say(f"The model sees {sampler.model.context} tokens and can't write past them; the text ends there.")
        lacking = sum(text.lacking > 0 for text in texts)
        if lacking:
            which = f"{lacking} of {len(texts)} {self.modality.samples[1]} lack" if len(texts) > 1 else "It lacks"
            say(f"{which} something that was asked for, after {several(self.how.attempts, 'attempt')}.")
        chosen = self.request.options.keys() | self.codec.usual_sampling.keys()
        if "length" not in chosen and any(text.ended == "length" for text in texts):
            say(f"Cut off at {self.how.length} tokens; --length allows more.")

    def _texts(self) -> list[Text]:
        """The texts that were asked for, of which nothing is made yet."""
        prompt = self.request.prompt
        if self.how.beams:
            return [Text(f"beam {place + 1}", None, prompt) for place in range(len(self.seeds))]
        if len(self.rungs) > 1:
            return [
                Text(f"temperature {how.temperature:g}, seed {seed}", int(seed), prompt, how.to_json())
                for how in self.rungs
                for seed in self.seeds[: self._count_at(how)]
            ]
        if self._count_at(self.how) < len(self.seeds):
            say("At temperature 0 every seed gives the same, so one is made.")
        return [Text(f"seed {seed}", int(seed), prompt) for seed in self.seeds[: self._count_at(self.how)]]

    def _count_at(self, how: SamplingSettings) -> int:
        """How many are made: the likeliest is one."""
        return 1 if how.temperature == 0 and not how.beams else len(self.seeds)
