"""A receipt printer on a serial cable that can be pulled out and plugged in again."""

import os
import threading
import tty
from pathlib import Path

from tests.ill_printer import IllPrinter
from tests.serial_cable import PATIENCE_S


class SerialPrinter:
    """A printer on a pty behind a fixed name, whose cable can be pulled."""

    def __init__(self, folder: Path) -> None:
        self.ill = IllPrinter()
        self.path = folder / "ttyUSB0-cable"
        self.plug()

    def plug(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path.symlink_to(os.ttyname(self._slave))
        self.ill.go_on()
        self._thread = threading.Thread(target=self.ill.serve, args=(self._master,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        self.ill.stop()
        self._thread.join(PATIENCE_S)
        self.path.unlink()
        os.close(self._slave)
        os.close(self._master)
