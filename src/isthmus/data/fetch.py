"""A file from its public address, checked and stored whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.request
from pathlib import Path

from .errors import DataError

CHUNK = 1 << 20


def fetch(address: str, sha256: str, target: Path, *, timeout: float = 60) -> Path:
    """Download `address` to `target` unless its SHA-256 differs from the one that is known.

    The bytes go to a temporary file beside the target, which takes the target's name once they are complete
    and right; whatever happens before, nothing is left behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, received = hashlib.sha256(), 0
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file, urllib.request.urlopen(address, timeout=timeout) as reply:
            while piece := reply.read(CHUNK):
                digest.update(piece)
                received += file.write(piece)
            promised = reply.headers.get("Content-Length")
        if promised is not None and received < int(promised):
            raise DataError(f"{address} broke off after {received:,} of {int(promised):,} bytes; try again")
        if digest.hexdigest() != sha256:
            raise DataError(
                f"{address} sent {received:,} bytes that are not the known file: SHA-256 "
                f"{digest.hexdigest()} instead of {sha256}. Nothing was kept"
            )
        os.replace(partial, target)
    except (OSError, http.client.HTTPException) as error:  # URLError and time-outs are OSErrors
        raise DataError(f"{address} could not be fetched ({error})") from error
    finally:
        Path(partial).unlink(missing_ok=True)
    return target
