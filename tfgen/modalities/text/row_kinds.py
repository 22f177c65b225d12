"""What a row says: a text, a prompt with its completion, or a chat, under the names that tools give them."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tfgen.data.examples import clean_text
from tfgen.errors import UserError
from tfgen.modalities.text.column_names import CHATS, COMPLETIONS, TEXTS, meant
from tfgen.modalities.text.documents import Document, pieces_of, unmarked
from tfgen.modalities.text.reading import unify
from tfgen.modalities.text.template import ANSWERING, ChatTemplate, Piece

KEYS = {"chats": ("messages",), "completions": ("prompt", "completion"), "text": ("text",)}
# ShareGPT's names of roles, and others', as tfgen's.
_ROLES = {
    "human": "user", "prompter": "user", "gpt": ANSWERING, "chatgpt": ANSWERING, "model": ANSWERING, "bot": ANSWERING,
    "ai": ANSWERING, "developer": "system",
}
_TOOLS = ("tool", "function", "observation", "function_call", "tool_call", "tool_response", "tool_use", "tool_result")
_GIVEN = ("input", "context")  # what an instruction or a question is about
_BESIDE = ("system", "system_prompt")  # what a chat or an instruction is told first
# What says nothing to a model: where a row is from, and what it is called.
_ABOUT = ("id", "index", "url", "source", "date", "title", "author", "name", "timestamp", "created_at", "lang")
_BETWEEN = "\n\n"  # an instruction, its input, and the answer


class BrokenRow(Exception):
    """Says why a row can't be used."""


class EmptyRow(Exception):
    """A row with nothing to learn."""


class BadExample(Exception):
    """A row that says of itself that it shows how not to answer."""


@dataclass(frozen=True)
class Columns:
    """Where texts stand, by the names that a user gave; None for what is to be found from the usual names."""

    text: str | None = None
    prompt: str | None = None
    completion: str | None = None

    def __post_init__(self):
        if (self.prompt is None) != (self.completion is None):
            raise UserError("prompt and completion are columns of one row.", "Set both, or neither.")
        if self.text is not None and self.prompt is not None:
            raise UserError("text is set beside prompt and completion.", "Set one or the other.")

    def read(self, row: Any) -> tuple[str, Callable[[], Document]]:
        """The kind of a row, one of KEYS, and what makes its document, which raises BrokenRow and EmptyRow too."""
        if isinstance(row, list) and all(isinstance(message, Mapping) for message in row):
            return "chats", partial(_chat, row)
        if not isinstance(row, dict):
            raise BrokenRow("not an object")
        if self.text is not None:
            return "text", partial(_text, row, self._own(row, self.text))
        if self.prompt is not None:
            prompt, completion = self._own(row, self.prompt), self._own(row, self.completion)
            return "completions", partial(_completion, row, prompt, completion)
        chat = next((key for key in CHATS if row.get(key) is not None), None)
        if chat is not None:
            return "chats", partial(_chat, row[chat], _told_first(row))
        if all(_are_messages(row.get(key)) for key in KEYS["completions"]):
            return "chats", partial(_chat, [*row["prompt"], *row["completion"]])
        for prompt, completion in COMPLETIONS:
            if prompt in row and completion in row:
                return "completions", partial(_completion, row, prompt, completion)
        text = next((key for key in TEXTS if key in row), None)
        if text is None:
            small = {key.lower(): value for key, value in row.items()}
            if small.keys() != row.keys() and len(small) == len(row):
                return self.read(small)  # names in capitals
            lacks = "lacks 'text', or 'prompt' and 'completion', or 'messages'"
            raise BrokenRow(f"{lacks}; its keys: {_keys(row)}{_meant(row)}")
        return "text", partial(_text, row, text)

    def unread(self, row: Any) -> list[str]:
        """The keys of a row that has others to read, and that may have been meant to be read too."""
        if not isinstance(row, dict) or self != Columns():
            return []
        read = {*_BESIDE, *_GIVEN, *_ABOUT, *CHATS, *TEXTS, *itertools.chain(*COMPLETIONS)}
        others = {key: value for key, value in row.items() if key.lower() not in read}
        return [key for key, value in others.items() if isinstance(value, (str, list)) and value]

    def _own(self, row: Mapping[str, Any], key: str) -> str:
        if key not in row:
            raise BrokenRow(f"has no '{key}'; its keys: {_keys(row)}")
        return key


def _text(row: Mapping[str, Any], key: str) -> Document:
    text = unmarked(_string(row, key))
    if not text.strip():
        raise EmptyRow
    return Document(partial(pieces_of, text))


def _completion(row: Mapping[str, Any], prompt: str, completion: str) -> Document:
    if row.get("label") is False:  # of what people liked and disliked
        raise BadExample
    before, after = _string(row, prompt), unmarked(_string(row, completion))
    if not after:
        raise EmptyRow
    given = [_string(row, key) for key in _GIVEN if key not in (prompt, completion) and row.get(key)]
    if prompt in ("instruction", "question") and (given or prompt == "instruction"):
        before = _BETWEEN.join([*filter(None, (*_told_first(row), before, *given)), ""])
    return Document(partial(_constant, [*pieces_of(before, learned=False), *pieces_of(after)]))


def _told_first(row: Mapping[str, Any]) -> list[str]:
    """What a row says before all else, to a chat or an instruction; nothing in most."""
    told = next((row[key] for key in _BESIDE if isinstance(row.get(key), str)), "")
    return [unify(told)] if told.strip() else []


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _chat(messages: Any, told_first: Sequence[str] = ()) -> Document:
    if not isinstance(messages, list):
        raise BrokenRow(f"'messages' is {kind_of(messages)}, not a list")
    known = [_message(message) for message in messages if not _is_tools(message)]
    if told_first and not any(isinstance(each, Mapping) and each.get("role") == "system" for each in known):
        known = [{"role": "system", "content": told_first[0]}, *known]
    try:
        pieces = ChatTemplate.standard().render(known)
    except UserError as error:
        raise BrokenRow(str(error)) from error
    if not any(learned for _, learned in pieces):
        raise EmptyRow
    # A chat may go on after any turn; that this one didn't is nothing to learn.
    return Document(partial(_constant, pieces), end_learned=False)


def _message(message: Any) -> Any:
    """A message with the usual names of its parts; what is none stays as it is, for the template to refuse."""
    if not isinstance(message, Mapping):
        return message
    role = message.get("role", message.get("from"))
    content = message.get("content", message.get("value"))
    if isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
        other = next((str(part.get("type")) for part in content if part.get("type") != "text"), None)
        if other is not None:
            raise BrokenRow(f"a message has a part that is no text ('{clean_text(other)[:30]}')")
        content = "".join(str(part.get("text", "")) for part in content)
    if isinstance(role, str):
        small = role.strip().lower()
        role = _ROLES.get(small, small)
    known = {} if role is None else {"role": role}
    if message.get("weight") == 0:  # as OpenAI marks turns that are context alone
        known["weight"] = 0
    return known if content is None else {**known, "content": content}


def _is_tools(message: Any) -> bool:
    """Whether it calls a tool without a word, says nothing, or is a tool's answer: nothing that people say."""
    if not isinstance(message, Mapping):
        return False
    content, role = message.get("content", message.get("value", "")), message.get("role", message.get("from"))
    if isinstance(content, list) and content:
        kinds = {part.get("type") for part in content if isinstance(part, Mapping)}
        return kinds <= {*_TOOLS}
    calls = "tool_calls" in message or "function_call" in message
    return content is None or calls and not content or role in _TOOLS


def kind_of(value: Any) -> str:
    """What JSON calls it, in words."""
    if value is None:
        return "null"
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a string")


def _constant(pieces: list[Piece]) -> list[Piece]:
    return pieces


def _string(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        value = "\n".join(value)  # as poems are kept
    if not isinstance(value, str):
        raise BrokenRow(f"'{key}' is {kind_of(value)}, not a string")
    return unify(value)


def _meant(row: Mapping[str, Any]) -> str:
    """A hint at keys that are spelled nearly like those that are read."""
    close = [(key, name) for key in row if (name := meant(key))]
    return f"; for {', '.join(f'{key!r} write {name!r}' for key, name in close[:3])}" if close else ""


def _keys(row: Mapping[str, Any]) -> str:
    return ", ".join(f"'{clean_text(str(key))[:30]}'" for key in list(row)[:5]) or "none"
