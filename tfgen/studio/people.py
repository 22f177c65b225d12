"""Who is at the page: on one's own machine the account; elsewhere whoever has the token, or is in a file of users."""

import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tfgen.console import command_line
from tfgen.errors import UserError
from tfgen.feedback.events import whoami

COOKIE = "tfgen_studio"
DAYS = 30  # that one stays signed in
_NAME = re.compile(r"[^\s:,][^:,\n]{0,39}")
_COST = {"n": 2**14, "r": 8, "p": 1}  # of scrypt: 16 MB and some 50 ms
_TRIES = 20  # wrong ones in a minute, from one place for one name


@dataclass
class People:
    """Who may come in.

    token: what opens the door for everybody. users: each one's name and password's hash. With neither it is open, and
    everybody is the account that the studio runs under. secret: what cookies are signed with.
    """

    token: str | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    secret: bytes = b""
    _wrong: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return not self.token and not self.users

    def enter(self, name: str, password: str, place: str = "") -> str:
        """A cookie's value for whoever may come in; `place` is where they ask from.

        Raises:
            UserError: the name or the password is wrong, or too many were.
        """
        now = time.monotonic()
        self._wrong = {key: times for key, times in self._wrong.items() if now - times[-1] < 60}
        wrong = [each for each in self._wrong.get((place, name if self.users else ""), []) if now - each < 60]
        if len(wrong) >= _TRIES:
            raise UserError("Too many wrong passwords were tried.", "Wait a minute.")
        if self.users:
            right = check_password(password, self.users.get(name, ""))
        else:
            right = hmac.compare_digest(password.encode(), (self.token or "").encode())
            # The token says nothing of who somebody is, so nobody becomes another by saying their name.
            name = f"{name.strip() or 'guest'}-{secrets.token_hex(2)}"
        if not right or not _NAME.fullmatch(name):
            self._wrong[place, name if self.users else ""] = [*wrong, now]
            what = "The name or the password is wrong." if self.users else "The token is wrong."
            raise UserError(what, "Try again, or ask who runs the studio.")
        return self.signed(name)

    def signed(self, name: str) -> str:
        """A cookie's value that says who somebody is."""
        content = f"{name.encode().hex()}.{int(time.time()) + DAYS * 86400}"
        return f"{content}.{self._signature(content)}"

    def who(self, cookie: str | None) -> str | None:
        """Whom a cookie's value names; None where it is none of ours."""
        if self.is_open:
            return whoami()
        content, _, signature = (cookie or "").rpartition(".")
        if not content or not hmac.compare_digest(signature.encode(), self._signature(content).encode()):
            return None
        encoded, _, until = content.partition(".")
        name = bytes.fromhex(encoded).decode()
        return name if int(until) > time.time() and (not self.users or name in self.users) else None

    def _signature(self, content: str) -> str:
        # Who has a new password or token has to sign in again.
        name = bytes.fromhex(content.partition(".")[0]).decode() if self.users else ""
        key = self.secret + (self.token or self.users.get(name, "")).encode()
        return hmac.new(key, content.encode(), hashlib.sha256).hexdigest()


def read_users(path: Path) -> dict[str, str]:
    """Names and hashes of a file with a line for each user. Raises UserError for a file that is none."""
    make = command_line("studio", "--users", path, "--add-user", "NAME")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise UserError(f"'{path}' can't be read.", f"Make it: {make}") from None
    users = dict(line.split(":", 1) for line in lines if ":" in line)
    if not users or len(users) != len([line for line in lines if line.strip()]):
        raise UserError(f"'{path}' is no file of users.", f"Make one: {make}")
    return users


def add_user(path: Path, name: str, password: str) -> None:
    """Adds a user to a file, or gives one a new password. Raises UserError for a name that can't be one."""
    if not _NAME.fullmatch(name):
        raise UserError(f"'{name}' can't be a user's name.", "Use up to 40 letters, without ':' and ','.")
    if len(password) < 8:
        raise UserError("The password is too short.", "Give at least 8 letters.")
    users = {**(read_users(path) if path.exists() else {}), name: hashed(password)}
    _write_secretly(path, "".join(f"{each}:{value}\n" for each, value in users.items()).encode())


def hashed(password: str) -> str:
    """A password's salt and scrypt hash (RFC 7914), in hexadecimal."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()}"


def check_password(password: str, stored: str) -> bool:
    """Whether a password has this hash; takes as long where there is none."""
    salt, _, digest = (stored or hashed("")).partition("$")
    found = hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **_COST).hex()
    return bool(stored) and hmac.compare_digest(found, digest)


def secret_in(folder: Path) -> bytes:
    """What cookies are signed with, from a folder of the studio's own; made there where there is none."""
    path = folder / "secret"
    if not path.exists():
        _write_secretly(path, secrets.token_bytes(32))
    return path.read_bytes()


def _write_secretly(path: Path, content: bytes) -> None:
    """Replaces a file that nobody else may read, not even for a moment."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        os.fsync(file.fileno())
    os.replace(temporary, path)
