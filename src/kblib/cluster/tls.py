"""The keys of a run: who has them may talk to its Dask, and nobody else.

A Dask scheduler runs whatever it is sent, as the user who started it; without TLS anybody on the
machine may send. So each run has an authority of its own, made at submit, which signs one
certificate and is then forgotten. Scheduler, workers and clients all show that certificate and
trust no other. The files lie in the run folder for its owner alone, are used again by the jobs
that follow, and are removed when the run is over.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kblib.errors import MissingPartError, RunError
from kblib.runs import RunFolder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, KeyUsage, Name
    from distributed import Security

_AUTHORITY, _CERTIFICATE, _KEY = "ca.pem", "cert.pem", "key.pem"
_FILES = (_AUTHORITY, _CERTIFICATE, _KEY)
_VALID = timedelta(days=400)
"""A run that is continued job after job may last for months."""
_CLOCKS_DIFFER = timedelta(days=1)
_LONGEST_NAME = 64
"""Of a subject (RFC 5280, ub-common-name)."""


def require_dask() -> None:
    """Check that Dask, and what makes its keys, is installed.

    Raises
    ------
    MissingPartError
        Naming what is missing and the command that brings it.
    """
    missing = [name for name in ("cryptography", "dask", "distributed") if find_spec(name) is None]
    if missing:
        raise MissingPartError(
            f"Dask on a cluster needs {', '.join(missing)}, not installed here.",
            "They come with the extra 'cluster'.",
            "python -m pip install 'PATH_OF_THE_CLONE[cluster]'",
        )


def make_keys(run: RunFolder) -> None:
    """Make the keys of a run, whole and once; those that are there already are kept.

    Raises
    ------
    MissingPartError
        If what makes them is not installed.
    """
    require_dask()
    if _are_there(run):
        return
    aside = Path(tempfile.mkdtemp(dir=run.path, prefix=f".{run.tls.name}."))  # mode 0700
    try:
        for name, content in _pems(run.name).items():
            handle = os.open(aside / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
        if run.tls.exists():  # half of it, which no use can be made of
            shutil.rmtree(run.tls)
        os.rename(aside, run.tls)
    except OSError:
        if not _are_there(run):  # nobody else was faster
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def security(run: RunFolder) -> Security:
    """Return what Dask's servers and clients of a run take; nothing goes unencrypted.

    Host names are not compared: the certificate serves on every node, and only who can read the
    run folder has it.

    Raises
    ------
    RunError
        If the run has no keys, or others than its owner may read them. There is no Dask then.
    MissingPartError
        If Dask is not installed.
    """
    require_dask()
    check_keys(run)
    from distributed import Security

    pair = {
        f"tls_{role}_{part}": str(run.tls / name)
        for role in ("scheduler", "worker", "client")
        for part, name in (("cert", _CERTIFICATE), ("key", _KEY))
    }
    return Security(require_encryption=True, tls_ca_file=str(run.tls / _AUTHORITY), **pair)


def check_keys(run: RunFolder) -> None:
    """Check that the keys of a run are there, and their owner's alone.

    Raises
    ------
    RunError
        If not.
    """
    if not _are_there(run):
        raise RunError(
            f"Run '{run.name}' has no keys in {run.tls}.",
            "They are made at submit and removed at its end; without them no Dask is started.",
        )
    for path in (run.tls, *(run.tls / name for name in _FILES)):
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise RunError(
                f"Others may read {path} (mode {mode:o}).",
                "Who reads the keys of a run can run programs as its owner; no Dask is started.",
                f"chmod -R go-rwx {run.tls}",
            )


def remove_keys(run: RunFolder) -> None:
    """Remove the keys of a run that is over, and where its Dask was; neither need be there."""
    for folder in (run.tls, *run.path.glob(f".{run.tls.name}.*")):
        shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        run.scheduler_file.unlink(missing_ok=True)


def _are_there(run: RunFolder) -> bool:
    return all((run.tls / name).is_file() for name in _FILES)


def _pems(name: str) -> dict[str, bytes]:
    """Return authority, certificate and key, as files; the authority's own key is in none."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _signed(_name(f"{name} authority"), root, by=_name(f"{name} authority"), with_=root)
    certificate = _signed(_name(name), own, by=authority.subject, with_=root)
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return {
        _AUTHORITY: authority.public_bytes(pem),
        _CERTIFICATE: certificate.public_bytes(pem),
        _KEY: own.private_bytes(pem, *private),
    }


def _name(text: str) -> Name:
    from cryptography import x509

    common = x509.NameAttribute(x509.NameOID.COMMON_NAME, text[-_LONGEST_NAME:])
    return x509.Name([common])


def _signed(
    subject: Name, key: EllipticCurvePrivateKey, *, by: Name, with_: EllipticCurvePrivateKey
) -> Certificate:
    """Return a certificate for a key; one that is signed with that very key is an authority's."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now, own, issuer = datetime.now(UTC), key.public_key(), with_.public_key()
    is_authority = key is with_
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(own)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(_usage(signs_others=is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )
    return builder.sign(with_, hashes.SHA256())


def _usage(*, signs_others: bool) -> KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_others,
        key_cert_sign=signs_others,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
