"""What identity takes and gives, and the pure decisions about secrets and signing keys."""

import base64
import hashlib
import itertools
import uuid
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import msgspec

from footfall_common.store import SigningKey

SECRET_BYTES = 32

Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
"""A client's name: what a DNS label may be, since the operator makes objects of it."""


class ClientWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of the request for a new client."""

    name: Name


class ClientMade(msgspec.Struct, frozen=True, rename="camel"):
    """A client's credentials; the one time that the secret is told."""

    client_id: uuid.UUID
    client_secret: str


class ClientShown(msgspec.Struct, frozen=True, rename="camel"):
    """A client without its secret; times in ms since the epoch."""

    client_id: uuid.UUID
    name: str
    scopes: tuple[str, ...]
    created: int
    disabled: bool
    revoked_before: int


class KeyTimes(NamedTuple):
    """Milliseconds: a key's age at which a new one is made, its lead before it signs, and how long its tokens hold."""

    renew: int
    ahead: int
    hold: int


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """A client secret: 256 random bits in URL-safe text, so that no encoding on its way changes it."""
    return base64.urlsafe_b64encode(random_bytes(SECRET_BYTES)).rstrip(b"=").decode()


def digest(secret: str) -> bytes:
    """What is stored of a secret. No slow hash: 256 random bits cannot be guessed, however fast the guessing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def ordered(keys: Sequence[SigningKey]) -> list[SigningKey]:
    """Oldest first, in an order that all replicas agree on."""
    return sorted(keys, key=lambda key: (key.created, key.kid))


def renewal_due(keys: Sequence[SigningKey], now: int, times: KeyTimes) -> bool:
    """Whether a new key is to be made."""
    return not keys or ordered(keys)[-1].created + times.renew <= now


def signing_key(keys: Sequence[SigningKey], now: int, times: KeyTimes) -> SigningKey:
    """The newest key that everyone has had the time to learn of; the oldest where there is none (the first start)."""
    by_age = ordered(keys)
    known = [key for key in by_age if key.created + times.ahead <= now]
    return known[-1] if known else by_age[0]


def published_keys(keys: Sequence[SigningKey], now: int, times: KeyTimes) -> list[SigningKey]:
    """Oldest first, all keys but those whose last token has expired.

    A key signs until its successor has been known for `ahead`; twice that, for a replica that looks late.
    """
    by_age = ordered(keys)
    ended = {
        key.kid
        for key, successor in itertools.pairwise(by_age)
        if successor.created + 2 * times.ahead + times.hold <= now
    }
    return [key for key in by_age if key.kid not in ended]
