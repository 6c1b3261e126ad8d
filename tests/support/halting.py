"""`python -m tests.support.halting`: the operator, which stops itself between the fence and a request.

It does so before the first Secret that it would apply once the file HALT_WHEN exists, as a process does that is not
given any time just then; and takes a second to end after it lost its lease, so that the request is sent late for sure.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from footfall_operator.__main__ import main
from footfall_operator.cluster import Body, Cluster

_leave = os._exit


def _halt(when: Path) -> None:
    if when.exists():
        when.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


async def _halted(cluster: Cluster, method: str, path: str, *arguments: Any) -> Body:
    if method == "PATCH" and "/secrets/" in path:
        _halt(Path(os.environ["HALT_WHEN"]))
    return await _once(cluster, method, path, *arguments)


def _slowly(code: int) -> None:
    time.sleep(1)  # no wait: see above
    _leave(code)


if __name__ == "__main__":
    _once = Cluster._once
    Cluster._once = _halted  # type: ignore[method-assign, assignment] # the hook
    os._exit = _slowly  # type: ignore[assignment] # the hook never returns either
    sys.exit(main())
