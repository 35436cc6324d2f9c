"""How the till stands, in a few lines, and training begun and ended from the command line. They ask the daemon."""

import json
from typing import Annotated, Any

import typer

from agent.cli.common import DEFAULT_CONFIG, ConfigOption, require_daemon, run_async, settings

_WHO_DECIDES = {"file": "by the configuration", "run": "by the way it was started"}


def status(
    as_json: Annotated[bool, typer.Option("--json", help="All that the daemon says, as JSON.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Tell how the till stands: mode, what waits for headquarters, what is down, the latest proof."""
    told = run_async(require_daemon(settings(config), "GET", "/v1/status"))
    if as_json:
        print(json.dumps(told, ensure_ascii=False, indent=1))
        return
    for what, how in _lines(told).items():
        print(f"{what:<9} {how}")


def training(
    on: Annotated[str, typer.Argument(help="`on` or `off`.")],
    by: Annotated[str, typer.Option("--by", help="Who switches; it is kept.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Begin or end a training: its sales stand in books of their own, which its end deletes."""
    if on not in ("on", "off"):
        raise typer.BadParameter("say on or off")
    body = {"on": on == "on", "by": by}
    told = run_async(require_daemon(settings(config), "POST", "/v1/manage/training", body=body))
    state = "is being switched" if told["changing"] else "was so before"
    print(f"training {on}: {state}")


def _lines(told: dict[str, Any]) -> dict[str, str]:
    mode, outbox, proof = told["mode"], told["outbox"], told["last_proof"]
    named = "training: nothing that is booked reaches headquarters" if mode["training"] else "real business"
    decided = _WHO_DECIDES.get(mode["fixed_by"], "a manager may switch")
    down = [f"{name} ({one['reason']})" for name, one in told["components"].items() if one["up"] is False]
    return {
        "till": f"{told['workstation_id']} of {told['store_name']}, pos-agent {told['version']}",
        "mode": named + (", being switched" if mode["changing"] else f"; {decided}"),
        "ready": "yes" if told["ready"] else "; ".join(told["not_ready"]),
        "waiting": f"{mode['real_waiting']} events of the real books for headquarters;"
        f" {outbox['suspended'] + outbox['conflict']} for a person",
        "down": ", ".join(down) or "nothing",
        "clock": "trusted" if told["clock"]["trusted"] else f"not trusted: {told['clock']['why']}",
        "proof": proof["result"] if proof is not None else "none yet",
    }
