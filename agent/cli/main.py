"""The command `pos-agent`: one module per group of commands, joined here. Errors become one sentence and an exit code.

Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 the books differ, 4 HQ could not be asked, 78 the
configuration is wrong (systemd does not restart on 78).
"""

import typer

from agent.cli import (
    conformance,
    daemon,
    devices,
    doctor,
    hq,
    hq_differences,
    hq_leases,
    hq_reports,
    hq_seals,
    hq_snapshot,
    hq_users,
    hq_wechat,
    people,
    printer_probe,
    proof,
    risk,
    tap,
    trying,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Offline-first POS integration agent: members, prices, points and receipts at the till.",
)
app.command("run")(daemon.run)
app.command("enrol")(daemon.enrol)
app.command("pair")(daemon.pair)
app.command("tokens")(people.tokens)
app.command("revoke")(people.revoke)
app.add_typer(people.operators, name="operator")
app.command("reconcile")(proof.reconcile)
app.command("differences")(proof.differences)
app.command("explain")(proof.explain)
app.command("confirm-clock")(risk.confirm_clock)
app.command("frozen")(risk.frozen)
app.command("unfreeze")(risk.unfreeze)
app.command("doctor")(doctor.doctor)
app.command("demo")(trying.demo)
app.command("conformance")(conformance.conformance)
devices.app.command("probe")(printer_probe.probe)
app.add_typer(devices.app, name="devices")
app.add_typer(tap.app, name="tap")
hq.app.command("differences")(hq_differences.differences)
hq.app.command("leases")(hq_leases.leases)
hq.app.command("write-off")(hq_leases.write_off)
hq.app.command("restored")(hq_leases.restored)
hq.app.command("seals")(hq_seals.seals)
hq.app.command("snapshot")(hq_snapshot.snapshot)
hq.app.command("review")(hq_reports.review)
hq.app.command("pack")(hq_reports.pack)
hq.app.command("export")(hq_reports.export)
hq.app.command("recount")(hq_reports.recount)
hq.app.command("erase")(hq_reports.erase)
hq.app.command("erasures")(hq_reports.erasures)
hq.app.add_typer(hq_reports.channels, name="channels")
hq.app.add_typer(hq_wechat.app, name="wechat")
hq.app.add_typer(hq_users.app, name="user")
app.add_typer(hq.app, name="hq")
