"""`pos-agent devices setup printer` as a shopkeeper lives it: with slips of the hand and of the cable."""

import asyncio
import contextlib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.devices import app
from agent.config import load
from drivers import probe_talk, serial_probe
from tests.device_tree import DeviceTree
from tests.ill_printer import IllPrinter, on_tcp
from tests.process_world import ProcessWorld, sale
from tests.real_cups import CUPSD, real_cups
from tests.serial_cable import PATIENCE_S
from tests.terminal import CTRL_C, CTRL_D, Terminal
from tests.wired_printer import SerialPrinter

EMPTY_MACHINE = ("--sys", "/nonexistent", "--dev", "/nonexistent")
HEAD = '# of the shop\n[hq]\nurl = "https://hq.example.com"  # ours\n'
ENGLISH = '[receipt]\nlanguage = "en"\n'


def config_in(folder: Path, text: str = HEAD) -> Path:
    path = folder / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def setup_with(config: Path, typed: str, *more: str) -> str:
    """Run it with everything typed ahead; what it said. Fails when it does not end well."""
    arguments = ["setup", "printer", "--config", str(config), *(more or EMPTY_MACHINE)]
    ran = CliRunner().invoke(app, arguments, input=typed)
    assert ran.exit_code == 0, ran.output
    return ran.output


def copies(config: Path) -> list[Path]:
    return list(config.parent.glob("agent.toml.before-*"))


def test_from_the_first_question_to_the_first_receipt(tmp_path: Path) -> None:
    """Wrong answers, a step back, a second page and a mended answer; then the agent prints with what was written."""
    ill = IllPrinter()

    async def work(port: int) -> None:
        async with ProcessWorld(tmp_path, extra='# kept\n[receipt]\nfooter = "谢谢" # said by the owner\n') as world:
            before = world.config.read_text(encoding="utf-8")
            answer_as_a_person(ill, port, world.config)
            after = world.config.read_text(encoding="utf-8")
            read = tomllib.loads(after)
            assert {key: value for key, value in read.items() if key != "printer"} == tomllib.loads(before)
            assert [line for line in before.splitlines() if line not in after.splitlines()] == []
            assert [one.read_text(encoding="utf-8") for one in copies(world.config)] == [before]
            profile = {"profile": "epson-80", "override": {"native_qr": False}}
            assert read["printer"] == [{"name": "receipt", "kind": "tcp", "host": "127.0.0.1", "port": port, **profile}]
            ill.paper.clear()
            await world.run()
            async with world.pos() as pos:
                (await pos.post("/v1/sales", json=sale(1))).raise_for_status()
                ill.until(lambda: "谢谢" in ill.text)

    async def within_patience(port: int) -> None:
        async with asyncio.timeout(3 * PATIENCE_S):
            await work(port)

    with on_tcp(ill) as port:
        asyncio.run(within_patience(port))


def answer_as_a_person(ill: IllPrinter, port: int, config: Path) -> None:
    terminal = Terminal("devices", "setup", "printer", "--config", str(config), *EMPTY_MACHINE)
    terminal.answer("要设置哪一台", "打印机")
    terminal.answer("也不像网络地址：打印机", f"１２７。0.0.1:{port}")
    terminal.answer("样张打出来了吗", "嗯")
    terminal.answer("请回答 y", "ｙ")
    terminal.wait_for("打印机会自己回报：状态")
    terminal.answer("A 哪把尺子", "9")
    terminal.answer("请输入其中一个数字：1, 2, 3", "")
    terminal.answer("请输入其中一个数字：1, 2, 3", "2")
    terminal.answer("B 哪一行汉字", "b")
    terminal.answer("A 哪把尺子", "r")
    ill.until(lambda: ill.text.count("F CUT") == 2)
    terminal.answer("A 哪把尺子", "3")
    for question, answer in (("B ", "1"), ("C ", "1"), ("D ", "0"), ("E ", "0"), ("F ", "1")):
        terminal.answer(question, answer)
    terminal.answer("打一张测试页吗", "")
    terminal.wait_for("打印机确认：打完了")
    terminal.answer("测试页对吗", "不")
    terminal.answer("哪一项不对", "二维码")
    terminal.answer("请输入一个字母", "c")
    terminal.answer("C 用手机扫", "2")
    terminal.answer("打一张测试页吗", "")
    terminal.answer("测试页对吗", "y")
    terminal.answer("叫什么名字", "小票机")
    terminal.answer("名字只能用", "")
    terminal.wait_for('+kind = "tcp"')
    terminal.answer("写进", "y")
    terminal.wait_for("已写入")
    terminal.answer("要设置哪一台", "")
    assert terminal.end() == 0, terminal.said
    assert "Traceback" not in terminal.said


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[SerialPrinter]:
    printer = SerialPrinter(tmp_path)
    yield printer
    with contextlib.suppress(OSError):
        printer.unplug()


@pytest.fixture
def machine(tmp_path: Path, wired: SerialPrinter) -> list[str]:
    """A machine with that printer behind a USB-serial adapter, and a scanner that is none of our business."""
    tree = DeviceTree(tmp_path)
    tree.tty("ttyUSB0", tree.usb("1-1", "1a86:7523", "QinHeng", "USB Serial"), wired.path)
    tree.tty("ttyACM0", tree.usb("1-2", "1eab:1c06", "Newland", "HR22"))
    return ["--sys", str(tree.sys), "--dev", str(tree.dev)]


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_whoever_leaves_after_the_cable_came_loose_reads_what_was_found_out(
    key: str, tmp_path: Path, wired: SerialPrinter, machine: list[str]
) -> None:
    """A device lost in the middle costs no answer; leaving writes nothing."""
    config = config_in(tmp_path)
    terminal = Terminal("devices", "setup", "printer", "--config", str(config), *machine)
    terminal.answer("要设置哪一台", "1")
    terminal.answer("确实是打印机吗", "y")
    terminal.wait_for("波特率是 9600")
    terminal.answer("XON/XOFF", "")
    terminal.answer("样张打出来了吗", "y")
    terminal.answer("A ", "1")
    terminal.wait_for("B ")
    wired.unplug()
    terminal.type("r\n")
    terminal.wait_for("打不了：打印机连接不上")
    for question, answer in (("B ", "1"), ("C ", "1"), ("D ", "0"), ("E ", "2"), ("F ", "2")):
        terminal.answer(question, answer)
    terminal.answer("打一张测试页吗", "y")
    terminal.wait_for("打不了：打印机连接不上")
    wired.plug()
    terminal.answer("再打一次吗", "y")
    terminal.wait_for("测试页对吗")
    assert terminal.leave(key) == 130, terminal.said
    shown = terminal.said[terminal.said.index("[[printer]]") : terminal.said.index("已退出")]
    (found,) = tomllib.loads(shown)["printer"]
    assert (found["kind"], found["baud"], found["flow"]) == ("serial", 9600, "none")
    assert (found["profile"], found["override"]["drawer_pin"]) == ("escpos-58", 1)
    assert config.read_text(encoding="utf-8") == HEAD
    assert copies(config) == []


def test_leaving_at_once_says_so(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    arguments = ["setup", "printer", "--config", str(config), *EMPTY_MACHINE]
    ran = CliRunner().invoke(app, arguments, input="")
    assert ran.exit_code == 130
    assert "配置文件没有改动" in ran.output


def test_a_mute_serial_printer_is_found_by_the_line_that_can_be_read(
    tmp_path: Path, wired: SerialPrinter, machine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serial_probe, "_ANSWER_S", 0.1)  # seconds at each speed, and behind the page
    monkeypatch.setattr(probe_talk, "_SETTLE_S", 0.1)
    wired.ill.silent = True
    config = config_in(tmp_path, HEAD + ENGLISH)
    said = setup_with(config, "1\ny\n3\ny\ny\n2\n1\n2\n1\n1\nn\n\ny\n\n", *machine, "--no-drawer")
    assert "cannot answer" in said
    assert [f"[{number}]" in wired.ill.text for number in range(1, 6)] == [True] * 5
    assert not [token for token in wired.ill.paper if token.name == b"\x1bp"]
    (found,) = load(config).printer
    assert (found.baud, found.flow, found.profile) == (38400, "xonxoff", "generic-80")
    assert found.override == {"columns": 42, "width_dots": 512, "beeper": "esc_b"}


def test_nothing_is_sent_to_a_port_that_nobody_vouched_for(
    tmp_path: Path, wired: SerialPrinter, machine: list[str]
) -> None:
    said = setup_with(config_in(tmp_path), "1\nn\n\n", *machine)
    assert "HR22" not in said
    assert wired.ill.paper == []


def test_paper_that_is_out_is_told_and_a_printer_set_up_again_keeps_name_and_own_keys(tmp_path: Path) -> None:
    ill = IllPrinter()
    ill.out = True
    with on_tcp(ill) as port:
        mine = f'[[printer]]\nname = "door"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {port}\nwatch_s = 0 # shared\n'
        config = config_in(tmp_path, HEAD + mine + ENGLISH)
        said = setup_with(config, f"127.0.0.1:{port}\nn\n\n")
        assert "Out of paper" in said
        assert ill.paper == []
        ill.new_roll()
        setup_with(config, f"127.0.0.1:{port}\ny\n3\n1\n1\n0\n1\n1\nn\n\ny\n\n")
        text = config.read_text(encoding="utf-8")
        said = setup_with(config, f"127.0.0.1:{port}\ny\n3\n1\n1\n0\n1\n1\nn\n\n\n")
    assert "says just that already" in said
    assert config.read_text(encoding="utf-8") == text
    (found,) = load(config).printer
    assert (found.name, found.profile, found.watch_s) == ("door", "epson-80", 0)
    assert "watch_s = 0 # shared" in text


def test_a_page_that_broke_off_inside_a_picture_does_not_eat_the_next_one(tmp_path: Path) -> None:
    ill = IllPrinter()
    ill.hang_up_after = 3000
    with on_tcp(ill) as port:
        config = config_in(tmp_path, HEAD + ENGLISH)
        said = setup_with(config, f"127.0.0.1:{port}\n\ny\n3\n1\n1\n0\n1\n1\nn\n\ny\n\n")
        ill.until(lambda: "F CUT" in ill.text)
    assert "Print it again?" in said
    assert ill.text.count("POS PRINTER PROBE") == 2
    assert load(config).printer[0].profile == "epson-80"


def test_no_to_the_difference_writes_nothing_and_shows_the_table(tmp_path: Path) -> None:
    ill = IllPrinter()
    with on_tcp(ill) as port:
        config = config_in(tmp_path)
        said = setup_with(config, f"127.0.0.1:{port}\ny\n3\n1\n1\n0\n1\n1\nn\n\nn\n\n")
    assert tomllib.loads(said[said.rindex("[[printer]]") : said.rindex("没有找到插着")])["printer"][0]["port"] == port
    assert config.read_text(encoding="utf-8") == HEAD
    assert copies(config) == []


@pytest.mark.system("cupsd")
@pytest.mark.skipif(os.geteuid() != 0, reason="cupsd checks who owns its backends: root only")
def test_a_queue_of_this_machine_is_offered_and_set_up(tmp_path: Path) -> None:
    if not Path(CUPSD).exists():
        pytest.skip("cupsd is missing (apt install cups-daemon): queues were NOT offered")
    config = config_in(tmp_path, HEAD + ENGLISH)
    with real_cups() as cups:
        typed = "1\ny\n3\n1\n2\n0\n0\n1\ny\ny\n\ny\n\n"
        said = setup_with(config, typed, *EMPTY_MACHINE, "--cups", cups.server)
        assert "capture:/dev" in said
        assert b"PROBE" in cups.paper
        assert b"\x1d(H" not in cups.paper, "nobody would hear the answer"
    (found,) = load(config).printer
    assert (found.kind, found.queue, found.profile, found.override) == ("cups", "pos", "generic-80", {})
