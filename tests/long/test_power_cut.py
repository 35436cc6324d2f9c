"""Promise 1, power cut: the real books on a disk that drops what was not fsynced. And the same test sees the mutant."""

import contextlib
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system("fusermount3"), pytest.mark.timeout(900)]
STATES = 40


def one_state(folder: Path, seed: int, synchronous: str) -> str:
    """Sell until the power goes, look at the platter; what is wrong with it, or nothing."""
    backing, mount, keys = folder / "platter", folder / "mount", folder / "keys"
    for one in (backing, mount, keys):
        one.mkdir(parents=True)
    cut_at = random.Random(seed).randrange(150, 1500)
    command = [sys.executable, "-m", "tests.long.lossy_fs", str(backing), str(mount), str(seed), str(cut_at)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as disk:
        try:
            while not mount.is_mount():
                assert disk.poll() is None, disk.communicate()[0]
            writing = [sys.executable, "-m", "tests.long.books_writer", str(mount), str(keys), synchronous]
            told = subprocess.run(writing, capture_output=True, text=True, timeout=120, check=False)
        finally:
            subprocess.run(["fusermount3", "-u", "-z", mount], check=True)
        said = disk.communicate(timeout=30)[0]
    acknowledged = len(told.stdout.split())
    assert told.returncode or "power cut" not in said, "the power went and nobody noticed"
    return verdict(backing / "books.db", acknowledged)


def verdict(path: Path, acknowledged: int) -> str:
    """Acknowledged <= stored <= acknowledged + 1, contiguous, sound."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as books:
            sound = books.execute("PRAGMA integrity_check").fetchone()[0]
            if not books.execute("SELECT 1 FROM sqlite_schema WHERE name = 'events'").fetchone():
                return "" if acknowledged == 0 else f"{acknowledged} acknowledged, no table left"
            seqs = [row[0] for row in books.execute("SELECT seq FROM events ORDER BY seq")]
    except sqlite3.DatabaseError as error:
        return f"{acknowledged} acknowledged, unreadable: {error}"
    if sound != "ok":
        return f"not sound: {sound[:80]}"
    if seqs != list(range(1, len(seqs) + 1)):
        return "a gap"
    if not acknowledged <= len(seqs) <= acknowledged + 1:
        return f"{acknowledged} acknowledged, {len(seqs)} stored"
    return ""


def bad_states(folder: Path, synchronous: str, states: int) -> list[str]:
    """What is wrong, by seed, after so many power cuts."""
    found = ((seed, one_state(folder / f"{synchronous}-{seed}", seed, synchronous)) for seed in range(states))
    return [f"seed {seed}: {wrong}" for seed, wrong in found if wrong]


def test_forty_power_cuts_lose_nothing_acknowledged(tmp_path: Path) -> None:
    assert bad_states(tmp_path, "FULL", STATES) == []


def test_the_same_cuts_find_the_mutant_that_does_not_sync(tmp_path: Path) -> None:
    """The test has teeth: with synchronous=OFF acknowledged sales are gone, or the file is broken."""
    assert bad_states(tmp_path, "OFF", 8)
