"""Fixtures of tests that look at HQ's console in a real Chromium: import `browser` and `served` and name them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.console_world import ServedHq, served_hq, troubled_store, wechat_trouble


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a module's tests."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHq]:
    """A headquarters with trouble in a store and with WeChat."""
    with served_hq(tmp_path_factory.mktemp("console")) as found:
        till = found.run(troubled_store(found.hq, found.clock, found.members))
        found.run(wechat_trouble(found.hq, till, found.clock))
        yield found
