"""`make mutants`: plant each bug of the catalogue into a copy of the tree and show that its killer notices.

A mutant that survives makes it exit 1, a harness that cannot judge makes it exit 2.

Before that each killer must pass on an untouched copy, and a sentinel proves that the copy is what runs, although the
environment has the real tree installed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.catalogue import MUTANTS, Mutant

_ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = (
    ".venv",
    ".git",
    "__pycache__",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    "build",
    "*.egg-info",
)
_TIMEOUT_S = 600
_SENTINEL = "planted by tests.mutants: the copy is what runs"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one killer ended."""

    mutant: Mutant
    killed: bool
    seconds: float
    word: str


class Broken(Exception):
    """The harness cannot judge: a patch that does not fit, a killer that fails by itself, a copy that does not run."""


def copy_tree(folder: Path) -> Path:
    """Copy what is under test."""
    copy = folder / "tree"
    shutil.copytree(_ROOT, copy, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    return copy


def plant(copy: Path, mutant: Mutant) -> None:
    """Apply a patch, which must fit exactly once and leave Python behind."""
    file = copy / mutant.file
    text = file.read_text(encoding="utf-8")
    changes = [(mutant.before, mutant.after), *([mutant.also] if mutant.also is not None else [])]
    for before, _ in changes:
        if text.count(before) != 1:
            raise Broken(f"{mutant.name}: its patch fits {text.count(before)} times in {mutant.file}")
    for before, after in reversed(changes):
        text = text.replace(before, after)
    compile(text, mutant.file, "exec")
    file.write_text(text, encoding="utf-8")


def run(copy: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run this interpreter on the copy: its folder comes before the environment's own path to the real tree."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy, env=environment, text=True, capture_output=True, timeout=_TIMEOUT_S, check=False,
    )  # fmt: skip


def kill(copy: Path, killer: str) -> "subprocess.CompletedProcess[str]":
    """Run a killer."""
    if killer.startswith("sim "):
        seed, days, stores, sales = killer.split()[1:]
        sizes = ("--seed", seed, "--days", days, "--stores", stores, "--sales", sales)
        return run(copy, "-m", "tests.simulation", *sizes)
    return run(copy, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", killer)


def check_sentinel() -> None:
    """Prove that what runs is the copy: a bug planted there, and only there, ends every program that imports it."""
    with tempfile.TemporaryDirectory(prefix="pos-mutants-") as folder:
        copy = copy_tree(Path(folder))
        file = copy / "agent" / "flow.py"
        file.write_text(f"raise SystemExit({_SENTINEL!r})\n", encoding="utf-8")
        for arguments in (("-c", "import agent.flow"), ("-m", "tests.simulation")):
            if _SENTINEL not in run(copy, *arguments).stderr:
                raise Broken("the real tree runs instead of the copy")


def check_killer(killer: str) -> str:
    """Let a killer run on an untouched copy; why it cannot judge, empty when it can."""
    with tempfile.TemporaryDirectory(prefix="pos-mutants-") as folder:
        done = kill(copy_tree(Path(folder)), killer)
        return (
            ""
            if done.returncode == 0
            else f"{killer} fails without any mutant:\n{done.stdout[-3000:]}{done.stderr[-1500:]}"
        )


def judge(mutant: Mutant) -> Verdict:
    """Plant one mutant and let its killer look."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="pos-mutants-") as folder:
        copy = copy_tree(Path(folder))
        plant(copy, mutant)
        imported = run(copy, "-c", f"import {mutant.file.removesuffix('.py').replace('/', '.')}")
        if imported.returncode != 0:
            raise Broken(f"{mutant.name}: the patched file does not even import:\n{imported.stderr[-1500:]}")
        try:
            code: int | None = kill(copy, mutant.killer).returncode
        except subprocess.TimeoutExpired:
            code = None
    if code not in (0, 1, None):
        raise Broken(f"{mutant.name}: {mutant.killer} ended with {code}, which is neither passed nor failed")
    word = "SURVIVED" if code == 0 else "killed" if code == 1 else "killed (hung)"
    return Verdict(mutant, code != 0, time.perf_counter() - started, word)


def main() -> int:
    """Judge all mutants, or those whose name contains a word."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("word", nargs="?", default="", help="only mutants whose name contains it")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if asked.word in mutant.name]
    try:
        check_sentinel()
        with ThreadPoolExecutor(asked.jobs) as pool:
            if wrong := [why for why in pool.map(check_killer, sorted({one.killer for one in chosen})) if why]:
                raise Broken("\n".join(wrong))
            verdicts = list(pool.map(judge, chosen))
    except Broken as error:
        print(f"BROKEN: {error}", file=sys.stderr)
        return 2
    for verdict in verdicts:
        killer = verdict.mutant.killer.rpartition("/")[2]
        print(f"{verdict.word:<14} {verdict.seconds:5.1f} s  {verdict.mutant.name:<50} {killer}")
    survivors = [verdict for verdict in verdicts if not verdict.killed]
    print(f"{len(verdicts) - len(survivors)} of {len(verdicts)} mutants killed")
    return 1 if survivors or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
