"""Every command behind `pos-agent hq`, joined. Called by agent.cli.main and agent.cli.whole."""

from agent.cli import (
    hq,
    hq_differences,
    hq_identity,
    hq_leases,
    hq_move,
    hq_play,
    hq_reports,
    hq_roll_out,
    hq_seals,
    hq_snapshot,
    hq_stores,
    hq_users,
    hq_wechat,
)

app = hq.app
app.command("enrol-file")(hq_roll_out.enrol_stores)
app.command("move")(hq_move.move)
app.command("differences")(hq_differences.differences)
app.command("stores")(hq_stores.stores)
app.command("discrepancies")(hq_stores.discrepancies)
app.command("leases")(hq_leases.leases)
app.command("write-off")(hq_leases.write_off)
app.command("restored")(hq_leases.restored)
app.command("seals")(hq_seals.seals)
app.command("snapshot")(hq_snapshot.snapshot)
app.command("review")(hq_reports.review)
app.command("pack")(hq_reports.pack)
app.command("pin")(hq_reports.pin)
app.command("sms")(hq_reports.sms)
app.command("export")(hq_reports.export)
app.command("recount")(hq_reports.recount)
app.command("draws")(hq_play.draws)
app.command("reservations")(hq_play.reservations)
app.command("links")(hq_play.links)
app.command("identity")(hq_identity.identity)
app.command("erase")(hq_reports.erase)
app.command("erasures")(hq_reports.erasures)
app.add_typer(hq_reports.channels, name="channels")
app.add_typer(hq_wechat.app, name="wechat")
app.add_typer(hq_users.app, name="user")
