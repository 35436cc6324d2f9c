"""A booted Debian in a systemd-nspawn container, thrown away at the end; commands run inside it by nsenter.

Used by tests/system only; needs root. Of the container nothing is registered anywhere, it has no network but its own
loopback, and every change it makes to the prepared root stays in memory.
"""

import json
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

BOOT_S = 60
_PATH = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Container:
    """A running container; a context manager."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __enter__(self) -> "Container":
        began = time.monotonic()
        self._nspawn = subprocess.Popen(
            [
                "systemd-nspawn", "--quiet", "--volatile=overlay", f"--directory={self._root}", "--boot",
                "--register=no", "--keep-unit", "--console=pipe", "--private-network", "--machine=pos-agent-test",
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        while True:
            if self._nspawn.poll() is not None:
                raise AssertionError(f"the container did not boot: {self._nspawn.communicate()[0]}")
            if self._leader() and self.run("systemctl", "is-system-running", check=False) in ("running", "degraded"):
                break
            assert time.monotonic() - began < BOOT_S, "the container does not come up"
            time.sleep(0.1)
        self.boot_s = time.monotonic() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._nspawn.terminate()
        try:
            self._nspawn.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.communicate()

    def run(self, *command: str, check: bool = True, user: str = "", timeout_s: float = 60) -> str:
        """Run a command inside and give its stdout; raises AssertionError when it fails, unless `check` is False."""
        as_user = ("runuser", "-u", user, "--") if user else ()
        enter = ("nsenter", "-t", str(self._leader()), "-m", "-u", "-i", "-p", "-n", "-C", "-r", "-w", "--")
        clean = ("env", "-i", "-C", "/", _PATH, "LANG=C.UTF-8")
        done = subprocess.run(
            [*enter, *clean, *as_user, *command], capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0 or not check, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Write a file inside, readable by all."""
        file = self.path(path)
        file.write_text(text, encoding="utf-8")
        file.chmod(0o644)

    def path(self, inside: str) -> Path:
        """Where a file of the container is seen from outside."""
        return Path(f"/proc/{self._leader()}/root{inside}")

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """Properties of a unit."""
        lines = self.run("systemctl", "show", unit, f"--property={','.join(names)}").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def journal(self, unit: str) -> str:
        """Everything a unit and systemd said about it."""
        return self.run("journalctl", "--unit", unit, "--output", "cat", "--no-pager", check=False)

    def api(self) -> httpx.Client:
        """A client of the till's unix socket, from outside."""
        transport = httpx.HTTPTransport(uds=str(self.path("/var/lib/pos-agent/agent.sock")))
        return httpx.Client(transport=transport, base_url="http://localhost", timeout=10)

    def call(self, method: str, path: str, body: object = None, token: str = "") -> dict[str, Any]:
        """One call of the till's API that must succeed."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with self.api() as client:
            answer = client.request(method, path, json=body, headers=headers)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return dict(json.loads(answer.text))

    def _leader(self) -> int:
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text(encoding="ascii")
        return next((int(child) for child in children.split() if _name(int(child)) == "systemd"), 0)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
