"""Names of what lies in headquarters' directory. Read by sync.hq.main, sync.hq.move and the commands."""

from typing import Final

DATABASE: Final = "hq.db"
KEY_FILE: Final = "hq.key"
SOCKET: Final = "hq.sock"
"""Where commands of the same machine ask a running headquarters."""
SNAPSHOTS: Final = "snapshots"
UPLOADS: Final = "uploads"
