"""The key that signs published badges: made on first use, in a file of its owner's alone; nobody is handed it.

Whoever has the file can sign in the site's name. Without it (another machine, no copy) a new one is made, and what was
published before verifies no longer: keep it with the secret key (docs/operators.md).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from policies.errors import ConfigError
from webapp.services.context import Context

FILE = "issuer.pem"
_BITS = 2048


def did(ctx: Context) -> str:
    """The site's did:web; its document is at /.well-known/did.json."""
    return "did:web:" + quote(urlsplit(ctx.site.base_url).netloc, safe="")


def sign(ctx: Context, claims: Mapping[str, Any]) -> str:
    """The claims as a signed JWT in compact form."""
    key = _key(ctx.site.data_dir)
    header = {"alg": "RS256", "typ": "JWT", "kid": _kid(ctx, key)}
    return jwt.encode(header, dict(claims), key, algorithms=["RS256"])


def document(ctx: Context) -> dict[str, Any]:
    """The DID document: the public key, and that it signs what this site asserts."""
    key = _key(ctx.site.data_dir)
    name, kid = did(ctx), _kid(ctx, key)
    public = {part: value for part, value in key.as_dict(private=False).items() if part in {"kty", "n", "e"}}
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
        "id": name,
        "verificationMethod": [
            {"id": kid, "type": "JsonWebKey2020", "controller": name, "publicKeyJwk": {**public, "alg": "RS256"}}
        ],
        "assertionMethod": [kid],
    }


def thumbprint(folder: Path) -> str | None:
    """What tells the key in this folder from every other (RFC 7638, of its public half); None where there is none."""
    return _key(folder).thumbprint() if (folder / FILE).exists() else None


def _kid(ctx: Context, key: RSAKey) -> str:
    return f"{did(ctx)}#{key.thumbprint()}"


@lru_cache(maxsize=4)
def _key(folder: Path) -> RSAKey:
    path = folder / FILE
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"Others may read {path}.", f"Run: chmod 600 {path}")
        return RSAKey.import_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read or written ({type(error).__name__}).") from error


def _make(path: Path) -> None:
    """Whole or not at all; of two processes at once one makes it, both go on with that one."""
    part = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(RSAKey.generate_key(_BITS, private=True).as_pem(private=True))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)
    except FileExistsError:
        pass        # another process was faster
    finally:
        part.unlink()
