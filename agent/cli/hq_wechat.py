"""Commands of headquarters about WeChat Pay: `pos-agent hq wechat ...`. Joined by agent.cli.hq_group; docs/wechat.md.

Keys come from files or standard input, never from the command line, which other users of the machine can read.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.common import EXIT_DIFFERENT, plain_errors
from agent.cli.hq_ask import DEFAULT_DATA, BrandOption, DataOption, at_hq
from agent.domain.errors import ConfigError
from agent.domain.money import yuan
from sync.wechat.cards import Generation

app = typer.Typer(no_args_is_help=True, help="WeChat Pay: keys, bills, differences, member cards.")
MchArgument = Annotated[str, typer.Argument(help="Merchant number (of the service provider, in partner mode).")]


@app.command()
def add(
    mch: MchArgument,
    appid: Annotated[str, typer.Argument(help="Its appid.")],
    direct: Annotated[bool, typer.Option("--direct", help="A direct merchant; else a service provider.")] = False,
    v2_key: Annotated[Path | None, typer.Option("--v2-key-file", help="File with the v2 API key; - is stdin.")] = None,
    hmac: Annotated[bool, typer.Option("--hmac", help="v2 signs with HMAC-SHA256 instead of MD5.")] = False,
    v3_key: Annotated[Path | None, typer.Option("--v3-key-file", help="File with the APIv3 key.")] = None,
    private_key: Annotated[Path | None, typer.Option("--private-key", help="apiclient_key.pem.")] = None,
    serial: Annotated[str, typer.Option(help="Serial of the merchant's certificate.")] = "",
    base_url: Annotated[str, typer.Option(help="WeChat's backup host; without it the usual one is called.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Enter a merchant's keys, or new ones. They are sealed at headquarters and shown nowhere again."""
    ask: dict[str, Any] = {
        "mch_id": mch, "appid": appid, "is_partner": not direct, "base_url": base_url, "v2_key": _secret(v2_key),
        "hmac": hmac, "v3_key": _secret(v3_key), "serial": serial, "private_key": _secret(private_key),
    }  # fmt: skip
    at_hq(data, "wechat/accounts", ask)
    print(f"the keys of {mch} are sealed; delete the files they came from")


@app.command()
def trust(
    mch: MchArgument,
    serial: Annotated[str, typer.Argument(help="PUB_KEY_ID_... or a platform certificate's serial.")] = "",
    file: Annotated[Path | None, typer.Argument(help="pub_key.pem, or the certificate.")] = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Trust WeChat's public key; without one, fetch the platform certificates under a key trusted already."""
    with plain_errors():
        if bool(serial) != bool(file):
            raise ConfigError(["give both the serial and its file, or neither"])
    done = at_hq(data, "wechat/trusted", {"mch_id": mch, "serial": serial, "pem": _secret(file)})
    print("trusted: " + (", ".join(done["serials"]) or "WeChat gave no certificate"))


@app.command()
def sub(
    mch: MchArgument,
    sub_mch: Annotated[str, typer.Argument(help="Sub-merchant number.")],
    sub_appid: Annotated[str, typer.Argument(help="The brand's own appid.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Name the appid in calls for a sub-merchant that has bound several: without it WeChat names no sub_openid."""
    at_hq(data, "wechat/subs", {"mch_id": mch, "sub_mch_id": sub_mch, "sub_appid": sub_appid})
    print(f"{sub_mch} is asked under {sub_appid}")


@app.command("list")
def list_(data: DataOption = DEFAULT_DATA) -> None:
    """List merchants, whose signatures are trusted, and what ails them. No key is shown."""
    done = at_hq(data, "wechat/list", {})
    for one in done["accounts"]:
        mode = "service provider" if one["is_partner"] else "direct"
        has = ", ".join(name for name in ("v2", "v3") if one[f"has_{name}"])
        print(f"{one['mch_id']}  {mode}  keys: {has}  trusts: {', '.join(one['trusted']) or 'nobody'}")
        if one["trouble"]:
            print(f"  trouble: {one['trouble']} (docs/wechat.md, Troubles)")
    if not done["accounts"]:
        print("no merchant is entered")


@app.command()
def bill(
    mch: MchArgument,
    date: Annotated[str, typer.Option("--date", help="YYYY-MM-DD in Beijing; there from 10 o'clock the next day.")],
    file: Annotated[Path | None, typer.Option(help="A bill of type ALL downloaded by hand.")] = None,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Check a day's trade bill against what tills booked. Exit code 3 when they differ."""
    ask = {"mch_id": mch, "day": date, "path": str(file.resolve()) if file else ""}
    report = at_hq(data, "wechat/bills", ask)["report"]
    print(f"{date}  WeChat: {report['payments']} payments, {yuan(report['total_fen'])} yuan")
    print(f"{date}  booked: {report['booked']} payments, {yuan(report['booked_fen'])} yuan")
    print(f"{date}  refunds at WeChat: {report['refunds']}, {yuan(report['refund_fen'])} yuan (counted, not matched)")
    _show(report["differences"])
    if report["differences"]:
        raise typer.Exit(EXIT_DIFFERENT)


@app.command("differences")
def differences(
    mch: Annotated[str, typer.Argument(help="Only this merchant.")] = "",
    date: Annotated[str, typer.Option("--date", help="Only this day.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """List open differences between tills and WeChat, both sides, newest first."""
    _show(at_hq(data, "wechat/differences", {"mch_id": mch, "day": date})["differences"])


@app.command()
def card(
    brand: BrandOption,
    generation: Annotated[Generation, typer.Option(help="link: own page; open: 会员卡; brand: 商家名片会员.")],
    mch: Annotated[str, typer.Option("--mch", help="Merchant number that calls for it.")] = "",
    card_id: Annotated[str, typer.Option("--card", help="card_id.")] = "",
    wechat_brand: Annotated[str, typer.Option("--wechat-brand", help="WeChat's brand_id.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Say which member card a brand has at WeChat."""
    ask = {
        "brand_id": brand, "generation": generation.value, "mch_id": mch, "card_id": card_id,
        "wechat_brand_id": wechat_brand,
    }  # fmt: skip
    at_hq(data, "wechat/cards", ask)
    print(f"{brand} has a card of generation {generation.value}")


@app.command("link-card")
def link_card(
    member: Annotated[str, typer.Argument(help="Member number.")],
    brand: BrandOption,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Say which card is a member's. Standard input: card code, openid (or an empty line), points WeChat shows now."""
    code, openid, shown = [*(line.strip() for line in sys.stdin.read().split("\n")), "", "", ""][:3]
    with plain_errors():
        if not shown.isdigit() and shown:
            raise ConfigError(["the third line is the points WeChat shows now, a whole number"])
    ask: dict[str, Any] = {"brand_id": brand, "member_number": member, "code": code, "openid": openid}
    at_hq(data, "wechat/links", {**ask, "shown": int(shown or "0")})
    print("linked; WeChat is told the balance next")


@app.command()
def join(
    brand: BrandOption,
    scene: Annotated[str, typer.Argument(help="Where the QR is shown, e.g. the store id.")],
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print the address of a join QR, by the generation of the brand's card."""
    print(at_hq(data, "wechat/join", {"brand_id": brand, "scene": scene})["url"])


def _secret(file: Path | None) -> str:
    """Read a key; nothing when no file is named."""
    if file is None:
        return ""
    with plain_errors():
        try:
            return (sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{file} cannot be read"]) from error


def _show(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(f"{row['day']}  {row['code']}  {row['transaction_id']}")
        print(f"  ours:   {row['ours']}\n  WeChat: {row['theirs']}")
    if not rows:
        print("nothing differs")
