"""All commands of `pos-agent` in one application: for the help, for the documents and for tests.

agent.cli.main runs a single command without importing the others.
"""

from agent.cli import (
    conformance,
    daemon,
    devices,
    doctor,
    hq_group,
    people,
    proof,
    risk,
    tap,
    trying,
)
from agent.cli.main import empty

app = empty()
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
app.add_typer(devices.app, name="devices")
app.add_typer(tap.app, name="tap")
app.add_typer(hq_group.app, name="hq")
