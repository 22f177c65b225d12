"""Prompts under a name: versions that never change, and tags that move. Kept in the store beside what people said.

A prompt is addressed as `name` (its newest version), `name@3`, or `name@best` by a tag.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sql

from tfgen.console import command_line
from tfgen.errors import UserError, unknown
from tfgen.feedback import schema
from tfgen.feedback.events import MOST_LETTERS
from tfgen.feedback.store import Store
from tfgen.prompts.template import Template
from tfgen.run import now

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")
_SHOWN = ""  # the alias whose events say whether a prompt is hidden (0) or not


@dataclass(frozen=True)
class PromptVersion:
    """One state of a prompt.

    settings: options of `generate` that belong to it, such as temperature. parent: the number that it was made from.
    evidence: what showed that it is good, as `prompt optimize` found it. tags: those that lie on it now.
    """

    name: str
    number: int
    text: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    parent: int | None = None
    message: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""
    tags: tuple[str, ...] = ()
    is_new: bool = False  # whether saving made it, or it was there already

    @property
    def address(self) -> str:
        """"name@3"."""
        return f"{self.name}@{self.number}"

    @property
    def template(self) -> Template:
        return Template.parse(self.text)

    @property
    def content_hash(self) -> str:
        return content_hash(self.text, self.settings)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "name": self.name,
            "version": self.number,
            "text": self.text,
            "settings": dict(self.settings),
            "variables": list(self.template.variables),
            "parent": self.parent,
            "message": self.message,
            "evidence": dict(self.evidence),
            "at": self.at,
            "tags": list(self.tags),
            "content_hash": self.content_hash,
        }


def content_hash(text: str, settings: Mapping[str, Any]) -> str:
    """64 hexadecimal digits of what a version says."""
    return hashlib.sha256(json.dumps([text, dict(settings)], sort_keys=True, ensure_ascii=False).encode()).hexdigest()


class PromptLibrary:
    """The prompts of a store. Nothing in it is ever changed or lost: a tag moves by a new row, and so does removal."""

    def __init__(self, store: Store):
        self.store = store

    # Reading.

    def names(self) -> list[str]:
        """The prompts there are, without those that were removed."""
        with self.store.reading() as connection:
            every = connection.execute(sql.select(schema.prompt.c.name).order_by(schema.prompt.c.name)).scalars().all()
            hidden = {name for name, aliases in _aliases(connection).items() if aliases.get(_SHOWN) == 0}
        return [name for name in every if name not in hidden]

    def newest(self) -> list[PromptVersion]:
        """The newest version of each prompt that was not removed."""
        return [self.versions(name)[-1] for name in self.names()]

    def versions(self, name: str) -> list[PromptVersion]:
        """All versions of a prompt, oldest first. Raises UserError, with the nearest name, where there is none."""
        columns = schema.prompt_version.c
        with self.store.reading() as connection:
            query = sql.select(schema.prompt_version).where(columns.name == name).order_by(columns.number)
            rows = connection.execute(query).all()
            aliases = _aliases(connection, name).get(name, {})
        if not rows:
            raise self._no_prompt(name)
        if aliases.get(_SHOWN) == 0:
            raise UserError(f"The prompt '{name}' was removed.", "Its versions are kept; save it again to get it back.")
        tags = {number: tuple(sorted(tag for tag, at in aliases.items() if at == number and tag)) for number in
                aliases.values()}
        return [_version_of(row, tags.get(row.number, ())) for row in rows]

    def find(self, address: str) -> PromptVersion:
        """The version behind "name", "name@3" or "name@tag"; an @ in front is left out.

        Raises:
            UserError: there is no such prompt, version or tag; names the nearest.
        """
        name, sign, which = address.removeprefix("@").partition("@")
        versions = self.versions(name)
        if not sign:
            return versions[-1]
        for each in versions:
            if which == str(each.number) or which in each.tags:
                return each
        if which.isdigit():
            raise UserError(f"The prompt '{name}' has no version {which}.", f"Its newest is {versions[-1].number}.")
        tags = [tag for each in versions for tag in each.tags]
        if tags:
            raise unknown(f"tag of '{name}'", which, tags)
        give = command_line("prompt", "tag", name, which)
        raise UserError(f"The prompt '{name}' has no tag '{which}'.", f"Give it one: {give}")

    def _no_prompt(self, name: str) -> UserError:
        if not self.names():
            return UserError(f"There is no prompt '{name}'.", "Save one: tfgen prompt save NAME TEMPLATE")
        return unknown("prompt", name, self.names())

    # Writing.

    def save(
        self,
        name: str,
        text: str,
        settings: Mapping[str, Any] | None = None,
        message: str = "",
        parent: int | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> PromptVersion:
        """A new version, or the newest where it says the same already.

        parent: by default the newest there is. A prompt that was removed is there again, with its versions.

        Raises:
            UserError: the name can't be one, or the text is no template.
        """
        settings = dict(settings or {})
        if not _NAME.fullmatch(name):
            raise UserError(f"'{name}' can't be the name of a prompt.", "Use letters, digits, '-', '_' and '.'.")
        if len(text) > MOST_LETTERS:
            raise UserError(f"A prompt of {len(text)} letters is too long.", f"Give at most {MOST_LETTERS}.")
        Template.parse(text)
        wanted, columns = content_hash(text, settings), schema.prompt_version.c
        with self.store.writing() as connection:
            self._insert_name(connection, name)
            # The row is held until the end, so two that save at once get two numbers.
            connection.execute(sql.select(schema.prompt.c.name).where(schema.prompt.c.name == name).with_for_update())
            query = sql.select(columns.number, columns.content_hash).where(columns.name == name)
            newest = connection.execute(query.order_by(columns.number.desc()).limit(1)).first()
            if _aliases(connection, name).get(name, {}).get(_SHOWN) == 0:
                _move(connection, name, _SHOWN, newest.number)
            is_new = newest is None or newest.content_hash != wanted
            number = newest.number if not is_new else 1 + (newest.number if newest else 0)
            if is_new:
                row = {
                    "name": name,
                    "number": number,
                    "content_hash": wanted,
                    "text": text,
                    "settings": json.dumps(settings, sort_keys=True, ensure_ascii=False),
                    "parent": parent if parent is not None else (newest.number if newest else None),
                    "message": message,
                    "evidence": json.dumps(dict(evidence), ensure_ascii=False) if evidence else None,
                    "at": now(),
                }
                connection.execute(sql.insert(schema.prompt_version).values(row))
        found = self.find(f"{name}@{number}")
        return PromptVersion(**{**found.__dict__, "is_new": is_new})

    def tag(self, address: str, tag: str) -> PromptVersion:
        """Puts a tag on a version, from wherever it was before.

        Raises:
            UserError: the tag can't be one, such as a number.
        """
        if not _TAG.fullmatch(tag):
            raise UserError(f"'{tag}' can't be a tag.", "Begin with a letter; use letters, digits, '-', '_' and '.'.")
        found = self.find(address)
        with self.store.writing() as connection:
            _move(connection, found.name, tag, found.number)
        return self.find(found.address)

    def remove(self, name: str) -> None:
        """Hides a prompt: it is no longer listed or found, and its versions are kept. Raises UserError for none."""
        self.versions(name)
        with self.store.writing() as connection:
            _move(connection, name, _SHOWN, 0)

    def _insert_name(self, connection: sql.Connection, name: str) -> None:
        from sqlalchemy.dialects import postgresql, sqlite

        insert = (sqlite if self.store.engine.dialect.name == "sqlite" else postgresql).insert(schema.prompt)
        connection.execute(insert.values(name=name, created=now()).on_conflict_do_nothing(index_elements=["name"]))


def difference(old: PromptVersion, new: PromptVersion) -> dict[str, Any]:
    """What was changed: words by "-", "+" and " " in order, and settings as [old, new]."""
    import difflib

    one, two = old.text.split(), new.text.split()
    words: list[tuple[str, str]] = []
    for action, start, stop, begin, end in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if action == "equal":
            words.append((" ", " ".join(one[start:stop])))
            continue
        words += [("-", " ".join(one[start:stop]))] * (stop > start)
        words += [("+", " ".join(two[begin:end]))] * (end > begin)
    keys = dict.fromkeys([*old.settings, *new.settings])
    changed = {key: [old.settings.get(key), new.settings.get(key)] for key in keys}
    changed = {key: pair for key, pair in changed.items() if pair[0] != pair[1]}
    if not changed and old.text != new.text and all(sign == " " for sign, _ in words):
        words = [("-", old.text), ("+", new.text)]  # spaces alone
    return {"from": old.address, "to": new.address, "text": [list(pair) for pair in words], "settings": changed}


def _aliases(connection: sql.Connection, name: str | None = None) -> dict[str, dict[str, int]]:
    """Where each alias of each prompt is now: the number of its newest event."""
    columns = schema.prompt_alias_event.c
    query = sql.select(columns.name, columns.alias, columns.number).order_by(columns.id)
    found: dict[str, dict[str, int]] = {}
    for each, alias, number in connection.execute(query if name is None else query.where(columns.name == name)):
        found.setdefault(each, {})[alias] = number
    return found


def _move(connection: sql.Connection, name: str, alias: str, number: int) -> None:
    row = {"name": name, "alias": alias, "number": number, "at": now()}
    connection.execute(sql.insert(schema.prompt_alias_event).values(row))


def _version_of(row: Any, tags: tuple[str, ...]) -> PromptVersion:
    settings, evidence = json.loads(row.settings), json.loads(row.evidence or "{}")
    return PromptVersion(
        row.name, row.number, row.text, settings, row.parent, row.message, evidence, row.at, tags
    )
