"""A process that is about to stop says so first, so that balancers send their requests elsewhere before it does."""

import asyncio


class Drain:
    """Begun once, never taken back; shared by all components of a process."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether the process is about to stop."""
        return self._event.is_set()

    def begin(self) -> None:
        """From now on `/readyz` answers 503 `draining` and answers end their connections; requests are still served."""
        self._event.set()

    async def wait(self) -> None:
        """Return once begun."""
        await self._event.wait()
