"""Who made a file, by the mark that it carries (tfgen.trust.provenance), and how sure that is.

The library of C2PA checks the signature and the hashes; here is what follows from it. Nothing is fetched: no manifest
from elsewhere, no list of revoked certificates.
"""

import contextlib
import json
import mmap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tfgen.console import harmless, several
from tfgen.errors import UserError
from tfgen.feedback.references import facts_of
from tfgen.trust.authority import own_signers, trusted_certificates
from tfgen.trust.provenance import ANY, ENCLOSED, FOLDER_FILE, ORIGIN, SIDECAR, SIGNED, hashes_of, waiting_beside

OWN, TRUSTED, WATERMARKED, UNKNOWN = "own", "trusted", "watermarked", "unknown"
CHANGED, UNMARKED, UNREAD = "changed", "unmarked", "unread"
STATES = {
    OWN: "unchanged since it was signed with this user's own key",
    TRUSTED: "unchanged since somebody signed it for whom an authority vouches that you trust",
    WATERMARKED: "no signature that counts, but its text bears the watermark of a run of this user's",
    UNKNOWN: "unchanged since it was signed, by somebody unknown",
    CHANGED: "changed since it was signed, or its mark is another file's",
    UNMARKED: "nothing signed says who made it",
    UNREAD: "the file isn't there or can't be read",
}
_OF_MODELS = ("trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia")  # of IPTC's digital source types
CLAIMS = {"generated": "Generated", "completed": "A person's own, completed", "exported": "A model, exported"}
# What can be wrong with who signed, while the content is as it was signed.
_OF_SIGNER = ("signingCredential.", "claimSignature.outsideValidity", "timeStamp.", "assertion.timestamp")
_BEGINNING = b"jumdc2pa"  # of a manifest, in any kind of file
_TOLD = ("run", "version", "prompt", "seed", "export")  # of the facts, to a person
_LARGEST_SIDECAR = 2**24  # bytes
_LONGEST = 200  # letters of what a stranger's file says
_NAMED = 5  # files
_TEXTS = (".txt", ".md", ".text", "")  # whose content may bear a watermark


@dataclass(frozen=True)
class Verification:
    """What is known of one file.

    state: one of STATES, which says how sure it is.
    generated: True where a signature vouches, the user's own or one that is trusted, or a watermark tells, that a model
        made it, in whole or in part; else None, since nothing can prove that a person did.
    claims: what the mark says, whoever signed it and whether or not it still fits: "generated", "completed" for a
        person's own with parts by a model, "exported" for a model itself, another source type, or nothing.
    made_by: the facts that were signed (run, prompt, seed, ...); where nothing is signed, those that the file says of
        itself, which anybody can write.
    tool, signer: who made it, and whose signature it is, by the mark. when: the time in UTC by the maker's clock.
    reason: why it counts as changed, or what is the matter.
    watermark: of a text, what speaks for the watermark of a run of this user's (tfgen.trust.watermarking.Trace); empty
        where none was found.
    """

    path: str
    state: str
    generated: bool | None = None
    claims: str = ""
    tool: str = ""
    signer: str = ""
    when: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    watermark: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return self.state == CHANGED

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "made_by": dict(self.made_by), "watermark": dict(self.watermark)}

    @property
    def name(self) -> str:
        """The path, harmless to a terminal."""
        return harmless(self.path)

    @property
    def maker(self) -> str:
        """In a few words: "tfgen 0.1.0, run digits-gan, prompt 'seven', seed 7"."""
        told = [name for name in _TOLD if self.made_by.get(name, "none") != "none"]
        said = [f"{name} {self._quoted(name)}" for name in told]
        if self.state == WATERMARKED:
            return f"run {self.watermark['run']}"
        return ", ".join([*([self.tool] if self.tool else []), *said])

    def _quoted(self, name: str) -> str:
        value = self.made_by[name]
        return f"'{value}'" if name == "prompt" else value

    @property
    def sentences(self) -> list[str]:
        """For a person: what it is, and how sure that is."""
        itself = [f"It says of itself: {self.maker}; anybody can write that."] if self.made_by else []
        if self.state == UNREAD:
            return [self.reason]
        if self.state == WATERMARKED:
            return [*self._watermark_in_words(), *([f"Its signature: {self.reason}."] if self.reason else [])]
        if self.state == UNMARKED:
            what = f"No mark: {self.reason or 'nothing signed says who made it'}."
            return [what, *(itself or ["That says neither that a person made it nor that a model did."])]
        by = f" by {self.maker}" if self.maker else ""
        at = f", on {self.when}" if self.when else ""
        what = CLAIMS.get(self.claims, "Made")
        if self.state == CHANGED:
            old = [f"The mark says: {what[0].lower()}{what[1:]}{by}{at}."] if self.claims else itself
            known = self._watermark_in_words() or ["So nothing can be said of the file as it is."]
            return [f"CHANGED: {self.reason}.", *old, *known]
        if self.state == UNKNOWN:
            what = f"The mark says: {what[0].lower()}{what[1:]}"
        source = f" It is said to be {self.claims}." if self.claims and self.claims not in CLAIMS else ""
        whose = {
            OWN: f"Unchanged since it was signed with your own key ({self.signer}).",
            TRUSTED: f"Unchanged since '{self.signer}' signed it, for whom an authority vouches that you trust.",
            UNKNOWN: f"Unchanged since it was signed, but the signer, '{self.signer}', is nobody whom you trust, and "
            "anybody can sign under any name. With their authority's certificate: tfgen verify --trust FILE.pem",
        }[self.state]
        problem = [f"The certificate is no good: {self.reason}."] if self.reason else []
        return [f"{what}{by}{at}.{source}", whose, *problem]

    def _watermark_in_words(self) -> list[str]:
        """What speaks for a watermark; nothing where there is none."""
        found = self.watermark
        if not found:
            return []
        return [
            f"Generated by the run '{found['run']}', all or part of it: the text bears its watermark "
            f"('{found['version']}').",
            f"The probability of a false alarm is at most {found['p_value']:.1g}.",
        ]


def verify(path: Path, trust: Path | None = None) -> Verification:
    """What is known of a file, or of a folder that `export` wrote.

    Raises:
        UserError: it isn't there or can't be read, C2PA's library isn't installed, or `trust` has no certificate.
    """
    return Verifier(trust).verify(path)


def verify_each(paths: Iterable[Path], trust: Path | None = None) -> list[Verification]:
    """As `verify` of each, where one that can't be read is UNREAD; of a folder that isn't signed as a whole, of the
    files in it."""
    verifier, found = Verifier(trust), []
    for path in dict.fromkeys(_signed_one(path) for named in paths for path in _files_of(named)):
        try:
            found.append(verifier.verify(path))
        except UserError as error:
            found.append(Verification(str(path), UNREAD, reason=str(error)))
    return found


class Verifier:
    """Looks at files, with one list of authorities that are trusted: a .pem file or a folder of them, and $TFGEN_TRUST.
    """

    def __init__(self, trust: Path | None = None, watermarks: bool = True):
        self._watermarks = watermarks
        try:
            import c2pa
        except ImportError as error:
            raise UserError("Marks can't be read without c2pa-python.", "Use: pip install c2pa-python") from error
        self._c2pa = c2pa
        self._own, self._trusted = own_signers(), trusted_certificates(trust)

    def verify(self, path: Path) -> Verification:
        """As the function `verify`."""
        try:
            path = _signed_one(path)
            if path.is_dir():
                return self._folder(path)
            if not path.exists():
                raise UserError(f"There is no '{harmless(path)}'.", "Check the path.")
            if not path.is_file():
                raise UserError(f"'{harmless(path)}' is no file.", "Name a file, or a folder that tfgen export wrote.")
            found = self._file(path)
            return _with_watermark(found) if self._watermarks else found
        except OSError as error:
            reason = error.strerror or harmless(error)
            raise UserError(f"'{harmless(path)}' can't be read: {reason}.", "Check the file.") from error

    def _folder(self, path: Path) -> Verification:
        if not (path / FOLDER_FILE).is_file():
            what = f"the folder has no {FOLDER_FILE}; name its files" if any(path.iterdir()) else "the folder is empty"
            return Verification(str(path), UNMARKED, reason=what)
        found = self._file(path / FOLDER_FILE)
        found = Verification(**{**vars(found), "path": str(path)})
        if found.state in (CHANGED, UNMARKED):
            return found
        try:
            signed = json.loads((path / FOLDER_FILE).read_bytes())["files"]
            now = hashes_of(path)
            different = {
                "changed": sorted(name for name in signed if name in now and now[name] != signed[name]),
                "missing": sorted(set(signed) - set(now)),
                "new": sorted(set(now) - set(signed)),
            }
        except (ValueError, KeyError, TypeError, RecursionError):
            return _changed(found, f"its {FOLDER_FILE} names no files")
        told = [f"{kind}: {_listed(names)}" for kind, names in different.items() if names]
        return _changed(found, f"its files differ ({'; '.join(told)})") if told else found

    def _file(self, path: Path) -> Verification:
        stated = _stated(path)
        made_by = {name: value for name, value in stated.items() if name in _TOLD}
        tool = stated.get("Software", "")
        if not path.stat().st_size:
            return Verification(str(path), UNMARKED, reason="the file is empty")
        try:
            report, manifest = self._mark_of(path)
        except _Damaged as error:
            return Verification(str(path), CHANGED, made_by=made_by, reason=str(error))
        if report is None:
            reason = "it was made with signatures off" if stated.get("provenance") else ""
            if stated.get("provenance") == SIGNED:
                reason = "it says that it was signed, but its mark is gone: removed, or never written"
            if stated.get("provenance") == ENCLOSED:
                reason = "it was made in a shard, and its mark is the shard's"
            return Verification(str(path), UNMARKED, made_by=made_by, tool=tool, reason=reason)
        found = report.verification(path, UNKNOWN)
        if report.broken:
            return _changed(found, report.broken)
        different = [name for name, value in report.facts.items() if stated.get(name, value) != value]
        if different:
            return _changed(found, f"what is said of it beside it isn't what was signed: {_listed(different)}")
        for state, authorities in ((OWN, self._own.get(report.serial_number)), (TRUSTED, self._trusted)):
            if authorities:
                again = _Report.read(self._c2pa, path, manifest, self._context(authorities))
                if again and again.trusted:
                    return again.verification(path, state)
        return found

    def _mark_of(self, path: Path) -> "tuple[_Report | None, bytes | None]":
        """What the mark in a file says, or the one beside it, and the latter's content; None where it has none.

        One that still waits for its name (`open_marked`) counts where it fits, or says that the file has none.
        Raises _Damaged.
        """
        inside = self._read(path, None)
        beside, waiting = path.with_name(path.name + SIDECAR), waiting_beside(path)
        if inside is not None:
            return inside, None
        if waiting.is_file():
            with contextlib.suppress(_Damaged):
                manifest = _sidecar(waiting)
                report = self._read(path, manifest)
                if report is not None and not report.broken:
                    return report, manifest
        if not beside.is_file():
            return None, None
        manifest = _sidecar(beside)
        report = self._read(path, manifest)
        if report is not None and report.broken and waiting.is_file() and not waiting.stat().st_size:
            return None, None  # the one beside it is of the file before this one
        return report, manifest

    def _read(self, path: Path, manifest: bytes | None) -> "_Report | None":
        return _Report.read(self._c2pa, path, manifest, self._context())

    def _context(self, authorities: bytes = b"") -> Any:
        settings = {"verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False}}
        if authorities:
            settings["trust"] = {"trust_anchors": authorities.decode("utf-8", "replace")}
        try:
            return self._c2pa.Context(self._c2pa.Settings.from_dict(settings))
        except self._c2pa.C2paError as error:
            raise UserError(f"Certificates to trust can't be read: {error}.", "Give certificates in PEM.") from error


class _Damaged(Exception):
    """A mark that can't be read."""


@dataclass(frozen=True)
class _Report:
    """What C2PA's library found."""

    manifest: Mapping[str, Any]
    failures: tuple[str, ...]
    trusted: bool

    @classmethod
    def read(cls, c2pa: Any, path: Path, manifest: bytes | None, context: Any) -> "_Report | None":
        """Of the mark in a file, or of the one beside it; None where it has none. Raises _Damaged."""
        try:
            with open(path, "rb") as file, c2pa.Reader(ANY if manifest else None, file, manifest, context) as reader:
                store = json.loads(reader.json())
        except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
            if manifest is None:
                return None
            raise _Damaged("the mark beside it can't be read") from None
        except c2pa.C2paError.RemoteManifest:
            return None  # it names one elsewhere, which isn't fetched
        except (c2pa.C2paError, ValueError) as error:
            if manifest is None and not _has_beginning(path):
                return None
            what = "the mark beside it can't be read" if manifest else "it is damaged, so its mark can't be read"
            raise _Damaged(what) from error
        results = store.get("validation_results", {}).get("activeManifest", {})
        failures = tuple(str(each.get("code")) for each in results.get("failure", ()))
        own = store.get("manifests", {}).get(store.get("active_manifest"), {})
        return cls(own, failures, store.get("validation_state") == "Trusted")

    @property
    def broken(self) -> str:
        """Why the content isn't what was signed; empty where it is."""
        codes = [code for code in self.failures if not code.startswith(_OF_SIGNER)]
        if not codes:
            return "" if self.manifest else "its mark says nothing"
        if any("Hash.mismatch" in code for code in codes):
            return "its content is not what was signed"
        return f"its mark itself was changed ({codes[0]})"

    @property
    def serial_number(self) -> str:
        """The signer's certificate's."""
        return str((self.manifest.get("signature_info") or {}).get("cert_serial_number", ""))

    @property
    def facts(self) -> dict[str, str]:
        """What was signed of how it was made."""
        found = self._assertions(ORIGIN)
        return {str(name): _plain(value) for data in found for name, value in data.items()}

    def _assertions(self, label: str) -> Iterator[Mapping[str, Any]]:
        for each in self.manifest.get("assertions") or ():
            if str(each.get("label", "")).startswith(label) and isinstance(each.get("data"), dict):
                yield each["data"]

    def verification(self, path: Path, state: str) -> Verification:
        """As it is where the content is what was signed."""
        actions = [each for data in self._assertions("c2pa.actions") for each in data.get("actions") or ()]
        sources = [str(each.get("digitalSourceType", "")).rpartition("/")[2] for each in actions]
        of_model = next((each for each in sources if each in _OF_MODELS), "")
        claims = {_OF_MODELS[0]: "generated", _OF_MODELS[1]: "completed"}.get(of_model)
        claims = claims or ("exported" if "export" in self.facts else next(filter(None, sources), ""))
        tools = self.manifest.get("claim_generator_info") or [{}]
        tool = " ".join(filter(None, (str(tools[0].get(name, "")) for name in ("name", "version"))))
        signature = self.manifest.get("signature_info") or {}
        names = dict.fromkeys(str(signature[name]) for name in ("common_name", "issuer") if signature.get(name))
        signer = ", ".join(names) or "nobody by name"
        when = next((each["when"] for each in actions if each.get("when")), "")
        vouched = state in (OWN, TRUSTED) and bool(of_model)
        texts = map(_plain, (claims, tool, signer, when))
        problems = [code for code in self.failures if not code.endswith(".untrusted")]
        return Verification(str(path), state, vouched or None, *texts, self.facts, ", ".join(problems))


def _with_watermark(found: Verification) -> Verification:
    """With what its text says, where no signature vouches for it."""
    if found.state in (OWN, TRUSTED):
        return found
    path = Path(found.path)
    if path.suffix.lower() not in _TEXTS:
        return found
    from tfgen.trust.watermarking import MOST_LETTERS, traces_in

    with open(path, encoding="utf-8", errors="replace") as file:
        trace = next(iter(traces_in(file.read(MOST_LETTERS))), None)
    if trace is None or not trace.is_found:
        return found
    state = found.state if found.state == CHANGED else WATERMARKED
    said = {**found.made_by, "run": trace.run, "version": trace.version}
    return replace(found, state=state, generated=True, made_by=said, watermark=trace.to_json())


def _changed(found: Verification, reason: str) -> Verification:
    return Verification(**{**vars(found), "state": CHANGED, "generated": None, "reason": reason})


def _stated(path: Path) -> dict[str, str]:
    """What a file says of itself, whoever wrote that."""
    facts = facts_of(path) or {}
    return {str(name): _plain(value) for name, value in facts.items()}


def _files_of(path: Path) -> list[Path]:
    """Those in a folder that isn't signed as a whole, where there are any; else what was named."""
    if not path.is_dir() or (path / FOLDER_FILE).is_file():
        return [path]
    try:
        return sorted(each for each in path.iterdir() if each.is_file() and not each.name.startswith(".")) or [path]
    except OSError:
        return [path]


def _signed_one(path: Path) -> Path:
    """What is meant by a file that lies beside it, or in it where it is a folder, and has its mark or what is said of
    it."""
    if path.name in (FOLDER_FILE, f"{FOLDER_FILE}{SIDECAR}") and path.with_name(FOLDER_FILE).is_file():
        return path.parent  # of itself it says nothing of the files beside it
    beside = path.suffix in (SIDECAR, ".json") and path.with_suffix("").suffix
    return path.with_suffix("") if beside and path.with_suffix("").is_file() else path


def _sidecar(path: Path) -> bytes:
    if path.stat().st_size > _LARGEST_SIDECAR:
        raise _Damaged("the mark beside it is too large")
    return path.read_bytes() or b"\0"


def _has_beginning(path: Path) -> bool:
    """Whether a manifest begins somewhere in a file."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(_BEGINNING) >= 0


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    shown = ", ".join(map(_plain, names[:_NAMED]))
    return f"{shown} and {several(more, 'other')}" if more > 0 else shown


def _plain(value: Any) -> str:
    """What a stranger wrote, as harmless to a terminal as it is short."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = harmless(text[: 2 * _LONGEST])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
