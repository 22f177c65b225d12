"""What people said elsewhere: files of preferences as public sets and other trainers have them, row by row.

JSON lines, or one JSON list. The first row's fields say which layout a file has; see LAYOUTS.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfgen.errors import UserError
from tfgen.feedback.faults import Faults, Malformed

_FORMS = "{prompt, chosen, rejected}, {prompt, completion, label} or {prompt, completion, rating}"


class Numbered(NamedTuple):
    """A row and the line of the file where it begins."""

    line: int
    row: dict[str, Any]


def read_rows(path: str | Path) -> list[dict[str, Any]]:
    """The judgements in a file, in its order.

    Each is {"kind", "prompt", "shown", "who", "key", "line"} and, of a "pair" or a "pick", "picked": the places of what
    was better than the rest of it, all of them for a tie; of a "thumb" or a "rating", "value". shown: texts, or the
    names of files where the set has those. key: the same whenever the file is read, also where rows were added or
    moved.

    Raises:
        UserError: it can't be read, has a layout that isn't known, or rows that are malformed, with their lines.
    """
    path = Path(path)
    faults = Faults(path)
    rows = list(_numbered(path, faults))
    if not rows:
        faults.check()
        raise UserError(f"'{path}' has no rows.", f"Give a file of rows like {_FORMS}.")
    reader = next((reader for fields, reader in LAYOUTS if fields <= rows[0].row.keys()), None)
    if reader is None:
        found = ", ".join(sorted(rows[0].row)[:8]) or "nothing"
        raise UserError(
            f"'{path}' has no preferences in a layout that is known: its rows have {found}.",
            f"Give rows like {_FORMS}, or those of OpenAssistant, PandaLM or ImageReward.",
        )
    seen: Counter[str] = Counter()
    judgements = []
    for line, judgement in reader(rows, faults):
        content = json.dumps(judgement, sort_keys=True)
        own = judgement["key"] or hashlib.sha256(content.encode()).hexdigest()[:24]
        seen[own] += 1  # the same row twice is two answers
        judgements.append({**judgement, "key": own if seen[own] == 1 else f"{own}-{seen[own]}", "line": line})
    faults.check()
    return judgements


# Files.


def _numbered(path: Path, faults: Faults) -> Iterator[Numbered]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"There is no file '{path}'.", "Check its name.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' can't be read as UTF-8 text.", "Give JSON lines, or a JSON list.") from error
    rows = _of_list(text, faults) if text.lstrip().startswith("[") else _of_lines(text, faults)
    for line, row in rows:
        if isinstance(row, dict):
            yield Numbered(line, row)
        else:
            faults.add(line, "it is no object")


def _of_lines(text: str, faults: Faults) -> Iterator[tuple[int, Any]]:
    # Not splitlines: texts may hold line separators of Unicode, which JSON leaves as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                faults.add(number, "it is no JSON")
            else:
                yield number, row


def _of_list(text: str, faults: Faults) -> Iterator[tuple[int, Any]]:
    """The items one by one, so that each one's line is known; none after a place that is no JSON."""
    decoder, place, line = json.JSONDecoder(), text.index("[") + 1, 1
    line += text.count("\n", 0, place)
    separated = True
    while True:
        begin = place
        while place < len(text) and text[place] in " \t\r\n":
            place += 1
        line += text.count("\n", begin, place)
        if text[place : place + 1] == "]":
            return
        if text[place : place + 1] == "," and not separated:
            place, separated = place + 1, True
            continue
        try:
            if not separated:
                raise ValueError("no comma")
            row, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            faults.add(line, "it is no JSON")
            return
        yield line, row
        line += text.count("\n", place, end)
        place, separated = end, False


# Layouts.


# What reads the rows of a layout: gives each judgement with the line that it is of.
_Reader = Callable[[list[Numbered], Faults], Iterator[tuple[int, dict[str, Any]]]]


def _row_by_row(judge: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]) -> _Reader:
    def read(rows: list[Numbered], faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
        for line, row in rows:
            try:
                found = list(judge(row))
            except Malformed as error:
                faults.add(line, str(error))
                continue
            yield from ((line, judgement) for judgement in found)

    return read


_PROMPTS = ("prompt", "question", "instruction")  # names of what is answered


def _preference(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """{prompt, chosen, rejected}, as trl and others have them; any of them a text or a list of messages. The prompt may
    be called a question or an instruction, and have an input.

    Without a prompt, it is what both conversations begin with.
    """
    better, worse = _needed(row, "chosen"), _needed(row, "rejected")
    prompt = next((row[name] for name in _PROMPTS if row.get(name) is not None), None)
    if isinstance(prompt, str) and row.get("prompt") is None and row.get("input"):
        prompt = f"{prompt}\n\n{_text(row['input'], 'input')}"
    if prompt is None and isinstance(better, list) and isinstance(worse, list):
        prompt = [first for first, second in zip(better[:-1], worse[:-1], strict=False) if first == second]
    prompt = "" if prompt is None else _text(prompt, "prompt")
    return [_judgement(prompt, [_reply(better, "chosen"), _reply(worse, "rejected")], [0], _who(row), _event(row))]


def _lone(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """{prompt, completion, label}, true or 1 for good, false, 0 or -1 for bad; or {prompt, completion, rating}, 1 to 5.
    """
    prompt, shown = _text(_needed(row, "prompt"), "prompt"), _reply(_needed(row, "completion"), "completion")
    value = row.get("rating", row.get("label"))
    if "rating" in row:
        if isinstance(value, bool) or value not in (1, 2, 3, 4, 5):
            raise Malformed("'rating' is no whole number from 1 to 5")
        return [_lone_judgement("rating", prompt, shown, int(value), _who(row), _event(row))]
    if value not in (True, False, 1, 0, -1):
        raise Malformed("'label' is neither true nor false")
    return [_lone_judgement("thumb", prompt, shown, 1 if value == 1 else -1, _who(row), _event(row))]


def _pandalm(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Two replies to an instruction, judged by several people: 1 or 2 is the better one, 0 is a tie."""
    parts = [_text(_needed(row, "instruction"), "instruction"), _text(row.get("input") or "", "input")]
    # Some replies of "True" have become JSON's true in the set.
    replies = {name: _needed(row, name) for name in ("response1", "response2")}
    shown = [str(each) if isinstance(each, bool) else _text(each, name) for name, each in replies.items()]
    people = sorted(name for name in row if name.startswith("annotator"))
    if not people:
        raise Malformed("nobody has judged it")
    for who in people:
        if isinstance(row[who], bool) or row[who] not in (0, 1, 2):
            raise Malformed(f"'{who}' is none of 0, 1 and 2")
        picked = [int(row[who]) - 1] if row[who] else [0, 1]
        key = f"{row['idx']}-{who}" if "idx" in row else ""
        yield _judgement("\n\n".join(filter(None, parts)), shown, picked, who, key)


def _imagereward(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Files made for a prompt, and the rank of each: 1 is the best, and equal ranks are ties."""
    files, ranks = _needed(row, "generations"), _needed(row, "ranking")
    if not isinstance(files, list) or not isinstance(ranks, list) or len(files) != len(ranks):
        raise Malformed("there are not as many ranks as generations")
    shown = [_text(each, "generations") for each in files]
    return _of_ranks(_text(_needed(row, "prompt"), "prompt"), shown, ranks, "", str(row.get("id", "")))


def _openassistant(rows: list[Numbered], faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
    """Messages of conversations: the replies to one message are ranked, 0 is the best."""
    messages: dict[str, dict[str, Any]] = {}
    replies: dict[Any, list[Numbered]] = {}
    for line, row in rows:
        own, rank = row.get("message_id"), row.get("rank")
        if not isinstance(own, str) or not isinstance(row.get("text"), str):
            faults.add(line, "a message has no message_id or no text")
            continue
        if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int)):
            faults.add(line, "'rank' is no whole number")
            continue
        messages[own] = row
        if rank is not None and row.get("role") == "assistant" and not row.get("deleted"):
            replies.setdefault(row.get("parent_id"), []).append(Numbered(line, row))
    for parent, ranked in replies.items():
        if parent in messages and len(ranked) > 1:
            prompt = _text(_conversation(parent, messages), "prompt")
            texts, ranks = ([row[name] for _, row in ranked] for name in ("text", "rank"))
            yield from ((ranked[0].line, each) for each in _of_ranks(prompt, texts, ranks, "", parent))


def _conversation(last: str | None, messages: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages up to this one, from the first."""
    found: list[dict[str, Any]] = []
    while last in messages and len(found) < len(messages):
        role = "user" if messages[last].get("role") == "prompter" else "assistant"
        found.insert(0, {"role": role, "content": messages[last]["text"]})
        last = messages[last].get("parent_id")
    return found


def _of_ranks(prompt: str, shown: list[str], ranks: list[Any], who: str, key: str) -> list[dict[str, Any]]:
    """A ranking as the picks that it is made of: the best of all, then the best of what is left (Plackett 1975)."""
    if any(isinstance(rank, bool) or not isinstance(rank, (int, float)) for rank in ranks):
        raise Malformed("a rank is no number")
    found = []
    for level in sorted(set(ranks))[:-1]:
        left = [place for place, rank in enumerate(ranks) if rank >= level]
        picked = [number for number, place in enumerate(left) if ranks[place] == level]
        own = f"{key}-{level:g}" if key else ""
        found.append(_judgement(prompt, [shown[place] for place in left], picked, who, own))
    return found


def _event(row: Mapping[str, Any]) -> str:
    """The event that a row of tfgen's own was written of, as its key."""
    event = row.get("event")
    return event if isinstance(event, str) else ""


def _judgement(prompt: str, shown: list[str], picked: list[int], who: str, key: str = "") -> dict[str, Any]:
    kind = "pair" if len(shown) == 2 else "pick"
    return {"kind": kind, "prompt": prompt, "shown": shown, "picked": picked, "who": who, "key": key}


def _lone_judgement(kind: str, prompt: str, shown: str, value: int, who: str, key: str) -> dict[str, Any]:
    return {"kind": kind, "prompt": prompt, "shown": [shown], "value": value, "who": who, "key": key}


def _needed(row: Mapping[str, Any], name: str) -> Any:
    if name not in row:
        raise Malformed(f"'{name}' is missing")
    return row[name]


def _who(row: Mapping[str, Any]) -> str:
    return _text(row.get("who") or "", "who")


def _reply(value: Any, name: str) -> str:
    """A text; of a conversation its last message."""
    return _text(value[-1:] if isinstance(value, list) else value, name)


def _text(value: Any, name: str) -> str:
    """A text, or the texts of messages, with the roles where there are several."""
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise Malformed(f"'{name}' has half a character")  # as "\\ud83d" without what follows it
        return value
    if not isinstance(value, list) or not value or not all(isinstance(each, dict) for each in value):
        raise Malformed(f"'{name}' is no text")
    contents = [each.get("content") for each in value]
    if not all(isinstance(each, str) for each in contents):
        raise Malformed(f"a message of '{name}' has no content")
    if len(value) == 1:
        return contents[0]
    return "\n\n".join(f"{each.get('role', '')}: {each['content']}" for each in value)


# Fields that tell a layout, and what reads it; the first that fits is taken.
LAYOUTS: tuple[tuple[set[str], _Reader], ...] = (
    ({"chosen", "rejected"}, _row_by_row(_preference)),
    ({"prompt", "completion", "label"}, _row_by_row(_lone)),
    ({"prompt", "completion", "rating"}, _row_by_row(_lone)),
    ({"instruction", "response1", "response2", "annotator1"}, _row_by_row(_pandalm)),
    ({"prompt", "generations", "ranking"}, _row_by_row(_imagereward)),
    ({"message_id", "parent_id", "text", "role"}, _openassistant),
)
