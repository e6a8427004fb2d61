"""An authority for one run, which signs a certificate for the documents' hosts.

Its key is never written anywhere, and ends with the process: whoever trusts its certificate trusts
this run's proxy alone.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

_NEEDED = "the proxy needs cryptography: pip install 'guanxi[testing]'"
_LASTS = timedelta(days=30)


class Identity(NamedTuple):
    """A server's TLS context, and the certificate of the authority that signed it, as PEM."""

    context: ssl.SSLContext
    authority: bytes


def identity(hosts: Iterable[str]) -> Identity:
    """Return a TLS context for servers of these names, signed by a new authority.

    The authority may sign for these names alone. Raise ModuleNotFoundError, which says what to
    install, without the package cryptography.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_NEEDED, name=error.name) from None

    names = [x509.DNSName(host) for host in hosts]
    since = datetime.now(UTC) - timedelta(days=1)

    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def certificate(
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        is_authority: bool,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(since + _LASTS)
            .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = named("guanxi emulator, this run only")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    root = (
        certificate(root_name, root_name, root_key, is_authority=True)
        .add_extension(usage, True)
        .add_extension(x509.NameConstraints(permitted_subtrees=names, excluded_subtrees=None), True)
        .sign(root_key, hashes.SHA256())
    )
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    leaf = (
        certificate(named("guanxi emulator"), root_name, key, is_authority=False)
        .add_extension(x509.SubjectAlternativeName(names), False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .add_extension(signer, False)
        .sign(root_key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory(prefix="guanxi-tls-") as folder:
        chain = Path(folder, "chain.pem")  # the only form that Python's ssl loads
        chain.touch(0o600)
        chain.write_bytes(private + leaf.public_bytes(pem))
        context.load_cert_chain(chain)
    return Identity(context, root.public_bytes(pem))
