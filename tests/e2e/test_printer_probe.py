"""`pos-agent devices probe` on a printer behind TCP: samples come out, six numbers go in, a profile is named."""

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.whole import app
from drivers.profiles import changed, profile
from tests.ill_printer import IllPrinter, on_tcp


def configuration(folder: Path, port: int) -> str:
    path = folder / "agent.toml"
    path.write_text(
        f'[hq]\nurl = "https://hq.example.com"\n[[printer]]\nname = "till"\nkind = "tcp"\n'
        f'host = "127.0.0.1"\nport = {port}\n'
    )
    return str(path)


def lines(output: str) -> dict[str, object]:
    return tomllib.loads(
        "\n".join(line for line in output.splitlines() if line.startswith(("profile =", "override =")))
    )


def test_a_shopkeeper_answers_six_numbers(tmp_path: Path) -> None:
    ill = IllPrinter()
    with on_tcp(ill) as port:
        config = configuration(tmp_path, port)
        ran = CliRunner().invoke(app, ["devices", "probe", "-c", config], input="3\n9\n1\n1\n0\n2\n1\n")
        assert ran.exit_code == 0, ran.output
        ill.until(lambda: "F CUT" in ill.text)
        assert [token.data[2] for token in ill.paper if token.name == b"\x1bp"] == [0, 1]
    found = lines(ran.output)
    kind = changed(profile(str(found["profile"])), found.get("override", {}))  # type: ignore[arg-type]
    assert (kind.columns, kind.native_qr, kind.drawer_pin, kind.completion) == (48, True, 1, "gs_h")


def test_the_drawer_stays_shut_and_given_numbers_print_nothing(tmp_path: Path) -> None:
    ill = IllPrinter()
    with on_tcp(ill) as port:
        config = configuration(tmp_path, port)
        ran = CliRunner().invoke(app, ["devices", "probe", "-c", config, "--no-drawer"], input="1\n1\n2\n0\n2\n")
        assert ran.exit_code == 0, ran.output
        ill.until(lambda: "F CUT" in ill.text)
        assert not [token for token in ill.paper if token.name == b"\x1bp"]
        ill.paper.clear()
        ran = CliRunner().invoke(app, ["devices", "probe", "-c", config, "--answers", "1,1,2,0,0,2"])
        assert ran.exit_code == 0, ran.output
        assert ill.paper == []
    assert lines(ran.output) == {"profile": "escpos-58", "override": {"native_qr": False}}


@pytest.mark.parametrize("arguments", [["--answers", "1,2"], ["--answers", "9,1,2,0,0,2"], ["--name", "kitchen"]])
def test_what_cannot_be_done_says_why(tmp_path: Path, arguments: list[str]) -> None:
    ill = IllPrinter()
    with on_tcp(ill) as port:
        config = configuration(tmp_path, port)
        ran = CliRunner().invoke(app, ["devices", "probe", "-c", config, *arguments])
    assert ran.exit_code == 1
    assert "Traceback" not in ran.output
