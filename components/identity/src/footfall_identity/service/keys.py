"""The signing keys: made here, kept in the directory, published with overlap."""

import asyncio
import json
from collections.abc import Sequence
from typing import NoReturn

import structlog
from joserfc.jwk import KeySet, RSAKey

from footfall_common.clock import Clock
from footfall_common.errors import Unavailable
from footfall_common.pipeline.relay import Relay
from footfall_common.store import Directory, SigningKey
from footfall_identity.models import KeyTimes, published_keys, renewal_due, signing_key
from footfall_identity.repository import Documents, Jwks

_BITS = 2048

log = structlog.stdlib.get_logger("footfall.identity")


class KeyRing:
    """The signing keys as of the last look.

    Replicas that start at once may each make a key. All are published and they agree on which one signs, so nothing
    has to be undone.
    """

    def __init__(self, directory: Directory, relay: Relay, clock: Clock, issuer: str, times: KeyTimes) -> None:
        self._directory = directory
        self._documents = Documents(directory)
        self._relay = relay
        self._clock = clock
        self._issuer = issuer
        self._times = times
        self._keys: Sequence[SigningKey] = ()
        self._loaded: dict[str, RSAKey] = {}

    async def refresh(self) -> None:
        """Look at the stored keys, make one where it is due, publish. Raises Unavailable where that fails."""
        if renewal_due(await self._directory.keys(), self._clock.now_ms(), self._times):
            await self._make()
        await self._documents.keys(self._issuer, self._look)
        await self._relay.flush()

    async def run(self, interval: float) -> NoReturn:
        """Refresh for ever, every `interval` seconds."""
        while True:
            await asyncio.sleep(interval)
            await self.try_refresh()

    async def try_refresh(self) -> None:
        """Refresh; where store or bus are away, keep what there is until the next look."""
        try:
            await self.refresh()
        except Unavailable as error:
            log.warning("signing keys not refreshed", reason=error.message)

    def signer(self) -> RSAKey:
        """The key to sign with now; Unavailable before the first look succeeded."""
        self._require()
        return self._loaded[signing_key(self._keys, self._clock.now_ms(), self._times).kid]

    def public(self) -> KeySet:
        """The keys whose tokens hold."""
        self._require()
        return KeySet([self._loaded[key.kid] for key in self._published()])

    def jwks(self) -> Jwks:
        """Their public halves as a JWK set, in a stable order."""
        self._require()
        return {"keys": [_public(self._loaded[key.kid]) for key in self._published()]}

    async def check(self) -> str | None:
        """Why no token can be made, or None."""
        return None if self._keys else "there is no signing key yet: the store could not be read"

    async def _look(self) -> Jwks:
        keys = await self._directory.keys()
        for key in keys:
            if key.kid not in self._loaded:
                self._loaded[key.kid] = RSAKey.import_key(json.loads(key.jwk))
        self._keys = keys
        return self.jwks()

    def _published(self) -> list[SigningKey]:
        return published_keys(self._keys, self._clock.now_ms(), self._times)

    def _require(self) -> None:
        if not self._keys:
            raise Unavailable("There is no signing key yet; try again in a second.")

    async def _make(self) -> None:
        key = await asyncio.to_thread(_generate)
        record = SigningKey(key.kid or "", self._clock.now_ms(), json.dumps(key.as_dict(private=True)).encode())
        await self._directory.add_key(record)
        log.info("signing key made", kid=record.kid)


def _generate() -> RSAKey:
    """A new key whose id is its thumbprint (RFC 7638), so that two keys never share one."""
    return RSAKey.generate_key(_BITS, parameters={"use": "sig", "alg": "RS256"}, auto_kid=True)


def _public(key: RSAKey) -> dict[str, str]:
    return {name: value for name, value in key.as_dict(private=False).items() if isinstance(value, str)}
