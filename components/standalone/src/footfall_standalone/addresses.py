"""Where the parts of one process answer."""

import msgspec

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - compared with, not bound


class Addresses(msgspec.Struct, frozen=True):
    """The base address of each part, without a slash at the end."""

    receiver: str
    tenant: str
    report: str
    identity: str
    raw_receiver: str
    demo: str


def below(base: str) -> Addresses:
    """The addresses of the parts of a process that answers at `base`."""
    return Addresses(**{name: f"{base}/{name}" for name in Addresses.__struct_fields__})


def local_base(host: str, port: int) -> str:
    """How a program on this machine reaches a process bound to `host`."""
    reachable = _WILDCARDS.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"
