"""A prompt with holes: `a {color} {thing}` has variables, `{red|blue} heart` alternatives.

Alternatives may stand inside each other, and one of them may be empty. Outside of alternatives `{{` and `}}` are
braces; inside, where two close at once, they are two.
"""

import difflib
import hashlib
import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tfgen.errors import UserError

MOST_COMBINATIONS = 1000
DEEPEST = 5  # alternatives inside each other
_NAME = re.compile(r"[^\W\d][\w-]*")


class Variable(NamedTuple):
    """A hole that the caller fills."""

    name: str


class Alternatives(NamedTuple):
    """A hole that is filled by one of these, each a sequence of parts. number: counts from 1 by where each begins."""

    number: int
    options: tuple[tuple, ...]


class Combination(NamedTuple):
    """One way to fill a template: what the model gets, and by name what was chosen; alternatives count from 1."""

    prompt: str
    choices: dict[str, str]


@dataclass(frozen=True)
class Template:
    """A parsed template. parts: strings, Variables and Alternatives, in order."""

    text: str
    parts: tuple

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Raises UserError, with the position, for what is no template."""
        return cls(text, _Parser(text).parse())

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, each once, in order."""
        return tuple(dict.fromkeys(_variables(self.parts)))

    def check(self, values: Mapping[str, Sequence[str]]) -> None:
        """Raises UserError for a variable without a value, or a value without a variable."""
        for name in values:
            if name not in self.variables:
                raise self._unknown(name)
        for name in self.variables:
            if name not in values:
                close = difflib.get_close_matches(name, values, n=1)
                meant = f"Did you mean it by '{close[0]}'?" if close else f"Give one: --var {name}=VALUE"
                raise UserError(f"The variable '{name}' has no value.", meant)
            if not values[name]:
                raise UserError(f"The variable '{name}' has no value.", f"Give one: --var {name}=VALUE")

    def _unknown(self, name: str) -> UserError:
        what = f"The template has no variable '{name}'."
        if not self.variables:
            return UserError(what, "It has none; write one as {" + name + "}.")
        close = difflib.get_close_matches(name, self.variables, n=1)
        known = ", ".join(self.variables)
        return UserError(what, f"Did you mean '{close[0]}'?" if close else f"It has: {known}.")

    def count(self, values: Mapping[str, Sequence[str]]) -> int:
        """How many ways there are to fill it. Raises UserError where a variable has no value."""
        self.check(values)
        return _count(self.parts) * math.prod(len(values[name]) for name in self.variables)

    def combinations(self, values: Mapping[str, Sequence[str]] | None = None) -> list[Combination]:
        """Every way to fill it, the rightmost hole changing quickest; what reads the same comes once.

        Raises:
            UserError: a variable has no value, or there are more than 1,000 ways.
        """
        values = values or {}
        count = self.count(values)
        if count > MOST_COMBINATIONS:
            raise UserError(
                f"The template has {count:,} combinations.",
                f"Take out alternatives until there are at most {MOST_COMBINATIONS:,}, or draw some: --random 20",
            )
        found: dict[str, Combination] = {}
        for chosen in itertools.product(*(values[name] for name in self.variables)):
            filled = dict(zip(self.variables, chosen, strict=True))
            for parts, choices in _expanded(self.parts):
                prompt = "".join(filled[part.name] if isinstance(part, Variable) else part for part in parts)
                used = {part.name: filled[part.name] for part in parts if isinstance(part, Variable)}
                found.setdefault(prompt, Combination(prompt, {**used, **choices}))
        return list(found.values())

    def choose(self, seed: int, values: Mapping[str, Sequence[str]] | None = None) -> Combination:
        """The one combination that belongs to a seed, the same on every machine."""
        values = values or {}
        self.check(values)
        # A hash, since Python's generators of seeds that follow each other begin alike.
        chance = random.Random(hashlib.sha256(f"tfgen {seed}".encode()).digest())
        filled = {name: chance.choice(list(values[name])) for name in self.variables}
        choices: dict[str, str] = {}
        text = _chosen(self.parts, filled, chance, choices)
        return Combination(text, choices)

    def drawn(self, count: int, seed: int = 0, values: Mapping[str, Sequence[str]] | None = None) -> list[Combination]:
        """`count` different combinations drawn by chance, or as many as there are; there may be any number of them."""
        if count < 1:
            raise UserError(f"{count} combinations can't be drawn.", "Ask for at least 1.")
        found: dict[str, Combination] = {}
        for attempt in range(20 * count + 200):
            each = self.choose(seed * 1_000_003 + attempt, values)
            found.setdefault(each.prompt, each)
            if len(found) == count:
                break
        return list(found.values())


def escaped(prompt: str) -> str:
    """A prompt as a template that means it and nothing else."""
    return prompt.replace("{", "{{").replace("}", "}}")


def values_of(pairs: Sequence[str]) -> dict[str, list[str]]:
    """Values of variables as they are typed: "color=red", several times or with "|" between several.

    Raises:
        UserError: one has no "=".
    """
    values: dict[str, list[str]] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise UserError(f"'{pair}' gives no variable a value.", "Write NAME=VALUE, such as color=red.")
        known = values.setdefault(name.strip(), [])
        known += [each for each in value.split("|") if each not in known]
    return values


class _Parser:
    """One pass over a template's letters."""

    def __init__(self, text: str):
        self.text = text
        self.at = 0
        self.alternatives = 0

    def parse(self) -> tuple:
        parts: list = []
        while self.at < len(self.text):
            letter, following = self.text[self.at], self.text[self.at : self.at + 2]
            if following in ("{{", "}}"):
                _add(parts, letter)
                self.at += 2
            elif letter == "{":
                parts.append(self._hole(1))
            elif letter == "}":
                raise UserError(
                    f"The '}}' at position {self.at + 1} closes nothing.",
                    "Write }} for a brace itself; alternatives that begin with a brace go behind one that doesn't.",
                )
            else:
                _add(parts, letter)
                self.at += 1
        return tuple(parts)

    def _hole(self, depth: int) -> Variable | Alternatives:
        """What stands in the braces that begin here."""
        start = self.at
        self.alternatives += 1
        number = self.alternatives
        if depth > DEEPEST:
            raise UserError(
                f"The '{{' at position {start + 1} is more than {DEEPEST} deep.",
                "Write fewer alternatives inside others.",
            )
        self.at += 1
        options: list[list] = [[]]
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "{":
                options[-1].append(self._hole(depth + 1))
                continue
            self.at += 1
            if letter == "}":
                return self._made(start, number, [tuple(option) for option in options])
            if letter == "|":
                options.append([])
            else:
                _add(options[-1], letter)
        what = f"The '{{' at position {start + 1} is never closed."
        raise UserError(what, "Close it by }, or write {{ for a brace itself.")

    def _made(self, start: int, number: int, options: list[tuple]) -> Variable | Alternatives:
        if len(options) > 1:
            return Alternatives(number, tuple(options))
        inside = self.text[start + 1 : self.at - 1]
        if _NAME.fullmatch(inside.strip()):
            self.alternatives -= 1  # nothing stands in a variable, so none was counted since
            return Variable(inside.strip())
        raise UserError(
            f"'{{{inside}}}' at position {start + 1} is neither a variable nor alternatives.",
            "Write {name}, or {one|another}; {{ and }} are braces themselves.",
        )


def _add(parts: list, letter: str) -> None:
    if parts and isinstance(parts[-1], str):
        parts[-1] += letter
    else:
        parts.append(letter)


def _variables(parts: Sequence) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Variable):
            yield part.name
        elif isinstance(part, Alternatives):
            for option in part.options:
                yield from _variables(option)


def _count(parts: Sequence) -> int:
    """How many ways there are to choose among the alternatives."""
    choices = (part for part in parts if isinstance(part, Alternatives))
    return math.prod(sum(_count(option) for option in part.options) for part in choices)


def _expanded(parts: Sequence) -> list[tuple[tuple, dict[str, str]]]:
    """Every choice among the alternatives: strings and Variables, and what was chosen of which."""
    ways: list[tuple[tuple, dict[str, str]]] = [((), {})]
    for part in parts:
        if not isinstance(part, Alternatives):
            ways = [((*before, part), choices) for before, choices in ways]
            continue
        name = str(part.number)
        every = [way for option in part.options for way in _expanded(option)]
        inner = [(inside, {name: _read(inside), **choices}) for inside, choices in every]
        ways = [((*before, *inside), {**one, **two}) for before, one in ways for inside, two in inner]
    return ways


def _read(parts: Sequence) -> str:
    return "".join("{" + part.name + "}" if isinstance(part, Variable) else part for part in parts)


def _chosen(parts: Sequence, filled: Mapping[str, str], chance: random.Random, choices: dict[str, str]) -> str:
    text = []
    for part in parts:
        if isinstance(part, Variable):
            choices[part.name] = filled[part.name]
            text.append(filled[part.name])
        elif isinstance(part, Alternatives):
            inside = _chosen(chance.choice(part.options), filled, chance, choices)
            choices[str(part.number)] = inside
            text.append(inside)
        else:
            text.append(part)
    return "".join(text)
