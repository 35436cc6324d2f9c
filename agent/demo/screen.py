"""What the demo shows in a terminal: steps, customers, receipts drawn from the printer's bytes, the proof.

Called by agent.demo.run. Without a terminal it prints the same, plainly; it decides nothing.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from agent.demo.counter import Served
from agent.demo.customers import KINDS
from agent.demo.world import OPERATORS, PIN
from agent.domain.money import yuan
from drivers.paper import render
from sync.verdict import Reconciliation

_RECEIPTS_SHOWN = KINDS  # one of each kind; later receipts are in the output directory
_COLUMNS = 48


class Screen:
    """The demo's face."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, text: str) -> None:
        """One thing that happens."""
        self._console.print(f"• {text}", highlight=False)

    @contextlib.contextmanager
    def progress(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar while something long runs; plain output gets one line at its end."""
        if not self._console.is_terminal:
            yield lambda _: None
            self.step(text)
            return
        bar = Progress(TextColumn("• {task.description}"), BarColumn(), MofNCompleteColumn(), console=self._console)
        with bar:
            task = bar.add_task(text, total=total)
            yield lambda done: bar.update(task, completed=min(done, total))
            bar.update(task, completed=total)

    def customer(self, one: Served, of: int) -> None:
        """A customer was served."""
        who = one.member["masked"] if one.member else "not a member"
        listed, paid = one.summary()["list_fen"], one.payable_fen
        price = f"list {yuan(listed)}, paid {yuan(paid)}" if paid >= 0 else f"back {yuan(-paid)}"
        facts = f"{price}, {one.points} points"
        sure = f" ({one.certainty})" if one.certainty else ""
        self._console.print(
            f"\n[bold]{one.number}/{of}[/bold] A customer {one.title}: {who}{sure}; {facts}", highlight=False
        )
        for remark in one.remarks:
            self._console.print(f"     {remark}", style="dim", highlight=False)
        if one.number <= _RECEIPTS_SHOWN:
            drawn = render(one.receipt, columns=_COLUMNS, ansi=self._console.is_terminal)
            self._console.print(drawn, highlight=False, markup=False, soft_wrap=True)

    def proof(self, proof: Reconciliation, summary: dict[str, Any]) -> None:
        """The hourly proof and both sides' totals."""
        here, there = summary["store"], summary["hq"]
        table = Table(title="The hourly proof: do both books hold the same?", title_justify="left")
        for heading in ("", "events", "payable (yuan)", "points", "head of the chain"):
            table.add_column(heading, justify="right" if heading in ("events", "payable (yuan)", "points") else "left")
        heads = [(one.head[:32], one.hq_head[:32]) for one in proof.epochs[-1:]] or [("", "")]
        table.add_row("store", str(here["events"]), yuan(here["payable_fen"]), str(here["points"]), heads[0][0])
        table.add_row("HQ", str(there["events"]), yuan(there["payable_fen"]), str(there["points"]), heads[0][1])
        self._console.print()
        self._console.print(table)
        verdict = "[green]EQUAL[/green]" if proof.equal else f"[red]NOT EQUAL[/red] {proof.reason}"
        cost = f"{proof.requests} requests, {proof.bytes} bytes, {proof.seconds * 1000:.0f} ms"
        self._console.print(f"{verdict}, signed by HQ ({cost})", highlight=False)

    def stay(self, base_url: str, token: str, member_number: str, dev: Path) -> None:
        """How to try pages and API by hand; `dev` is where phone, scanner and cable lie."""
        self._console.print("\nThe agent stays up. Its pages, in a browser on this machine:\n", highlight=False)
        for page, (operator, _name, role) in zip(("/", "/manage"), OPERATORS, strict=True):
            self._console.print(f"  {base_url}{page}   {role}: operator {operator}, PIN {PIN}", highlight=False)
        self._console.print("\nIts API and its devices, from another terminal:\n", highlight=False)
        call = f'curl -s -H "Authorization: Bearer {token}" -H "Content-Type: application/json"'
        resolve = f'{call} {base_url}/v1/members/resolve -d \'{{"code": "{member_number}"}}\''
        quote = f'{call} {base_url}/v1/quotes -d \'{{"lines": [{{"code": "10001", "qty": 2}}]}}\''
        props = (
            f"cat {dev}/phone             # a fresh dynamic code of this member",
            f"cat {dev}/phone > {dev}/scan   # scan it; or any code: echo 10001 > {dev}/scan",
            f"cat {dev}/paycode > {dev}/scan   # their WeChat payment code before payment: the tier price applies",
            f'{call} {base_url}/v1/members/resolve -d "{{\\"auth_code\\": \\"$(cat {dev}/paycode)\\"}}"',
            f"echo out > {dev}/cable   # or in",
        )
        for line in (f"curl -s {base_url}/v1/hello", resolve, quote, f"{call} {base_url}/v1/status", *props):
            self._console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
        self._console.print("\nCtrl-C ends it.", highlight=False)
