"""The data wires of a null-modem cable: two ptys, what goes into one comes out of the other. Started by run.sh.

Says the names of both ends on its first line. The modem lines are null_modem.c's.
"""

import os
import select
import tty


def main() -> None:
    """Copy until killed."""
    pairs = [os.openpty() for _ in range(2)]
    for _, slave in pairs:
        tty.setraw(slave)
    print(*(os.ttyname(slave) for _, slave in pairs), flush=True)
    masters = [master for master, _ in pairs]
    other = dict(zip(masters, reversed(masters), strict=True))
    while True:
        for master in select.select(masters, [], [])[0]:
            data = os.read(master, 4096)
            while data:
                data = data[os.write(other[master], data) :]


if __name__ == "__main__":
    main()
