"""A certificate authority of the hub's own, made at its first bind beyond this machine (design 6).

``data_dir/tls``: ``ca.pem`` is given away, ``ca.key`` and ``hub.key`` are 0600. The hub's certificate is made anew
when it runs out or does not name the addresses the hub is reached at; the authority stays, so stations that
pinned it notice nothing.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_LASTS = timedelta(days=3650)
_CERT_LASTS = timedelta(days=397)
_RENEW_BEFORE = timedelta(days=30)
#: Clocks of stations may run a little behind.
_BACKDATE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Tls:
    """Files for the server, and the fingerprint stations pin: SHA-256 of the authority, 64 hex digits."""

    cert_path: Path
    key_path: Path
    ca_sha256: str


def is_loopback(host: str) -> bool:
    """Whether nobody beyond this machine can reach a hub bound to ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def prepare(data_dir: Path, host: str, now: datetime) -> Tls:
    """The certificate for a hub bound to ``host``; makes what is missing. Raises OSError, ValueError (damaged)."""
    folder = data_dir / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    ca_cert, ca_key = _authority(folder, now)
    names = sorted(_names(host))
    cert_path, key_path = folder / "hub.pem", folder / "hub.key"
    if not _still_good(cert_path, key_path, names, now):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = _signed(names, key.public_key(), ca_cert, ca_key, now)
        _write(key_path, _pem_of(key), 0o600)
        _write(cert_path, cert.public_bytes(serialization.Encoding.PEM), 0o644)
    return Tls(cert_path, key_path, fingerprint(ca_cert))


def fingerprint(cert: x509.Certificate) -> str:
    return hashlib.sha256(cert.public_bytes(serialization.Encoding.DER)).hexdigest()


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    cert_path, key_path = folder / "ca.pem", folder / "ca.key"
    if cert_path.exists() and key_path.exists():
        cert = x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("ca.key")
        return cert, key
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Orderdock hub {os.urandom(4).hex()}")])
    cert = (
        x509
        .CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + _CA_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(for_signing=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(key_path, _pem_of(key), 0o600)
    _write(cert_path, cert.public_bytes(serialization.Encoding.PEM), 0o644)
    return cert, key


def _usage(*, for_signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=for_signing,
        crl_sign=for_signing,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    names: Iterable[str],
    public: ec.EllipticCurvePublicKey,
    ca_cert: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    return (
        x509
        .CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Orderdock hub")]))
        .issuer_name(ca_cert.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(min(now + _CERT_LASTS, ca_cert.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(for_signing=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _names(host: str) -> set[str]:
    """Every name and address this machine may be called by."""
    names = {"localhost", "127.0.0.1", "::1"}
    own = socket.gethostname()
    if own.isascii():
        names.add(own)
    if host not in ("0.0.0.0", "::"):
        names.add(host)
        return names
    try:
        names |= {str(info[4][0]).split("%")[0] for info in socket.getaddrinfo(own, None)}
    except OSError:
        pass
    return names


def _still_good(cert_path: Path, key_path: Path, names: list[str], now: datetime) -> bool:
    if not (cert_path.exists() and key_path.exists()):
        return False
    cert = x509.load_pem_x509_certificate(cert_path.read_bytes())
    said = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covers = set(said) >= {_general(name) for name in names}
    return covers and cert.not_valid_after_utc - _RENEW_BEFORE > now


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    fresh.replace(path)
