"""What a UART makes of another one's signal: characters as a waveform, sampled at a speed that may be the wrong one.

A pty has no speed, and neither has a virtual serial port of QEMU; this model is the physics instead: start bit, data
bits from the lowest, parity, stop bit, idle high; the receiver samples the middle of each of its own bits.
"""

from drivers.serial_line import Line


def _levels(text: bytes, line: Line) -> list[int]:
    """One level for each bit time of the sender, with idle line around."""
    levels = [1] * 20
    for byte in text:
        if line is not Line.N8:
            ones = (byte & 0x7F).bit_count() % 2
            byte = byte & 0x7F | (ones if line is Line.E7 else 1 - ones) << 7
        levels += [0, *(byte >> place & 1 for place in range(8)), 1]
    return levels + [1] * 20


def received(text: bytes, sent_at: int, heard_at: int, line: Line = Line.N8) -> bytes:
    """What an 8N1 receiver at `heard_at` bit/s reads of `text` sent at `sent_at`; a bad stop bit still gives a byte."""
    levels = _levels(text, line)
    ratio = sent_at / heard_at  # sender's bits in one bit of the receiver
    end = float(len(levels))

    def level(at: float) -> int:
        return levels[int(at)] if at < end else 1

    found, at = bytearray(), 0.0
    step = min(1.0, ratio) / 16  # a UART looks for the start edge sixteen times a bit
    while at < end:
        if level(at) == 1:
            at += step
            continue
        if level(at + ratio / 2) == 1:  # a glitch, shorter than half a start bit
            at += step
            continue
        found.append(sum(level(at + ratio * (1.5 + place)) << place for place in range(8)))
        at += ratio * 9.5
        while at < end and level(at) == 0:  # a break: wait for the line to rise, as a UART does after a framing error
            at += step
    return bytes(found)
