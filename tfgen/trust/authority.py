"""Whose signature files carry: a certificate of one's own, or one of an authority that tfgen makes once for each user.

One's own are PEM files that $TFGEN_CERTIFICATE (the signer's first, those that vouch for it behind) and $TFGEN_KEY
name. Else the first signature makes, in `signing/` of the folder of settings:

authority.pem    the certificate of the authority, for people who shall trust this user's files
certificate.pem  the signer's, which that authority has issued, and the authority's
key.pem          the signer's key, which nobody else may read

The authority's own key is forgotten as soon as it has issued the one certificate, so it can't be stolen. The names in
the certificates are of the key, not of the person: who wants a name in every file has a certificate of one's own.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfgen import files
from tfgen.errors import UserError

if TYPE_CHECKING:
    from cryptography import x509

_YEARS = 10
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_END = b"-----END CERTIFICATE-----"
_LARGEST = 2**20  # bytes of a file of certificates or a key


@dataclass(frozen=True)
class Credentials:
    """What signs: a chain of certificates in PEM, the signer's first, its key in PEM, and C2PA's name for its kind."""

    certificates: bytes
    key: bytes
    algorithm: str


def settings_folder() -> Path:
    """Where a user's settings are: $TFGEN_CONFIG, or `tfgen` in the folder that the system has for them."""
    if os.environ.get("TFGEN_CONFIG"):
        return Path(os.environ["TFGEN_CONFIG"]).expanduser()
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "tfgen"


def credentials() -> Credentials:
    """The user's own, or home-made ones, which come into being where there are none; processes may ask at once.

    Raises:
        UserError: a file can't be read or written, or certificate and key don't fit.
        ImportError: `cryptography` isn't installed.
    """
    named = {name: os.environ.get(name) for name in ("TFGEN_CERTIFICATE", "TFGEN_KEY")}
    if any(named.values()):
        missing = [name for name, value in named.items() if not value]
        if missing:
            raise UserError(f"A certificate needs its key, and {missing[0]} names none.", "Set both variables.")
        paths = [Path(value).expanduser() for value in named.values() if value]
        return _read(*paths, "Correct TFGEN_CERTIFICATE and TFGEN_KEY")
    folder = _home_made()
    if not (folder / "key.pem").exists():
        _make(folder)
    return _read(folder / "certificate.pem", folder / "key.pem", f"Remove '{folder}' to have new ones made")


def own_signers() -> dict[str, bytes]:
    """This user's own certificates, by serial number: the authorities, in PEM, that have issued each, and so no other
    with this number. Those that can't be read are left out."""
    from cryptography import x509

    paths = [_home_made() / "certificate.pem"]
    if os.environ.get("TFGEN_CERTIFICATE"):
        paths.append(Path(os.environ["TFGEN_CERTIFICATE"]).expanduser())
    own = {}
    for path in paths:
        with contextlib.suppress(UserError, ValueError):
            content = _content_of(path)
            number = x509.load_pem_x509_certificates(content)[0].serial_number
            own[str(number)] = content.partition(_END)[2].strip()
    return {number: authorities for number, authorities in own.items() if authorities}


def authority_path() -> Path | None:
    """The home-made authority's certificate, for other people; None before the first signature."""
    path = _home_made() / "authority.pem"
    return path if path.is_file() else None


def trusted_certificates(more: Path | None = None) -> bytes:
    """Authorities that the user trusts, in PEM: of the file, or the files in the folder, that $TFGEN_TRUST names, and
    of `more`.

    Raises:
        UserError: there is no such file, or no certificate in it.
    """
    named = os.environ.get("TFGEN_TRUST")
    found = b""
    for path in [*([Path(named).expanduser()] if named else []), *([more] if more else [])]:
        content = b"\n".join(map(_content_of, sorted(path.glob("*.pem")) if path.is_dir() else [path]))
        if _BEGIN not in content:
            raise UserError(f"'{path}' holds no certificate of an authority.", "Give a .pem file, or a folder of them.")
        found += content + b"\n"
    return found


def _home_made() -> Path:
    return settings_folder() / "signing"


def _content_of(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LARGEST)
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror or error}.", "Give a file in PEM.") from error


def _read(certificates: Path, key: Path, advice: str) -> Credentials:
    """Raises UserError where they are none, or don't fit."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    chain, secret = _content_of(certificates), _content_of(key)
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    try:
        signer, private = x509.load_pem_x509_certificates(chain)[0], load_pem_private_key(secret, None)
        fits = signer.public_key().public_bytes(*form) == private.public_key().public_bytes(*form)
    except (ValueError, TypeError, IndexError) as error:  # TypeError: there is a passphrase
        reason = str(error).split("\n")[0].split(". ")[0].rstrip(".")
        raise UserError(f"'{certificates}' and '{key}' can't sign: {reason}.", f"{advice}.") from error
    if not fits:
        raise UserError(f"The key in '{key}' is not that of the certificate in '{certificates}'.", f"{advice}.")
    return Credentials(chain, secret, _algorithm_of(private, key, advice))


def _algorithm_of(private: object, path: Path, advice: str) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(private, ec.EllipticCurvePrivateKey):
        name = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(private.curve.name)
    else:
        kinds = {ed25519.Ed25519PrivateKey: "ed25519", rsa.RSAPrivateKey: "ps256"}
        name = next((each for kind, each in kinds.items() if isinstance(private, kind)), None)
    if name is None:
        raise UserError(f"The key in '{path}' is of a kind that C2PA doesn't know.", f"{advice}.")
    return name


def _make(folder: Path) -> None:
    """The authority and the signer's certificate, which appear at once; another process may have been quicker."""
    from cryptography.hazmat.primitives import serialization

    authority, signer, key = _issue()
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        with files.folder_atomically(folder) as new:
            files.write_bytes(new / "authority.pem", authority.public_bytes(pem))
            files.write_bytes(new / "certificate.pem", signer.public_bytes(pem) + authority.public_bytes(pem))
            descriptor = os.open(new / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secret)
    except OSError as error:
        if not (folder / "key.pem").exists():
            reason = error.strerror or str(error)
            advice = "Name a folder that can be written in the environment variable TFGEN_CONFIG."
            raise UserError(f"A key for signatures can't be kept in '{folder}': {reason}.", advice) from error


def _issue() -> "tuple[x509.Certificate, x509.Certificate, object]":
    """The authority's certificate, the signer's, and the signer's key, as C2PA's profile asks (specification 2.2,
    14.5): ES256; the signer's may sign and nothing else, for the protection of mail, and is no authority's."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    identifiers = [x509.SubjectKeyIdentifier.from_public_key(each.public_key()) for each in keys]
    number = identifiers[0].digest.hex()[:8]
    names = [_name(f"authority {number}"), _name(f"signer {identifiers[1].digest.hex()[:8]} of authority {number}")]
    begin = datetime.now(UTC) - timedelta(days=1)  # clocks differ
    certificates = []
    for place, key in enumerate(keys):
        first = place == 0
        builder = x509.CertificateBuilder().subject_name(names[place]).issuer_name(names[0])
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=365 * _YEARS))
        builder = builder.add_extension(x509.BasicConstraints(first, 0 if first else None), critical=True)
        builder = builder.add_extension(_usage(first), critical=True)
        builder = builder.add_extension(identifiers[place], critical=False)
        if not first:
            issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifiers[0])
            purpose = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(issuer, critical=False).add_extension(purpose, critical=True)
        certificates.append(builder.sign(keys[0], hashes.SHA256()))
    return *certificates, keys[1]


def _name(name: str) -> "x509.Name":
    from cryptography import x509

    parts = {x509.NameOID.ORGANIZATION_NAME: "home-made by tfgen", x509.NameOID.COMMON_NAME: name}
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts.items()])


def _usage(authority: bool) -> "x509.KeyUsage":
    from cryptography import x509

    never = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    return x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **never)
