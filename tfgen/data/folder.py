"""A folder whose files of one kind are examples: which of them are wanted, which are held out, and their words."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tfgen.data.examples import Prompts, Report, clean_text
from tfgen.data.labels import Words
from tfgen.data.listing import BROKEN_AT_MOST, FileKind, Listing, list_examples, refuse_broken, refuse_without
from tfgen.data.request import DataRequest
from tfgen.data.splits import held_out
from tfgen.errors import UserError

FORMAT = 3  # raise it whenever the same files would give other prompts, or others would be held out


@dataclass(frozen=True)
class Folder:
    """What a folder holds. Names are paths relative to it, in an order that depends on them alone.

    shown: what the folder is called where a person reads it.
    split: which part is wanted of a folder that is parted into train and test: one of splits.CHOICES.
    """

    path: Path
    shown: str
    listing: Listing
    words: Words
    split: str

    @classmethod
    def of(cls, request: DataRequest, kind: FileKind) -> "Folder":
        """The folder that is asked for. Raises UserError where it has no example that is wanted."""
        path = Path(request.source).expanduser().resolve()
        listing = list_examples(path, kind)
        tables, texts = (tuple(name for name, _, _ in files) for files in (listing.tables, listing.texts))
        words = Words(path, tables, texts, request.get("prompts"), kind.singular, request.shown_source)
        folder = cls(path, request.shown_source, listing, words, request.get("split", "train"))
        if not listing.examples:
            refuse_without(folder.shown, listing)
        if not folder.names:
            raise UserError(f"'{folder.shown}' has no {kind.plural} that are held out.", "Leave split out.")
        return folder

    @cached_property
    def found(self) -> list[str]:
        """Every example."""
        return [name for name, _, _ in self.listing.examples]

    @cached_property
    def apart(self) -> list[bool]:
        """Which of them are held out."""
        return held_out(self.found)

    @cached_property
    def names(self) -> list[str]:
        """The examples that are wanted."""
        if self.split == "all":
            return self.found
        return [name for name, apart in zip(self.found, self.apart, strict=True) if apart == (self.split == "test")]

    @property
    def holds_out(self) -> bool:
        """Whether the folder has examples that are not learned, to judge by."""
        return self.split == "train" and any(self.apart)

    def content(self) -> list[Any]:
        """What a change of any file changes: the names, sizes and times of examples, and of what may be their words."""
        digests = []
        for kept in (self.listing.examples, [*self.listing.tables, *self.listing.texts]):
            digest = hashlib.sha256()
            for name, size, modified_ns in kept:
                digest.update(os.fsencode(name) + f"\0{size}\0{modified_ns}\0".encode())
            digests.append(digest.hexdigest())
        others = sorted([clean_text(name), reason] for name, reason in self.listing.broken)
        return [FORMAT, *digests, others, self.listing.notes()]

    def check_broken(self, broken: Sequence[tuple[str, str]]) -> None:
        """Raises UserError where more than a tenth of the files are among `broken`, names with reasons."""
        total = len(self.names) + len(self.listing.broken)
        if len(broken) > BROKEN_AT_MOST * total:
            refuse_broken(self.shown, self.listing.kind, broken, total)

    def prompts_and_report(
        self, used: Sequence[str], broken: Sequence[tuple[str, str]], notes: Sequence[str]
    ) -> tuple[Prompts, Report]:
        """The prompts of the examples that were used, and what there is to say, beginning with `notes`."""
        prompts, on_labels = self.words.prompts_of(used, self.found)
        on_split = []
        if self.holds_out:
            held = f"{sum(self.apart)} {self.listing.kind.plural} are held out"
            on_split = [f"{held}, and evaluate judges by them. To learn them too: --set split=all"]
        readable = [(clean_text(name), reason) for name, reason in broken]
        total = len(self.names) + len(self.listing.broken)
        return prompts, Report(total, len(used), readable, [*notes, *on_split, *on_labels, *self.listing.notes()])
