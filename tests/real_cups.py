"""A real cupsd of our own: its files in a temporary directory, one raw queue whose backend writes into a file.

Root only (cupsd checks who owns its backends). The backend obeys a file of orders: `ok`, `fail`, `hang`.
"""

import os
import select
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CUPSD = "/usr/sbin/cupsd"
_BACKEND = """#!/bin/sh
# Called as: backend job user title copies options [file]
[ $# -eq 0 ] && exit 0
case "$(cat {orders})" in
  fail) exit 1 ;;
  hang) touch {begun}; for i in $(seq 600); do [ "$(cat {orders})" = hang ] || exit 1; sleep 0.1; done; exit 1 ;;
esac
cat "$6" >> {paper} 2>/dev/null || cat >> {paper}
"""
_FILES = """User lp
Group lp
SystemGroup lpadmin
ServerRoot {root}
ServerBin {root}/bin
StateDir {root}/state
CacheDir {root}/cache
RequestRoot {root}/spool
TempDir {root}/temp
AccessLog {root}/access.log
ErrorLog {root}/error.log
PageLog {root}/page.log
FileDevice Yes
"""
_DAEMON = """Listen 127.0.0.1:{port}
Browsing Off
LogLevel debug
DefaultAuthType None
WebInterface No
<Location />
  Order allow,deny
  Allow localhost
</Location>
<Policy default>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""
_QUEUE = """<Printer pos>
DeviceURI capture:/dev
State {state}
Accepting Yes
Shared No
ErrorPolicy {policy}
</Printer>
"""


@dataclass(frozen=True, slots=True)
class Cups:
    """Where it listens, what came out, and how its backend behaves."""

    server: str
    folder: Path

    @property
    def paper(self) -> bytes:
        """Everything the backend was given."""
        found = self.folder / "paper.bin"
        return found.read_bytes() if found.exists() else b""

    def until_it_works(self) -> None:
        """Wait until the backend hangs in a job."""
        for _ in range(400):
            if (self.folder / "begun").exists():
                return
            select.select([], [], [], 0.025)
        raise AssertionError("the backend was never called")

    def let_go(self) -> None:
        """Let the backend that hangs fail."""
        self.order("fail")

    def order(self, what: str) -> None:
        """Tell the backend what to do with the next job."""
        (self.folder / "begun").unlink(missing_ok=True)
        (self.folder / "orders").write_text(what)


@contextmanager
def real_cups(*, policy: str = "abort-job", state: str = "Idle") -> Iterator[Cups]:
    """Run cupsd until the end of the block."""
    root = Path(f"/tmp/cups-{os.getpid()}-{os.urandom(3).hex()}")  # cupsd wants every folder above to be plain
    for name in ("bin/backend", "state", "cache", "spool/tmp", "temp", "ssl"):
        (root / name).mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for name in ("daemon", "notifier", "filter", "cgi-bin", "monitor"):
        if Path("/usr/lib/cups", name).exists():
            (root / "bin" / name).symlink_to(f"/usr/lib/cups/{name}")
    backend = root / "bin/backend/capture"
    backend.write_text(_BACKEND.format(orders=root / "orders", paper=root / "paper.bin", begun=root / "begun"))
    backend.chmod(0o700)
    (root / "cups-files.conf").write_text(_FILES.format(root=root))
    (root / "cupsd.conf").write_text(_DAEMON.format(port=port))
    (root / "printers.conf").write_text(_QUEUE.format(policy=policy, state=state))
    cups = Cups(f"http://127.0.0.1:{port}", root)
    cups.order("ok")
    process = subprocess.Popen(
        [CUPSD, "-f", "-c", str(root / "cupsd.conf"), "-s", str(root / "cups-files.conf")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _until_it_answers(port, process)
        yield cups
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(root, ignore_errors=True)


def _until_it_answers(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        assert process.poll() is None, "cupsd ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            process.returncode = None
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    raise AssertionError("cupsd does not listen")
