"""A certificate authority of one run, and what it signs for servers on given names and addresses."""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

_DAYS = 30


class Authority:
    """Signs server certificates; its own certificate lies in `folder`/ca.pem."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Footfall test CA")])
        self._signed = (
            self._draft(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate.write_bytes(self._signed.public_bytes(Encoding.PEM))

    def keystore(self, file: Path, names: Iterable[str], password: str) -> None:
        """Write a PKCS 12 store with a key and a certificate for those host names and addresses."""
        key, signed = self._issue(file.stem, (), names)
        secret = BestAvailableEncryption(password.encode())
        file.write_bytes(pkcs12.serialize_key_and_certificates(b"server", key, signed, [self._signed], secret))

    def pem(self, file: Path, user: str, groups: Iterable[str] = (), names: Iterable[str] = ()) -> tuple[Path, Path]:
        """Write `file`.crt and `file`.key for a user in those groups, or for a server of those names; both paths."""
        key, signed = self._issue(user, groups, names)
        certificate, secret = file.with_suffix(".crt"), file.with_suffix(".key")
        certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        secret.write_bytes(key_pem(key))
        return certificate, secret

    def _issue(
        self, user: str, groups: Iterable[str], names: Iterable[str]
    ) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        subject = x509.Name([*organisations, x509.NameAttribute(NameOID.COMMON_NAME, user)])
        draft = self._draft(subject, key.public_key())
        if known := [_general(name) for name in names]:
            draft = draft.add_extension(x509.SubjectAlternativeName(known), critical=False)
        signed = (
            draft.add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return key, signed

    def _draft(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=_DAYS))
        )


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """As Go's servers read it; without a password, since it lies in a folder that only this user can read."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _usage(*, signs: bool) -> x509.KeyUsage:
    """What strict clients (Python from 3.13) want to find: an authority signs certificates, a server shakes hands."""
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
