"""The prompt of each file in a folder of examples: from tables, from texts beside the files, or from names.

Pure text: knows nothing of what is in the files. Paths are relative to the folder, with "/" between their parts.
"""

import codecs
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tfgen.data.encodings import NotText, encoding_of, how_decoded
from tfgen.data.example_lookup import Lookup
from tfgen.data.examples import Prompts, clean_text
from tfgen.data.label_tables import ENDINGS, KNOWN, NoTable, Table, is_text_table, is_unread_table, read_table
from tfgen.data.splits import folders_of, like_a_test, without_split
from tfgen.errors import nearest, unknown

SOURCES = ("tables", "texts", "names", "folders", "none")
NAMED_AT_MOST = 3
_PROMPTS_SHOWN = 12
_FEW = 2  # so few examples of a label are pointed out
_COUNTER = re.compile(r"[\s_-]*(\(\d+\)|\d+)$")  # "a red fox (12)", "a_red_fox_012"
_LEAST_ALIKE = 0.25  # of the examples, that a table has to name where it spells none as its file does
_LONGEST_TEXT = 2**16
# A line of a label track of Audacity: from when to when, and the label; or behind a backslash, at which frequencies.
_OF_TRACK = re.compile(r"-?\d+[.,]\d+\t-?\d+[.,]\d+(?:\t(.*))?|\\\t.*")
_GUESSED_FROM = 2**16  # bytes
_MARKS_OF_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOX = r"[0-9]+(?:[ \t]+(?:0|1|0?\.[0-9]+|1\.0+)){4,}"  # a class, and where it is: in fractions of the picture
_BOXES = re.compile(rf"\s*{_BOX}\s*(?:\n\s*{_BOX}\s*)*")


def refuse_column(prompts: str | None) -> None:
    """Raises UserError where the setting `prompts` names a table's column, of data that have no tables."""
    if prompts not in (None, *SOURCES):
        raise unknown("source of prompts", prompts, SOURCES)


def prompts_sentence(counts: dict[str, int], plural: str) -> str:
    """What prompts there are, by how many examples each has; where there are none, how files get some."""
    prompts = {prompt: count for prompt, count in counts.items() if count}
    if not prompts:
        how = f"put {plural} into one sub-folder per label, or a NAME.txt beside each, or add a captions.csv"
        return f"No prompts: {how}, to steer with words."
    shown = ", ".join(f"'{prompt}' ({count})" for prompt, count in list(prompts.items())[:_PROMPTS_SHOWN])
    return f"{len(prompts)} prompts: {shown}{', ...' if len(prompts) > _PROMPTS_SHOWN else ''}"


@dataclass(frozen=True)
class Words:
    """What lies beside a folder's examples and may be their words.

    tables, texts: paths. wanted: one of SOURCES, or the column of a table; None for the first that there is.
    noun: what an example is called. shown: what the folder is called where a person reads it.
    """

    folder: Path
    tables: tuple[str, ...]
    texts: tuple[str, ...]
    wanted: str | None = None
    noun: str = "example"
    shown: str = ""

    @property
    def _column(self) -> str | None:
        """The column of a table that was asked for."""
        return None if self.wanted is None or self.wanted in SOURCES else self.wanted

    @property
    def _wants_tables(self) -> bool:
        return self.wanted in (None, "tables") or self._column is not None

    def check(self, found: Sequence[str]) -> None:
        """Raises UserError where a table that must be read is malformed: before everything is decoded."""
        if self._wants_tables:
            self._read_tables(Lookup(found))

    def prompts_of(self, paths: Sequence[str], found: Sequence[str]) -> tuple[Prompts, list[str]]:
        """The prompts of these files, in their order, and what the user should know about them.

        found: every example of the folder, of which some may be broken.
        """
        prompts, notes = self._choose(paths, found)
        counts = Counter(prompts.index[prompts.index >= 0].tolist())
        few = [prompts.distinct[place] for place, count in sorted(counts.items()) if count <= _FEW]
        few = [label for label in few if label]
        if prompts.kind == "labels" and few:
            which = f"{_many(len(few), 'label')} with one or two {self.noun}s, too few to learn"
            notes = [*notes, f"{which}: {_first(few)}."]
        return prompts, notes

    def _choose(self, paths: Sequence[str], found: Sequence[str]) -> tuple[Prompts, list[str]]:
        tables = self._read_tables(Lookup(found)) if self._wants_tables else ([], [])
        makers = {
            "tables": lambda: self._from_tables(paths, found, *tables),
            "texts": lambda: self._from_texts(paths),
            "folders": lambda: _from_folders(paths, found, self.noun),
            "names": lambda: _from_names(paths),
            "none": lambda: (Prompts.none(len(paths)), []),
        }
        if self.wanted:
            prompts, notes = makers["tables" if self._column else self.wanted]()
            if self.wanted != "none" and not prompts.distinct:
                notes = [*notes, f"No prompts come from {self.wanted}, as prompts={self.wanted} asked for."]
            return prompts, notes
        notes: list[str] = []
        for name in ("tables", "texts", "folders"):
            # StyleGAN's folders only count, which it says by labels that are none.
            if name == "folders" and any(table.says_none for _, table in tables[0]):
                return Prompts.none(len(paths)), notes
            prompts, more = makers[name]()
            notes += more
            if prompts.distinct:
                return prompts, notes + self._unused_texts(name, paths)
        return prompts, notes + _names_may_be_captions(paths)

    def _unused_texts(self, used: str, paths: Sequence[str]) -> list[str]:
        count = len(_beside(paths, self.texts)) if used == "tables" else 0
        return [f"{_many(count, 'text')} beside {self.noun}s not used, since a table has captions."] if count else []

    def _read_tables(self, lookup: Lookup) -> tuple[list[tuple[str, Table]], list[str]]:
        """Tables that name examples, and why the others don't.

        Raises UserError where none has the column that was asked for, or one that must be read is malformed.
        """
        used, notes, reasons, columns = [], [], defaultdict(list), []
        for name in sorted(self._all_tables(lookup), key=lambda name: (name.count("/"), _rank(name), name)):
            inside = PurePosixPath(name).parent
            if near_miss := _near_miss(name):
                notes.append(near_miss)
                continue
            try:
                known = self._known(lookup, inside)
                table = read_table(self.folder / name, known, self._column, f"{self.shown}/{name}")
            except NoTable as reason:
                reasons[str(reason)].append(clean_text(name))
                columns += reason.columns
                continue
            if PurePosixPath(name).name in KNOWN or _names_some(table, lookup, inside):
                used.append((name, table))
                notes += [f"{clean_text(name)} {note}" for note in table.notes]
            else:
                reasons[f"names none of the {self.noun}s"].append(clean_text(name))
        if self._column and not used:
            raise unknown("source of prompts", self._column, dict.fromkeys((*SOURCES, *columns)))
        # Numbers alone, such as whose face it is, say less than words.
        used.sort(key=lambda found: PurePosixPath(found[0]).name not in KNOWN and found[1].has_no_words)
        return used, [*notes, *_not_used(reasons)]

    def _all_tables(self, lookup: Lookup) -> list[str]:
        """Tables by their endings, and texts that are tables by their first line and no example's own."""
        own = set(_beside(lookup.paths, self.texts).values())
        others = [name for name in self.texts if name.lower().endswith(".txt") and name not in own]
        known = [self._known(lookup, PurePosixPath(name).parent) for name in others]
        are_tables = map(is_text_table, [self.folder / name for name in others], known)
        return [*self.tables, *itertools.compress(others, are_tables)]

    @staticmethod
    def _known(lookup: Lookup, inside: PurePosixPath) -> Callable[[str], bool]:
        return lambda file: bool(lookup.matches(file, inside))

    def _from_tables(
        self, paths: Sequence[str], found: Sequence[str], tables: Sequence[tuple[str, Table]], notes: list[str]
    ) -> tuple[Prompts, list[str]]:
        if not tables:
            return Prompts.none(len(paths)), notes
        texts: list[str | None] = [None] * len(paths)
        lookup, everything, repeated, missing, misspelled = Lookup(paths), Lookup(found), [], [], {}
        place_of = {path: place for place, path in enumerate(paths)}
        for name, table in tables:
            inside = PurePosixPath(name).parent
            for file, text in table.pairs:
                places = lookup.matches(file, inside)
                if not everything.matches(file, inside):
                    alike = [found[place] for place in everything.alike(file, inside)]
                    missing += [] if alike else [file]
                    misspelled.update({file: path for path in alike})
                    places = places or [place_of[path] for path in alike if path in place_of]
                for place in places:
                    if texts[place] is None:
                        texts[place] = text
                    elif texts[place] != text:
                        repeated.append(file)
        names = " and ".join(clean_text(name) for name, _ in tables[:NAMED_AT_MOST])
        unlisted = [path for path, text in zip(paths, texts, strict=True) if text is None]
        if unlisted and len(unlisted) < len(paths):
            lacks = f"{_many(len(unlisted), self.noun)} that {names} doesn't list, used with the empty prompt"
            notes.append(f"{lacks}: {_first(unlisted)}.")
        if repeated:
            which = f"{_many(len(repeated), 'caption')} left out, since the file has one already"
            notes.append(f"{which}: {_first(repeated)}.")
        if misspelled:
            pairs = [f"{file} for {path}" for file, path in misspelled.items()]
            notes.append(f"{_many(len(pairs), 'name')} in {names} spelled otherwise than the files: {_first(pairs)}.")
        if missing:
            notes.append(f"{_many(len(missing), 'caption')} in {names} for files that aren't there: {_first(missing)}.")
        labels = all(table.are_labels for _, table in tables)
        return Prompts.of_texts([text or "" for text in texts], kind="labels" if labels else None), notes

    def _from_texts(self, paths: Sequence[str]) -> tuple[Prompts, list[str]]:
        beside = _beside(paths, self.texts)
        if not beside:
            return Prompts.none(len(paths)), []
        decoded, notes = self._decoded(list(beside.values()))
        read = {path: _without_times(decoded[text]) for path, text in beside.items() if text in decoded}
        boxes = [path for path, text in read.items() if _BOXES.fullmatch(text)]
        if boxes:
            what = f"{_many(len(boxes), 'text')} beside {self.noun}s not used, since boxes are no captions"
            notes.append(f"{what}: {_first([beside[path] for path in boxes])}.")
            read = {path: text for path, text in read.items() if path not in set(boxes)}
        if not any(map(str.strip, read.values())):
            return Prompts.none(len(paths)), notes
        without = [path for path in paths if not read.get(path, "").strip()]
        notes.insert(0, f"{_many(len(read), 'caption')} read from texts beside the {self.noun}s.")
        if without:
            notes.insert(
                1, f"{_many(len(without), self.noun)} without one, with the empty prompt: {_first(without)}."
            )
        return Prompts.of_texts([clean_text(read.get(path, "")) for path in paths]), notes

    def _decoded(self, texts: Sequence[str]) -> tuple[dict[str, str], list[str]]:
        """The content of texts that can be read, and what to say of the others and of those that aren't UTF-8."""
        decoded, others, odd = {}, {}, []
        for text in texts:
            try:
                content = (self.folder / text).read_bytes()[:_LONGEST_TEXT]
                is_whole = len(content) < _LONGEST_TEXT
                decoded[text] = codecs.getincrementaldecoder("utf-8-sig")().decode(content, is_whole)
            except UnicodeDecodeError:
                others[text] = content
            except OSError:
                odd.append(text)
        by_encoding = defaultdict(list)
        for text, encoding in _encodings(others).items():
            decoded[text] = others[text].decode(encoding, "replace")
            by_encoding[encoding].append(text)
        odd += [text for text in others if text not in decoded]
        notes = [
            f"{_many(len(names), 'text')} {how_decoded(encoding)}: {_first(names)}."
            for encoding, names in sorted(by_encoding.items())
        ]
        return decoded, notes + ([f"{_many(len(odd), 'text')} unreadable: {_first(odd)}."] if odd else [])


def _encodings(contents: Mapping[str, bytes]) -> dict[str, str]:
    """The encoding of each text: of one with the mark of UTF-16 its own, of the others a common one, since few letters
    hardly tell it."""
    marked = {name: "utf-16" for name, content in contents.items() if content.startswith(_MARKS_OF_UTF16)}
    others = [name for name in contents if name not in marked]
    try:
        common = encoding_of(b"\n".join(contents[name] for name in others)[:_GUESSED_FROM]) if others else ""
    except NotText:
        return marked
    return marked | dict.fromkeys(others, common)


def _names_some(table: Table, lookup: Lookup, inside: PurePosixPath) -> bool:
    """Whether a table names an example; spelled otherwise, most of its rows have to, and no few examples: the numbers
    of a list of classes are like files' too."""
    if any(lookup.matches(file, inside) for file, _ in table.pairs):
        return True
    alike = sum(bool(lookup.alike(file, inside)) for file, _ in table.pairs)
    return 2 * alike > len(table.pairs) and alike >= _LEAST_ALIKE * len(lookup.paths)


def _not_used(reasons: Mapping[str, Sequence[str]]) -> list[str]:
    """Which tables weren't used, by the reason; of many for one reason the first."""
    notes = []
    for reason, names in reasons.items():
        if len(names) > NAMED_AT_MOST:
            notes.append(f"{len(names)} tables were not used: {_first(names)}: each {reason}.")
        else:
            notes += [f"{name} was not used: it {reason}." for name in names]
    return notes


def _without_times(text: str) -> str:
    """The labels of a track of Audacity; any other text as it is."""
    lines = [_OF_TRACK.fullmatch(line) for line in text.splitlines() if line.strip()]
    if not lines or not all(lines):
        return text
    return ", ".join(dict.fromkeys(line[1].strip() for line in lines if line[1] and line[1].strip()))


def _beside(paths: Sequence[str], texts: Sequence[str]) -> dict[str, str]:
    """The text that has each file's name, NAME.txt beside NAME.png or NAME.png.txt."""
    by_stem: dict[str, str] = {}
    for text in texts:
        by_stem.setdefault(text.rsplit(".", 1)[0], text)
    both = {path: by_stem.get(path.rsplit(".", 1)[0]) or by_stem.get(path) for path in paths}
    return {path: text for path, text in both.items() if text}


def _rank(name: str) -> int:
    name = PurePosixPath(name).name
    return KNOWN.index(name) if name in KNOWN else len(KNOWN)


def _near_miss(name: str) -> str | None:
    """What to say of a file that is called nearly as tables of captions are, and so is not read."""
    short = PurePosixPath(name).name
    if is_unread_table(short):
        return f"{clean_text(name)} looks like a table of labels, and is not read: save it as .csv."
    alike = nearest(short, KNOWN, 1)
    if short in KNOWN or not alike or PurePosixPath(short).suffix.lower() in (*ENDINGS, ".txt"):
        return None
    return f"{clean_text(name)} looks like {alike[0]}, and is not read under this name."


def _from_folders(paths: Sequence[str], found: Sequence[str], noun: str) -> tuple[Prompts, list[str]]:
    parts = without_split(folders_of(paths), folders_of(found))
    texts = [clean_text(" ".join(each)) for each in parts]
    named = Counter(text for text in texts if text)
    if len(named) < 2:
        return Prompts.none(len(paths)), []
    outside = [path for path, text in zip(paths, texts, strict=True) if not text]
    notes = []
    tests = like_a_test(folders_of(found))
    if tests:
        one = len(tests) == 1
        which = f"{_first(tests)} {'looks like a test part and is' if one else 'look like test parts and are'} learned"
        notes.append(f"{which} as {'a label' if one else 'labels'}. To hold out: call the folders train and test.")
    if outside:
        notes.append(
            f"{_many(len(outside), noun)} outside the sub-folders, used with the empty prompt: {_first(outside)}."
        )
    return Prompts.of_texts(texts, kind="labels"), notes


def _from_names(paths: Sequence[str]) -> tuple[Prompts, list[str]]:
    return Prompts.of_texts([caption_of_name(path) for path in paths]), []


def caption_of_name(path: str) -> str:
    """'A red_fox (12).png' as 'A red fox'; a name of digits alone as it is."""
    stem = PurePosixPath(path).stem
    return clean_text((_COUNTER.sub("", stem) or stem).replace("_", " "))


def _names_may_be_captions(paths: Sequence[str]) -> list[str]:
    """A word where most names are several words, and examples have no others."""
    captions = [caption_of_name(path) for path in paths]
    spelled = sum(len(re.findall(r"[^\W\d_]{2,}", caption)) >= 2 for caption in captions)
    if spelled <= len(paths) / 2 or len(set(captions)) < 2:
        return []
    return [f"The files' names may be captions, such as '{captions[0]}'. To use them: --set prompts=names"]


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(clean_text(name) for name in names[:NAMED_AT_MOST])
    return shown + (" and more" if len(names) > NAMED_AT_MOST else "")
