"""What every test run obeys: skips are loud, and forbidden where FORBID_SKIPS is set (CI)."""

import os
import shutil

import pytest
from hypothesis import settings

collect_ignore = ["api_fuzz_hooks.py"]  # loaded by schemathesis in a process of its own, and acts when it is imported

# A change lands or not by what it does, not by today's dice: the same examples each time. The search for new ones
# has its place in `make test-long`, where HYPOTHESIS_PROFILE=search is set.
settings.register_profile("same", derandomize=True, deadline=None, database=None)
settings.register_profile("search", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

LONGEST = (
    "tests/simulation/test_world.py",
    "tests/e2e/test_cli.py",
    "tests/e2e/test_every_column.py",
    "tests/e2e/test_disk_full.py",
    "tests/unit/test_snapshot_load.py",
    "tests/contract/test_console_postgres.py",
    "tests/e2e/test_sigkill.py",
    "tests/e2e/test_wrong_clock.py",
    "tests/e2e/test_last_breath.py",
    "tests/e2e/test_demo.py",
    "tests/e2e/test_file_modes.py",
    "tests/e2e/test_api_fuzz.py",
    "tests/unit/test_lease_machine.py",
    "tests/e2e/test_kit_conformance.py",
    "tests/e2e/test_hq_postgresql.py",
    "tests/e2e/test_training_page.py",
    "tests/e2e/test_training_switch.py",
)
"""Files that take longest, the longest first: begun last, one of them would be what all others wait for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; all others as they come."""
    place = {file: number for number, file in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(place)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, loudly, a test whose system tool is not installed."""
    for marker in item.iter_markers("system"):
        for tool in marker.args:
            if shutil.which(tool) is None:
                pytest.skip(f"SKIPPED FOR WANT OF A TOOL: {tool} is not installed (make test installs it as root)")


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the very end how much was not tested."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.section(f"{len(skipped)} TESTS WERE SKIPPED: this run proves less", sep="!", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With FORBID_SKIPS a skip fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("FORBID_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
