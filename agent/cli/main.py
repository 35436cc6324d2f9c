"""The command `pos-agent`: one module per group of commands, joined here. Errors become one sentence and an exit code.

Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 the books differ, 4 HQ could not be asked, 78 the
configuration is wrong (systemd does not restart on 78).
"""

import typer

from agent.cli import daemon, doctor, hq, hq_differences, hq_leases, proof, risk, trying

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Offline-first POS integration agent: members, prices, points and receipts at the till.",
)
app.command("run")(daemon.run)
app.command("enrol")(daemon.enrol)
app.command("pair")(daemon.pair)
app.command("reconcile")(proof.reconcile)
app.command("differences")(proof.differences)
app.command("explain")(proof.explain)
app.command("confirm-clock")(risk.confirm_clock)
app.command("frozen")(risk.frozen)
app.command("unfreeze")(risk.unfreeze)
app.command("doctor")(doctor.doctor)
app.command("demo")(trying.demo)
hq.app.command("differences")(hq_differences.differences)
hq.app.command("leases")(hq_leases.leases)
hq.app.command("write-off")(hq_leases.write_off)
app.add_typer(hq.app, name="hq")
