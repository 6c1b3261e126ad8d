"""Loopback addresses and ports for servers, leased so that several sets on one machine never choose the same.

A lease is an abstract unix socket that this process holds: the kernel gives it back however the process ends. Ports
lie below the range that the kernel hands to outgoing connections. In that range, a client that tries again and again to
reach a server that is down may be given that server's own port, connect to itself, and keep the server from returning.
"""

import random
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools.servers.cache import Missing

_TRIES: Final = 500
_LOWEST: Final = 10_000
_SPAN: Final = 12_000
EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free(count: int, host: str = "127.0.0.1", dice: random.Random | None = None) -> list[int]:
    """So many different ports that nobody uses on `host`."""
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise Missing(f"{host} is no address of this machine: {error}") from error
    dice = dice or random.SystemRandom()
    ceiling = int(EPHEMERAL.read_text("ascii").split()[0])
    if ceiling <= _LOWEST:  # this machine hands out nearly all ports: any will have to do
        ceiling = _LOWEST + _SPAN
    found: list[int] = []
    for _ in range(_TRIES):
        if len(found) == count:
            return found
        port = dice.randrange(max(_LOWEST, ceiling - _SPAN), ceiling)
        if _unused(host, port) and _lease(f"port-{port}"):
            found.append(port)
    raise Missing(f"no {count} free ports on {host}")


def subnet(count: int, ports: Iterable[int], dice: random.Random) -> list[str]:
    """`count` neighbouring loopback addresses on which all those ports are free; the /24 they lie in is leased."""
    wanted = list(ports)
    for _ in range(_TRIES):
        net = f"127.{dice.randint(1, 254)}.{dice.randint(0, 254)}"
        hosts = [f"{net}.{last}" for last in range(1, count + 1)]
        if all(_unused(host, port) for host in hosts for port in wanted) and _lease(f"net-{net}"):
            return hosts
    raise Missing(f"ports {wanted} are in use on every loopback address: does something listen on 0.0.0.0?")


def _unused(host: str, port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError:
            return False
    return True


def _lease(name: str) -> bool:
    lease = socket.socket(socket.AF_UNIX)
    try:
        lease.bind(f"\0footfall-{name}")
    except OSError:
        lease.close()
        return False
    lease.detach()  # open for as long as this process lives
    return True
