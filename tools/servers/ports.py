"""Addresses and ports that nobody uses now."""

import random
import socket
from collections.abc import Iterable

_TRIES = 200


def free(count: int, host: str = "127.0.0.1") -> list[int]:
    """So many free ports, held open together so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind((host, 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def subnet(count: int, ports: Iterable[int], dice: random.Random) -> list[str]:
    """`count` neighbouring loopback addresses on which all those ports are free."""
    wanted = list(ports)
    for _ in range(_TRIES):
        net = f"127.{dice.randint(1, 254)}.{dice.randint(0, 254)}"
        hosts = [f"{net}.{last}" for last in range(1, count + 1)]
        if all(_free(host, port) for host in hosts for port in wanted):
            return hosts
    raise RuntimeError("no free loopback addresses")


def _free(host: str, port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError:
            return False
    return True
