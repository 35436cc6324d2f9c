"""Which programs have a device open, as far as /proc lets this user look.

Called by drivers.keyboard for a hint and by drivers.device_faults. Other users' programs stay unseen without root.
"""

import os
from pathlib import Path


def holders(path: str, proc: Path = Path("/proc")) -> list[str]:
    """Give `name (pid)` of each other program that has the device open, sorted."""
    real = os.path.realpath(path)
    found: list[str] = []
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(str(link.readlink()) == real for link in (process / "fd").iterdir()):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(f"{name} ({process.name})")
        except OSError:  # not ours to look at, or gone meanwhile
            continue
    return sorted(found)
