"""Documents that cannot rot: example configuration, keys, codes, links and commands, checked against the code."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel

from agent.cli.hq import app as hq_app
from agent.cli.whole import app
from agent.config import (
    ApiSection,
    HqSection,
    HwProxySection,
    ReceiptSection,
    Settings,
    WorkstationSection,
    parse,
)
from agent.config_printer import PrinterSection
from agent.config_scanner import PassthroughSection, ScannerSection
from agent.wording import SENTENCES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "systemd" / "agent.example.toml"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SECTIONS: dict[str, type[BaseModel]] = {
    "hq": HqSection,
    "workstation": WorkstationSection,
    "api": ApiSection,
    "scanner": ScannerSection,
    "passthrough": PassthroughSection,
    "printer": PrinterSection,
    "receipt": ReceiptSection,
    "hw_proxy": HwProxySection,
}
KEYS = [name for name in Settings.model_fields if name not in SECTIONS] + [
    f"{section}.{name}" for section, model in SECTIONS.items() for name in model.model_fields
]
_HOSTS = re.compile(r"(?:127\.0\.0\.1|localhost|(?:[a-z]+\.)?example\.com|keepachangelog\.com|semver\.org)(?::\d+)?")
_COMMAND = r"(?<![\w@.\-])pos-agent +(?!pos-agent)([a-z][a-z-]*)(?: +([a-z][a-z-]*))?"
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


def _uncommented(text: str) -> str:
    """The example with every key in force: `#key = ...` is a key, `# words` are words."""
    return re.sub(r"^#(?=[a-z_]+ = )", "", text, flags=re.MULTILINE)


def _name(document: Path) -> str:
    return str(document.relative_to(ROOT))


def _commands(text: str) -> Iterator[tuple[str, str]]:
    for code in _CODE.findall(text):
        yield from re.findall(_COMMAND, code)


def _subcommands(of: typer.Typer) -> set[str]:
    return set(typer.main.get_group(of).commands)


def test_the_example_configuration_is_valid_as_shipped() -> None:
    settings = parse(EXAMPLE.read_text(encoding="utf-8"), source=EXAMPLE.name)
    assert [one.name for one in settings.scanner + settings.printer] == ["counter", "receipt"]


def test_commented_keys_of_the_example_are_valid_and_show_the_defaults() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert _uncommented(text) != text
    assert parse(_uncommented(text)) == parse(text)


def test_the_example_has_every_key() -> None:
    raw = tomllib.loads(_uncommented(EXAMPLE.read_text(encoding="utf-8")))
    assert set(raw) == set(Settings.model_fields)
    for section, model in SECTIONS.items():
        written = raw[section][0] if isinstance(raw[section], list) else raw[section]
        assert set(written) == set(model.model_fields), section


@pytest.mark.parametrize("key", KEYS)
def test_operations_name_every_key(key: str) -> None:
    assert f"| `{key}` |" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_every_code_is_documented(code: str) -> None:
    """Codes a till's caller meets stand in till-api.md, those of HQ in wire.md and console.md."""
    names = ("till-api.md", "wire.md", "console.md")
    documents = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in names]
    assert any(f"`{code}`" in text for text in documents)


def test_every_command_is_in_operations() -> None:
    told = set(_commands((ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert {first for first, _ in told} == _subcommands(app)
    assert {second for first, second in told if first == "hq"} == _subcommands(hq_app)


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_commands_in_documents_exist(document: Path) -> None:
    for first, second in _commands(document.read_text(encoding="utf-8")):
        assert first in _subcommands(app), first
        assert first != "hq" or second in _subcommands(hq_app), second


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_links_resolve(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = document.parent / path if path else document
        assert found.exists(), target
        assert not anchor or anchor in _anchors(found), target


def _anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [*DOCUMENTS, EXAMPLE], ids=_name)
def test_documents_name_no_index_and_no_machine(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for host in re.findall(r"https?://([^/\s'\"`)<>|&?]+)", text):
        assert _HOSTS.fullmatch(host.rstrip(".,;")) or host == "...", host
    assert not re.search(r"index.url|/(?:root|home|work|tmp)/", text)
