"""What people drop into the page. Names of theirs never become paths: a file is kept under a name of the studio's, and
a folder as an archive, which tfgen reads without unpacking."""

import json
import re
import shutil
import zipfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfgen import files
from tfgen.errors import UserError
from tfgen.feedback.events import new_id
from tfgen.studio.replies import NotThere

MOST_BYTES = 4 * 2**30
MOST_FILES = 200_000
_MOST_HEADER = 4096
_ENDING = re.compile(r"(\.[A-Za-z0-9]{1,8}){1,2}$")
_AT_ONCE = 2**20


@dataclass(frozen=True)
class Upload:
    """One thing that was dropped: `path` is what tfgen reads, `name` what the person calls it."""

    id: str
    path: Path
    name: str
    who: str
    settings: Mapping[str, Any] = field(default_factory=dict)  # by model, what a fit on it is told


class Uploads:
    """A folder with one folder for each upload."""

    def __init__(self, folder: Path):
        self.folder = folder

    def tidy(self) -> None:
        """Deletes what was broken off when a studio was killed."""
        for path in self.folder.glob(".*"):
            shutil.rmtree(path, ignore_errors=True)

    async def take(self, who: str, name: str, content: AsyncIterator[bytes]) -> Upload:
        """Keeps what comes in: for each file a line of JSON {"name": ..., "size": ...}, then its bytes.

        One file is kept as it is, several in an archive under their own names.

        Raises:
            UserError: it is too large, is cut off, or has nothing in it.
        """
        id = new_id()
        name = _shown(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self.folder / f".{id}"
        place.mkdir()
        try:
            path = await self._write(place, _Reader(content))
            files.write_json(place / "upload.json", {"name": name, "who": who, "file": path.name})
            place.rename(self.folder / id)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return Upload(id, self.folder / id / path.name, name, who)

    def note(self, upload: Upload, settings: Mapping[str, Any]) -> None:
        """Keeps what a fit on it is told, by model."""
        record = {"name": upload.name, "who": upload.who, "file": upload.path.name, "settings": dict(settings)}
        files.write_json(upload.path.parent / "upload.json", record)

    async def _write(self, place: Path, reader: "_Reader") -> Path:
        header = await reader.header()
        if header is None:
            raise UserError("There is nothing in it.", "Drop a file or a folder with files.")
        only = header.get("only") is True
        if only:
            found = _ENDING.search(str(header["name"]))
            path = place / f"data{found[0].lower() if found else ''}"
            with open(path, "wb") as file:
                async for part in reader.body(header["size"]):
                    file.write(part)
            return path
        path, count = place / "data.zip", 0
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            while header is not None:
                count += 1
                if count > MOST_FILES:
                    raise UserError(f"There are more than {MOST_FILES} files in it.", "Give an archive, or fewer.")
                with archive.open(zipfile.ZipInfo(_inside(header["name"])), "w", force_zip64=True) as file:
                    async for part in reader.body(header["size"]):
                        file.write(part)
                header = await reader.header()
        return path

    def find(self, id: str, who: str) -> Upload:
        """Raises NotThere where this person has dropped no such thing."""
        for path in self.folder.glob("[!.]*/upload.json"):
            if path.parent.name == id:
                record = json.loads(path.read_text(encoding="utf-8"))
                if record["who"] == who:
                    return Upload(id, path.parent / record["file"], record["name"], who, record.get("settings", {}))
        raise NotThere("What was dropped is no longer there.", "Drop it again.")


class _Reader:
    """Headers and bodies out of one stream."""

    def __init__(self, content: AsyncIterator[bytes]):
        self._content, self._held, self._left = content, b"", MOST_BYTES

    async def _more(self) -> bool:
        async for part in self._content:
            self._left -= len(part)
            if self._left < 0:
                raise UserError(f"It is larger than {MOST_BYTES // 2**30} GB.", "Give its path to: tfgen fit")
            self._held += part
            return True
        return False

    async def header(self) -> dict[str, Any] | None:
        while b"\n" not in self._held and len(self._held) <= _MOST_HEADER:
            if not await self._more():
                break
        line, end, rest = self._held.partition(b"\n")
        if not line and not end:
            return None
        try:
            header = json.loads(line)
            name, size = header["name"], header["size"]
            str(name).encode()
            good = bool(end) and len(line) <= _MOST_HEADER and isinstance(name, str) and type(size) is int and size >= 0
        except (ValueError, KeyError, TypeError, RecursionError):
            good = False
        if not good:
            raise _broken()
        self._held = rest
        return header

    async def body(self, size: int) -> AsyncIterator[bytes]:
        while size:
            if not self._held and not await self._more():
                raise _broken()
            part, self._held = self._held[: min(size, _AT_ONCE)], self._held[min(size, _AT_ONCE) :]
            size -= len(part)
            yield part


def _broken() -> UserError:
    return UserError("The upload was broken off.", "Drop it again.")


def _inside(name: str) -> str:
    """A file's name in the archive: without what could lead out of it."""
    parts = [part for part in re.split(r"[\\/]", name.replace("\0", "")) if part not in ("", ".", "..")]
    if not parts:
        raise _broken()
    return "/".join(parts[-8:])


def _shown(name: str) -> str:
    return re.sub(r"[^\w .,()+-]", "", re.split(r"[\\/]", name)[-1]).strip()[:80] or "data"
