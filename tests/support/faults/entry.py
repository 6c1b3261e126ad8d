"""Runs a module as `python -m` does, with a clock that is off, or to be killed at a named step of its own code.

    FAULTS_CLOCK_MS=600000 python -m tests.support.faults.entry footfall_receiver
    FAULTS_TRIP=footfall_common.pipeline.ordered:OrderedSink.apply:after:3 python -m tests.support.faults.entry ...

The second one dies of SIGKILL when that async method has returned for the third time ("before": is called for the
third time). The product knows nothing of either: what runs is its own entry point and its own classes.
"""

import importlib
import os
import runpy
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, NamedTuple, Self, cast

from typing_extensions import override

from footfall_common.clock import SystemClock

CLOCK = "FAULTS_CLOCK_MS"
TRIP = "FAULTS_TRIP"
Method = Callable[..., Awaitable[Any]]


class Trip(NamedTuple):
    """At which call of which async method the process is killed; counted from 1, over all instances of the class."""

    module: str
    cls: str
    method: str
    when: Literal["before", "after"]
    call: int

    @override
    def __str__(self) -> str:
        return f"{self.module}:{self.cls}.{self.method}:{self.when}:{self.call}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The opposite of str()."""
        module, name, when, call = text.split(":")
        if when not in {"before", "after"}:
            raise ValueError(f"{when!r} in {text!r} is neither before nor after")
        owner, _, method = name.partition(".")
        return cls(module, owner, method, cast("Literal['before', 'after']", when), int(call))

    def set(self) -> None:
        """Wrap the method."""
        owner = getattr(importlib.import_module(self.module), self.cls)
        setattr(owner, self.method, self._wrapped(getattr(owner, self.method)))

    def _wrapped(self, method: Method) -> Method:
        calls = {"before": 0, "after": 0}

        def reached(when: str) -> None:
            calls[when] += 1
            if when == self.when and calls[when] == self.call:
                os.kill(os.getpid(), signal.SIGKILL)

        async def wrapped(*arguments: Any, **words: Any) -> Any:
            reached("before")
            outcome = await method(*arguments, **words)
            reached("after")
            return outcome

        return wrapped


def put_off(milliseconds: int) -> None:
    """Let the product's wall clock be ahead by so much; behind, where below 0."""
    right = SystemClock.now_ms
    SystemClock.now_ms = lambda self: right(self) + milliseconds  # type: ignore[method-assign] # that is its purpose


def main(arguments: list[str], environ: Mapping[str, str]) -> None:
    """Set the faults up, then become the module."""
    if offset := environ.get(CLOCK):
        put_off(int(offset))
    if trip := environ.get(TRIP):
        Trip.parse(trip).set()
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:], os.environ)
