"""OAuth requests, from the client's record to the answer and its consequences."""

import uuid
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from footfall_common.clock import Clock
from footfall_common.store import ClientRecord, Directory
from footfall_common.telemetry import counter
from footfall_common.telemetry.catalogue import TOKENS
from footfall_identity.service.attempts import FailedAttempts
from footfall_identity.service.clients import Clients
from footfall_identity.service.server import Server
from footfall_identity.service.tokens import Tokens
from footfall_identity.service.words import Answer, Request


class OAuth:
    """The three requests that clients make. Raises StoreUnavailable and BusUnavailable; the rest is in the answers."""

    def __init__(
        self,
        directory: Directory,
        *,
        clients: Clients,
        tokens: Tokens,
        attempts: FailedAttempts,
        clock: Clock,
        registry: CollectorRegistry,
    ) -> None:
        self._directory = directory
        self._clients = clients
        self._tokens = tokens
        self._attempts = attempts
        self._clock = clock
        self._requests = counter(registry, TOKENS)

    async def token(self, request: Request) -> Answer:
        """RFC 6749 part 4.4."""
        _, answer = await self._answer(request, Server.token)
        self._requests.labels(answer.body.get("error", "issued")).inc()
        return answer

    async def introspect(self, request: Request) -> Answer:
        """RFC 7662."""
        _, answer = await self._answer(request, Server.introspect)
        return answer

    async def revoke(self, request: Request) -> Answer:
        """RFC 7009: when this returns, the token and all older ones of its client are revoked everywhere.

        Services know a client's tokens by the time they were issued only; newer tokens hold on.
        """
        server, answer = await self._answer(request, Server.revoke)
        if server.to_revoke is not None:
            await self._clients.revoke(server.to_revoke.client_id, server.to_revoke.issued + 1)
        return answer

    async def _answer(self, request: Request, respond: Callable[[Server, Request], Answer]) -> tuple[Server, Answer]:
        # Before the record is read: see Tokens.make.
        now = self._clock.now_ms()
        server = Server(await self._record(request.claimed_id), self._tokens, now)
        answer = respond(server, request)
        if answer.body.get("error") == "invalid_client" and request.claimed_id:
            wait = self._attempts.failed(request.claimed_id)
            return server, _too_many(wait) if wait else answer
        return server, answer

    async def _record(self, claimed_id: str) -> ClientRecord | None:
        try:
            client = uuid.UUID(claimed_id)
        except ValueError:
            return None
        return await self._directory.client(client)


def _too_many(wait: int) -> Answer:
    description = f"This client failed to authenticate too often; try again in {wait} s, with the right secret at once."
    return Answer(
        429,
        {"error": "invalid_client", "error_description": description},
        {"Retry-After": str(wait), "Cache-Control": "no-store"},
    )
