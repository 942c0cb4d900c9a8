"""A Chroma server of one's own, as `chroma run` starts it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

_START_S = 60.0


@dataclass
class Server:
    """A server over a folder, which may be killed and started again at the same address."""

    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1"]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port), "--path", str(self.folder)], stdout=log, stderr=log
            )
        over = time.monotonic() + _START_S
        while time.monotonic() < over and self._process.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/api/v2/heartbeat").is_success:
                    return
            time.sleep(0.1)
        self.kill()
        raise AssertionError(f"chroma run did not start: see {self.folder}.log")

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """A server with nothing in it."""
    server = Server(folder, free_port())
    server.start()
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
