"""An issuer of our own, for tokens that no real provider would sign.

Its access tokens look like Auth0's (which cannot be had here), as its documentation of access
tokens and RBAC describes them: `permissions`, `scope`, a namespaced e-mail claim, `azp`, `gty`.
"""

from __future__ import annotations

import base64
import functools
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from accounts.sign_on.documents import publisher
from accounts.sign_on.providers import Provider

ISSUER = "https://tenant.example.org/"
AUDIENCE = "https://hub.example.org/api/v2/"
EMAIL = "https://xcube-gen.brockmann-consult.de/user_email"
VERIFIED = "https://xcube-gen.brockmann-consult.de/email_verified"

METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}authorize",
    "token_endpoint": f"{ISSUER}oauth/token",
    "jwks_uri": f"{ISSUER}.well-known/jwks.json",
}


def provider(**fields: Any) -> Provider:
    return Provider(
        **{
            "key": "tenant",
            "name": "Tenant",
            "issuer": ISSUER,
            "audiences": (AUDIENCE,),
            "trust_email": True,
            "role_claims": (("permissions",), ("scope",)),
            "roles": {
                "manage:cubegens": ("cube-generation",),
                "process:cubegens": ("user-code",),
            },
            **fields,
        }
    )


def key(name: str = "first", algorithm: str = "RS256"):
    """A private key, made once for all tests."""
    return _made(name, algorithm)


@functools.cache
def _made(name: str, algorithm: str):
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(name: str = "first", algorithm: str = "RS256") -> dict[str, Any]:
    kind = jwt.algorithms.RSAAlgorithm if algorithm == "RS256" else jwt.algorithms.ECAlgorithm
    public = json.loads(kind.to_jwk(key(name, algorithm).public_key()))
    return {**public, "kid": name, "alg": algorithm, "use": "sig"}


def public_pem(name: str = "first") -> bytes:
    return (
        key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def publish(its: Provider, *keys: dict[str, Any], age_s: float = 0) -> None:
    """As if these keys had been fetched, `age_s` ago; the issuer itself is not reached."""
    publisher(its).keep(METADATA, {"keys": list(keys or [jwk()])}, time.time() - age_s)
    publisher(its)._tried_at = time.monotonic()


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token; None: without."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
        "aud": [AUDIENCE, f"{ISSUER}userinfo"],
        "azp": "the-portal",
        "iat": now - 5,
        "exp": now + 600,
        "scope": "openid profile email",
        "permissions": ["manage:cubegens"],
        EMAIL: "ann@example.org",
        VERIFIED: True,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(signer: Any = None, *, kid: str | None = "first", algorithm: str = "RS256", **changes):
    headers = {"kid": kid} if kid is not None else {}
    signer = signer or key("first", algorithm)
    return jwt.encode(claims(**changes), signer, algorithm=algorithm, headers=headers)


def unsigned(header: dict[str, Any], **changes: Any) -> str:
    """A token without any signature, whatever its header says."""
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
             for part in (header, claims(**changes)))  # fmt: skip
    return ".".join(parts) + "."
