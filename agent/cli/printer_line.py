"""How a printer on a serial port is set: asked of the printer, read by a person from a strip, or told by them.

Used by the printers' part of `pos-agent devices setup`.
"""

from agent.cli.person import Person
from agent.config_write import Value
from agent.ports import Clock
from drivers import serial_probe


def found_line(path: str, person: Person, clock: Clock) -> dict[str, Value] | None:
    """`baud` and `flow` of the printer on this port; None when there is none. Raises DeviceError, Left.

    ORDER: nothing is sent before a person said that it is a printer: to a scanner a question may be a command.
    """
    if not person.yes("serial_sure", default=False):
        return None
    person.say("serial_asking")
    baud = serial_probe.speed_by_answer(path, clock)
    if baud is None:
        serial_probe.print_speeds(path)
        which = person.number(person.word("serial_strip"), range(len(serial_probe.SPEEDS) + 1))
        if not isinstance(which, int) or which == 0:
            person.say("serial_none")
            return None
        baud = serial_probe.SPEEDS[which - 1]
    person.say("serial_speed", baud=baud)
    told = person.yes("serial_xon", default=False)
    flow = "xonxoff" if told else serial_probe.ready_line(path).value
    person.say("serial_flow", flow=flow)
    return {"baud": baud, "flow": flow}
