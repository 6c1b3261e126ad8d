"""Reading an access token (RFC 9068): a JWT by RS256 of type at+jwt. What depends on the present is the verifier's."""

import uuid

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet

from footfall_common.errors import Unauthenticated

ALGORITHM = "RS256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type, not a secret
AUDIENCE = "footfall"
LONGEST = 4096
"""Characters; ours have about 900."""


class TokenClaims(msgspec.Struct, frozen=True):
    """The claims of an access token; `iat` and `exp` in seconds since the epoch.

    `issued` is `iat` in milliseconds: a token made in the second of a revocation must be told from the one before it.
    """

    iss: str
    aud: str
    sub: uuid.UUID
    client_id: uuid.UUID
    tenant: uuid.UUID
    scope: str
    iat: int
    exp: int
    jti: uuid.UUID
    issued: int


def read_token(token: str, keys: KeySet, issuer: str) -> TokenClaims:
    """The claims of a token that one of `keys` has signed for us as `issuer`; Unauthenticated otherwise.

    Neither expiry nor revocation is looked at: those change while a token does not.
    """
    if len(token) > LONGEST:
        raise _refused("it is too long")
    try:
        # Only RS256 is allowed, whatever the header says: neither `none` nor HS256 with our public key as its secret.
        signed = jws.deserialize_compact(token.encode(), _key_for(token, keys), algorithms=[ALGORITHM])
        claims = msgspec.json.decode(signed.payload, type=TokenClaims)
    except (JoseError, msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
        raise _refused("it is malformed, or not signed by a key that holds") from error
    if claims.iss != issuer or claims.aud != AUDIENCE:
        raise _refused("it was issued by, or for, someone else")
    return claims


def _key_for(token: str, keys: KeySet) -> Key:
    """The one key that the header names; left to itself, joserfc picks a key for a header that names none."""
    header = jws.extract_compact(token.encode()).headers()
    if str(header.get("typ", "")).lower().removeprefix("application/") != TOKEN_TYPE:
        raise _refused(f"its type is not {TOKEN_TYPE}")
    kid = header.get("kid")
    named = next((key for key in keys.keys if key.kid == kid), None)
    if named is None:
        raise _refused("its key is unknown here")
    return named


def _refused(why: str) -> Unauthenticated:
    return Unauthenticated(f"The access token does not hold: {why}; ask identity for a new one.", code="invalid_token")
