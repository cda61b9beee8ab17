"""Certificates for tests, made when they are needed: an authority of the test's own, and what it vouches for."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate's file and its key's."""

    pem: Path
    key: Path


class Authority:
    """One that vouches for others; its own certificate is in `pem`."""

    def __init__(self, folder: Path, name: str = "Authority of a test"):
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        made = _begun(self._name, self._name, self._key).add_extension(x509.BasicConstraints(True, None), critical=True)
        self.pem = folder / "authority.pem"
        self.pem.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def vouch(self, host: str) -> Certificate:
        """Return a certificate of a host's, by name or address; of a program's, too, which has such a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            name: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        made = _begun(_named(host), self._name, key).add_extension(x509.SubjectAlternativeName([name]), critical=False)
        found = Certificate(self._folder / f"{host}.pem", self._folder / f"{host}.key")
        found.pem.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        found.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
        return found


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _begun(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )
