"""The prepared root is made once and kept; a container is booted once for a module's tests, which run in order."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.container import Container

CACHE = Path(os.environ.get("POS_AGENT_SYSTEM_CACHE", "/var/tmp/pos-agent-system"))


@pytest.fixture(scope="session")
def root() -> Path:
    """A Debian root with this tree installed by systemd/install.sh."""
    if os.geteuid() != 0:
        pytest.skip("SKIPPED FOR WANT OF ROOT: containers are booted by root only")
    for tool in ("systemd-nspawn", "mmdebstrap"):
        if shutil.which(tool) is None:
            pytest.skip(f"SKIPPED FOR WANT OF A TOOL: {tool} is not installed")
    subprocess.run([Path(__file__).with_name("build.sh"), CACHE], check=True)
    return CACHE / "rootfs"


@pytest.fixture(scope="module")
def box(root: Path) -> Iterator[Container]:
    """The booted container."""
    with Container(root) as running:
        yield running
