"""The part of the composition root that puts configured printers to work; in a training their paper says what it is.

Called by agent.assembly.
"""

from contextlib import AsyncExitStack

from agent.config import Settings
from agent.config_printer import PrinterSection
from agent.db.print_jobs import PrintJobsDb
from agent.devices import Outside
from agent.edges import Edges
from agent.health import Health
from agent.ports import Clock, Entropy
from agent.printer_devices import make_printer
from agent.printing import PrintService
from agent.training import TrainingPrinter


def print_services(
    settings: Settings, outside: Outside, language: int, ledger: PrintJobsDb, clock: Clock, entropy: Entropy,
    health: Health, edges: Edges, closing: AsyncExitStack,
) -> list[PrintService]:  # fmt: skip
    """One for each printer, in their order; `closing` closes the printers. Raises ConfigError."""

    def service(section: PrinterSection) -> PrintService:
        health.watch(f"printer {section.name}")
        printer = (outside.make_printer or make_printer)(section, clock)
        return PrintService(
            TrainingPrinter(printer, language) if settings.workstation.training else printer,
            ledger,
            clock,
            entropy,
            on_state=edges.print_state,
            on_health=edges.printer,
            watch_s=section.watch_s,
        )

    services = [service(section) for section in settings.printer]
    for one in services:
        closing.callback(one.printer.close)
    return services
