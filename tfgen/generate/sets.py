"""What goes with some items, ranked; the same for each set of a file; or whole sets, invented item by item."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from tfgen import files
from tfgen.arguments import number
from tfgen.console import say, several
from tfgen.errors import UserError
from tfgen.feedback.events import Sample
from tfgen.generate import Control, Generator, Origin, Request
from tfgen.generate.output import check_path, ending, file_stem, provenance
from tfgen.generate.reactions import Reactions
from tfgen.models.sets.configs import TEMPERATURE
from tfgen.representations.base import Codec
from tfgen.representations.sets.codec import SetCodec, quoted
from tfgen.representations.sets.ranker import Ranker
from tfgen.representations.sets.sets import Sets
from tfgen.restore import load_model, made_of
from tfgen.run import BASE, Run
from tfgen.trust.provenance import write_marked

ENDINGS = (".csv", ".tsv", ".jsonl", ".txt")
DEFAULT_COUNT = 10
_SHOWN = 10  # sets of a file, on the terminal
_HOTTEST = 10.0


@dataclass(frozen=True)
class Suggestion:
    """An item that goes with what is given; because: given items without which its score would be lower, and by how
    much."""

    item: str
    score: float
    because: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.item} ({self.score:.2f})"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        about = {"because": {name: round(value, 4) for name, value in self.because.items()}} if self.because else {}
        return {"item": self.item, "score": round(self.score, 4), **about}


@dataclass(frozen=True, eq=False)
class Ranking(Reactions, Sequence):
    """Suggestions, the best first, for one set of given items; a part of them is one too."""

    suggestions: tuple[Suggestion, ...]
    prompt: str
    origin: Origin

    def __len__(self) -> int:
        return len(self.suggestions)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return Ranking(self.suggestions[place], self.prompt, self.origin)
        return self.suggestions[place]

    def records(self) -> list[Sample]:
        return [_sample(self.origin, self.prompt, 0, each.item) for each in self.suggestions]

    def rows(self) -> tuple[list[str], list[list[str]]]:
        """Names of columns, and a row for each suggestion."""
        has_reasons = any(each.because for each in self.suggestions)
        heads = ["rank", "item", "score", *(["because"] if has_reasons else [])]
        return heads, [
            [str(place), each.item, f"{each.score:.4f}", *([_in_words(each.because)] if has_reasons else [])]
            for place, each in enumerate(self.suggestions, 1)
        ]

    def json_lines(self) -> str:
        """A line of JSON for each suggestion."""
        return _json_lines({"rank": place, **each.to_json()} for place, each in enumerate(self.suggestions, 1))

    def save(self, path: str | Path) -> str:
        """Writes them as the path's ending says, and gives a phrase on what was written."""
        path = _file(Path(path), self.origin, self.prompt or "common")
        if ending(path) == ".jsonl":
            content = self.json_lines()
        elif ending(path) == ".txt":
            content = "".join(f"{each.item}\n" for each in self.suggestions)
        else:
            heads, rows = self.rows()
            content = _delimited([heads, *rows], path)
        _write(path, content, provenance(self.origin, self.prompt, "none"))
        return f"{path}, {several(len(self), 'item')}"

    def __repr__(self) -> str:
        heads, rows = self.rows()
        return _aligned([heads, *rows], numbers=("rank", "score"))

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html(*self.rows())


@dataclass(frozen=True, eq=False)
class Rankings(Sequence):
    """A ranking for each set of a file, by who it is of."""

    rankings: Mapping[str, Ranking]
    origin: Origin

    def __len__(self) -> int:
        return len(self.rankings)

    def __getitem__(self, place: Any) -> Any:
        return list(self.rankings.values())[place]

    def json_lines(self) -> str:
        """A line of JSON for each ranking."""
        return _json_lines(
            {"of": name, "items": [each.to_json() for each in ranking]} for name, ranking in self.rankings.items()
        )

    def save(self, path: str | Path) -> str:
        """Writes them as the path's ending says, and gives a phrase on what was written."""
        path = _file(Path(path), self.origin, "suggestions")
        if ending(path) == ".jsonl":
            content = self.json_lines()
        elif ending(path) == ".txt":
            content = "".join(f"{', '.join(quoted(each.item) for each in one)}\n" for one in self.rankings.values())
        else:
            heads = next(iter(self.rankings.values())).rows()[0]
            rows = [[name, *row] for name, ranking in self.rankings.items() for row in ranking.rows()[1]]
            content = _delimited([["of", *heads], *rows], path)
        _write(path, content, provenance(self.origin, "", "none"))
        return f"{path}, {several(len(self), 'ranking')}"

    def __repr__(self) -> str:
        shown = list(self.rankings.items())[:_SHOWN]
        return "\n".join(f"{name}: {', '.join(quoted(each.item) for each in ranking)}" for name, ranking in shown)


@dataclass(frozen=True, eq=False)
class InventedSets(Reactions, Sequence):
    """Whole sets, each a list of names, and where they are from; a part of them is one too."""

    sets: list[list[str]]
    seeds: list[int]
    prompt: str
    origin: Origin

    def __len__(self) -> int:
        return len(self.sets)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return InventedSets(self.sets[place], self.seeds[place], self.prompt, self.origin)
        return self.sets[place]

    def lines(self) -> list[str]:
        """A line for each, as a prompt has items."""
        return [", ".join(map(quoted, each)) for each in self.sets]

    def examples(self) -> Iterator[dict[str, Any]]:
        """Each as the names of its items, with its seed."""
        for seed, names in zip(self.seeds, self.sets, strict=True):
            yield {"items": names, "prompt": self.prompt, "seed": seed}

    def records(self) -> list[Sample]:
        return [
            _sample(self.origin, self.prompt, seed, line) for seed, line in zip(self.seeds, self.lines(), strict=True)
        ]

    def json_lines(self) -> str:
        """A line of JSON for each set."""
        made = zip(self.seeds, self.sets, strict=True)
        return _json_lines({"seed": seed, "items": names} for seed, names in made)

    def save(self, path: str | Path) -> str:
        """Writes a set a line, as tfgen reads them, or as the path's ending says; gives a phrase on what was written.
        """
        path = _file(Path(path), self.origin, file_stem("", self.prompt, f"seed{self.seeds[0]}"))
        if ending(path) == ".jsonl":
            content = self.json_lines()
        elif ending(path) == ".txt":
            content = "".join(f"{line}\n" for line in self.lines())
        else:
            content = _delimited(self.sets, path)
        seeds = f"{self.seeds[0]} to {self.seeds[-1]}" if len(self) > 1 else str(self.seeds[0])
        _write(path, content, provenance(self.origin, self.prompt, seeds))
        one, more = self.origin.written_by.samples
        return f"{path}, {len(self)} {one if len(self) == 1 else more}"

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return f"<pre>{escape(repr(self))}</pre>"


class SetGenerator(Generator):
    """See Generator. A prompt names items, and what goes with them is ranked; `baskets` invents whole sets that begin
    with them. Both go to the terminal where nobody names a place."""

    options = ("baskets", "why", "like", "temperature", "json")
    controls = (
        Control("baskets", "Whole baskets", 0, 1, 0, 1, "1 invents whole ones, each from its seed; 0 ranks what goes "
                "with the items"),
        Control("temperature", "Temperature", 0.1, 2.0, TEMPERATURE, 0.05,
                "Of whole ones: less is nearer to the usual"),
    )  # fmt: skip
    shard_options = ("baskets", "temperature")
    shard_formats = ("jsonl", "tfrecord")
    shard_size = 20_000

    codec: SetCodec

    def __init__(self, run: Run, request: Request, codec: Codec):
        super().__init__(run, request, codec)
        self.invents = bool(request.options.get("baskets"))
        self.temperature = number("temperature", request.options.get("temperature"))
        self.given = self.codec.read(request.prompt)
        self._check(request.options)
        self._like: tuple[list[str], Sets] | None = None
        if "like" in request.options:
            self._like = self.modality.read_sets(Path(request.options["like"]), codec, run.data_settings())
        if request.output is not None:
            check_path(request.output, ENDINGS)

    def _check(self, options: Mapping[str, Any]) -> None:
        """Raises UserError where options don't go together."""
        whys = {"why": "names what speaks for a suggestion", "like": "ranks what goes with a file's sets"}
        for name, why in whys.items():
            if self.invents and name in options:
                raise UserError(f"--{name} {why}, and --baskets invents whole ones.", f"Leave --{name} out.")
        if self.temperature is not None and not self.invents and self.temperature != TEMPERATURE:
            raise UserError("A ranking is made without chance, so it has no temperature.", "Add --baskets.")
        if self.temperature is not None and not 0.01 <= self.temperature <= _HOTTEST:
            raise UserError(f"The temperature can't be {self.temperature:g}.", f"Choose one from 0.01 to {_HOTTEST:g}.")
        if "like" in options and self.request.prompt:
            raise UserError("--like gives what is there already, and so does the prompt.", "Leave one of them out.")
        if "why" in options and not len(self.given) and "like" not in options:
            what = "Nothing is given that could speak for a suggestion."
            raise UserError(what, "Name some items, or leave --why out.")

    def default_count(self) -> int:
        return DEFAULT_COUNT

    def check_shards(self) -> None:
        super().check_shards()
        if not self.invents:
            raise UserError("A ranking is made without chance, so there is but one.", "Add --baskets.")

    def samples(self) -> "Ranking | Rankings | InventedSets":
        model = load_model(self.run)
        ranker = made_of(model, "sets", lambda: Ranker(model))
        origin = Origin.of(self.run, self._settings()).asked_by(self.request)
        if self.invents:
            made = ranker.invented(self.seeds, self.given, self.temperature)
            names = [[self.codec.names[item] for item in each] for each in made]
            return InventedSets(names, self.seeds.tolist(), self.request.prompt, origin)
        if self._like is not None:
            owners, given = self._like
            ranked = self._ranked(ranker, given)
            rankings = {
                owner: Ranking(ranked[place], self.codec.write(given[place]), origin)
                for place, owner in enumerate(owners)
            }
            return Rankings(rankings, origin)
        return Ranking(self._ranked(ranker, Sets.of([self.given]))[0], self.request.prompt, origin)

    def _settings(self) -> dict[str, Any]:
        """What samples depend on beside the prompt and the seed."""
        if not self.invents:
            return {}
        return {"baskets": True, **({} if self.temperature is None else {"temperature": self.temperature})}

    def _ranked(self, ranker: Ranker, given: Sets) -> list[tuple[Suggestion, ...]]:
        items, scores = ranker.best(given, len(self.seeds))
        found = []
        for place, (row, own) in enumerate(zip(items, scores, strict=True)):
            row = row[row >= 0]
            because: list[dict[str, float]] = [{} for _ in row]
            if self.request.options.get("why") and len(given[place]):
                reasons = ranker.reasons(given[place], row)
                because = [{self.codec.names[item]: lost for item, lost in each} for each in reasons]
            found.append(tuple(
                Suggestion(self.codec.names[item], float(score), reason)
                for item, score, reason in zip(row, own, because)
            ))
        return found

    def deliver(self) -> None:
        samples = self.samples()
        if self.request.output is not None:
            return say(f"Wrote {samples.save(self.request.output)}")
        if self.request.options.get("json"):
            print(samples.json_lines(), end="")
            return
        if isinstance(samples, Ranking) and not samples.prompt:
            say("Nothing is given, so these are the commonest. What goes with something: name items as PROMPT.")
        print(repr(samples))
        if isinstance(samples, Rankings) and len(samples) > _SHOWN:
            print(f"... and {several(len(samples) - _SHOWN, 'more ranking')}; -o keeps them all")


def _sample(origin: Origin, prompt: str, seed: int, content: str) -> Sample:
    made_by = origin.name, origin.digest, origin.version or BASE
    return Sample(*made_by, prompt, origin.prompt_version, seed, settings=origin.settings, content=content)


def _in_words(because: Mapping[str, float]) -> str:
    return ", ".join(f"{quoted(name)} ({value:.2f})" for name, value in because.items())


def _file(path: Path, origin: Origin, label: str) -> Path:
    """A path's own file, or one in the folder that it names."""
    check_path(path, ENDINGS)
    return path if ending(path) in ENDINGS else path / f"{origin.name}-{file_stem('', label, '')}.csv"


def _write(path: Path, content: str, about: Mapping[str, str]) -> None:
    """A file, signed, and another beside it that says where it is from."""
    write_marked(path, content.encode(), about)
    files.write_json(path.with_name(f"{path.name}.json"), dict(about))


def _delimited(rows: Sequence[Sequence[str]], path: Path) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter="\t" if ending(path) == ".tsv" else ",", lineterminator="\n").writerows(rows)
    return text.getvalue()


def _json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def _aligned(rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> str:
    """Rows under a heading, columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [head in numbers for head in rows[0]]
    lines = [
        "  ".join(cell.rjust(width) if to_right else cell.ljust(width)
                  for cell, width, to_right in zip(row, widths, right, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def as_html(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for a notebook or the studio."""
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
