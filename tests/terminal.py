"""A command in a terminal of its own: what it says is read, what a person types is sent. For tests of dialogues."""

import os
import select
import subprocess
import sys
import termios
from pathlib import Path
from typing import Final

import pytest

PATIENCE_S: Final = 60.0
CTRL_C: Final = "\x03"
CTRL_D: Final = "\x04"
_ROOT: Final = Path(__file__).parents[1]


class Terminal:
    """`python -m agent` with these arguments, on a pty as its controlling terminal."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = os.openpty()
        settings = termios.tcgetattr(slave)
        settings[3] &= ~termios.ECHO  # what is typed is not read back as said
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        # setsid makes a session that the pty becomes the terminal of, so that Ctrl-C is a signal; env undoes what a
        # shell does to commands in its background, whose children ignore it.
        self.process = subprocess.Popen(
            ["env", "--default-signal=INT", "setsid", "--ctty", sys.executable, "-m", "agent", *arguments],
            stdin=slave, stdout=slave, stderr=slave, cwd=_ROOT, env={**os.environ, "LANG": "C.UTF-8"},
        )  # fmt: skip
        os.close(slave)
        self.said = ""
        self._seen = 0

    def wait_for(self, text: str) -> None:
        """Read until the command has said this, behind what was waited for before."""
        while (at := self.said.find(text, self._seen)) < 0:
            ready, _, _ = select.select([self.master], [], [], PATIENCE_S)
            assert ready, self.said
            if not self.read():
                pytest.fail(f"ended without {text!r}:\n{self.said}")
        self._seen = at + len(text)

    def read(self) -> bool:
        """Take in a piece of what it says; False at the end."""
        try:
            part = os.read(self.master, 4096)
        except OSError:
            return False
        self.said += part.decode(errors="replace").replace("\r\n", "\n")
        return bool(part)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.master, text.encode())

    def answer(self, question: str, text: str) -> None:
        """Wait for a question, and answer it with a line."""
        self.wait_for(question)
        self.type(text + "\n")

    def leave(self, key: str) -> int:
        """Press a key until the command ends; the exit code.

        One that comes while a question is being put may be lost, as with any program that reads lines: a person presses
        it again.
        """
        self.type(key)
        while True:
            ready, _, _ = select.select([self.master], [], [], 2)
            if not ready:
                self.type(key)
            elif not self.read():
                return self.end()

    def end(self) -> int:
        """Read what is left and give the exit code."""
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait(PATIENCE_S)
