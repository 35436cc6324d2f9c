"""Commands of headquarters: `pos-agent hq init | enrol | import | coupon | freeze | serve | token`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.cli.common import plain_errors, run_service
from agent.cli.hq_ask import DEFAULT_DATA, BrandOption, DataOption, at_hq, bars
from agent.domain.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True, help="Headquarters: enrol workstations, import members and prices, serve stores."
)
DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="POS_AGENT_HQ_DATABASE",
        help="postgresql://user@host/database, without a password (PGPASSWORD, PGPASSFILE); else a file in --data.",
    ),
]


@app.command()
def init(
    brand: Annotated[str, typer.Argument(help="Brand id, e.g. shu.")],
    name: Annotated[str, typer.Argument(help="Brand name as customers know it.")],
    join_url: Annotated[str, typer.Option(help="Join page; the receipt's QR adds the claim to it.")] = "",
    data: DataOption = DEFAULT_DATA,
    database: DatabaseOption = "",
) -> None:
    """Create headquarters (database and keys) and a brand; run again to add another brand."""
    from sync.hq.db.address import record, settled

    with plain_errors():
        address = settled(data, database, os.environ)
    at_hq(data, "brands", {"brand_id": brand, "name": name, "join_url": join_url}, database=address)
    record(data, address)
    where = data / "hq.db" if address is None else address.url
    print(f"brand {brand} {name} in {where}; keep {data / 'hq.key'} safe: it is the only copy of HQ's keys")


@app.command()
def enrol(
    store: Annotated[str, typer.Argument(help="Store id, e.g. S001.")],
    workstation: Annotated[str, typer.Argument(help="Workstation id, e.g. S001-1.")],
    name: Annotated[str, typer.Option(help="Store name; needed for a new store.")] = "",
    brand: BrandOption = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print a one-time code with which a cashier PC becomes this workstation (`pos-agent enrol CODE`)."""
    ask = {"brand_id": brand, "store_id": store, "store_name": name, "workstation_id": workstation}
    print(at_hq(data, "workstations", ask)["code"])


@app.command("import")
def import_(
    what: Annotated[
        str,
        typer.Argument(help="members, items, merchants, batches, coupons, cards, gifts, slots (CSV) or rules (JSON)."),
    ],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    brand: BrandOption,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows of a file with bad ones.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Import members, prices, coupons or rules; reports every bad row and imports nothing of a file with one."""
    ask: dict[str, Any] = {"what": what, "brand_id": brand, "path": str(file.resolve()), "skip_bad": skip_bad}
    with bars() as told:
        done = at_hq(data, "imports", ask, progress=told)
    if "rules_new" in done:
        for warning in done["warnings"]:
            print(f"warning: {warning}")
        print("a new version of the rules is in force" if done["rules_new"] else "these rules were in force already")
        return
    report = done["report"]
    for fault in report["faults"]:
        print(f"line {fault['line']}: {fault['reason']}")
    for warning in report["warnings"]:
        print(f"line {warning['line']}: warning: {warning['reason']}")
    if report["tiers_unchecked"]:
        print(
            f"warning: brand {brand} has no rules yet, so the tiers of these members could not be checked;"
            " import the rules, then this file again",
            file=sys.stderr,
        )
    counts = ", ".join(f"{report[name]} {name}" for name in ("created", "updated", "unchanged", "bad"))
    print(f"nothing was imported: {counts}" if report["rejected"] else counts)
    if report["rejected"]:
        raise typer.Exit(1)


@app.command()
def coupon(
    brand: BrandOption,
    batch: Annotated[str, typer.Option(help="Issue a coupon of this batch.")] = "",
    member: Annotated[str, typer.Option(help="To this member number.")] = "",
    withdraw: Annotated[str, typer.Option(help="Withdraw the coupon of this id.")] = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Issue one coupon (`--batch`, `--member`) and print its code, or withdraw one (`--withdraw`)."""
    with plain_errors():
        if bool(batch) != bool(member) or bool(batch) == bool(withdraw):
            raise ConfigError(["give --batch and --member, or --withdraw"])
    ask = {"brand_id": brand, "batch_id": batch, "member_number": member, "coupon_id": withdraw}
    done = at_hq(data, "coupons", ask)
    if batch:
        from agent.domain.coupon_batch import CODE_PREFIX

        print(CODE_PREFIX + done["coupon_id"])
        return
    print("withdrawn" if done["withdrawn"] else "this coupon was used or withdrawn before")


@app.command()
def freeze(
    member: Annotated[str, typer.Argument(help="Member number.")],
    reason: Annotated[str, typer.Argument(help="Why; kept with the decision.")],
    brand: BrandOption,
    release: Annotated[bool, typer.Option("--release", help="End a freeze, also those that tills made.")] = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Freeze what a member may spend, or release it; tills know with the member's next row."""
    at_hq(data, "freezes", {"brand_id": brand, "member_number": member, "frozen": not release, "reason": reason})
    print("released" if release else "frozen")


@app.command()
def serve(
    data: DataOption = DEFAULT_DATA,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8788,
    certificate: Annotated[
        Path | None, typer.Option(help="TLS certificate chain (PEM); needed off this machine.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="TLS private key (PEM).")] = None,
    database: DatabaseOption = "",
    connections: Annotated[int, typer.Option(help="Connections to PostgreSQL: calls worked on at a time.")] = 4,
    new_process: Annotated[
        bool, typer.Option("--new-process", help="This directory is one more HQ of a PostgreSQL that others serve too.")
    ] = False,
    console: Annotated[
        list[str] | None, typer.Option(help="Where browsers reach the console, e.g. https://hq.example.com:8788.")
    ] = None,
) -> None:
    """Serve stores until SIGTERM. Off this machine only with TLS."""
    from agent.notify import our_notifier
    from agent.system import SystemClock, SystemEntropy
    from sync.hq.db.address import settled
    from sync.hq.main import serve as serve_hq
    from sync.hq.places import KEY_FILE

    with plain_errors():
        address = settled(data, database, os.environ, connections=connections)
        if certificate is None and host not in ("127.0.0.1", "::1", "localhost"):
            raise ConfigError(
                [f"plain http on {host} would show members and sales to the network: give --certificate and --key"]
            )
        _check_tls(certificate, key)
        if address is None and not (data / KEY_FILE).exists():
            raise ConfigError([f"no headquarters lies in {data}: `pos-agent hq init` sets one up; is --data right?"])
    run_service(
        serve_hq(
            data,
            SystemClock(),
            SystemEntropy(),
            host=host,
            port=port,
            certificate=certificate,
            key=key,
            started=lambda url: print(f"headquarters listens on {url}", flush=True),
            notifier=our_notifier(),
            database=address,
            console=console or (),
            new_process=new_process,
        )
    )


def _check_tls(certificate: Path | None, key: Path | None) -> None:
    import ssl

    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise ConfigError(["--certificate and --key belong together: give both"])
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError([f"{certificate} and {key} are no certificate and its key in PEM: {why}"]) from error


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="The system that will call, e.g. finance or mini-program.")],
    kind: Annotated[str, typer.Option(help="seals: reads GET /v1/seals; join: calls POST /v1/claims.")] = "seals",
    brand: BrandOption = "",
    data: DataOption = DEFAULT_DATA,
) -> None:
    """Print a bearer token for a system of headquarters. It is shown once."""
    with plain_errors():
        if kind not in ("seals", "join") or (kind == "join") != bool(brand):
            raise ConfigError(["--kind is seals, or join with the --brand whose members it may join"])
    print(at_hq(data, "tokens", {"name": name, "brand_id": brand})["token"])
