"""Peers of a measurement: started here, pinned to a core, ended by their own process ids."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from tools.servers.server import die_with

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = ("0", "1") if (os.cpu_count() or 1) > 1 else ("0", "0")
ANY_CORE = f"0-{(os.cpu_count() or 1) - 1}"

NGINX = """
daemon off; master_process off; worker_processes 1; error_log {folder}/error.log; pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder}; client_body_buffer_size 64k; keepalive_requests 10000000;
  server {{ listen 127.0.0.1:{port}; location / {{ return 204; }} }} }}
"""


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(*pids: int) -> float:
    """User and system time of processes with all their threads."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def rss_mb(pid: int) -> float:
    """Resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


@contextmanager
def running(
    command: Sequence[str], log: Path, core: str = SERVER_CORE, **environ: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process pinned to a core; terminated, then killed, when the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", core, *command],
            stdout=output,
            stderr=output,
            env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")} | environ,
            preexec_fn=partial(die_with, os.getpid()),  # noqa: PLW1509 - system calls; a bench that is killed leaves nothing
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Returns once something listens; fails when the process has ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"process {process.pid} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on {port}")


@contextmanager
def nginx(folder: Path) -> Iterator[tuple[int, int]]:
    """An nginx that answers 204 to everything, one process; yields (port, pid)."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    with running(["nginx", "-c", str(config), "-p", str(folder)], folder / "nginx.log") as process:
        wait_for_port(port, process)
        yield port, process.pid
