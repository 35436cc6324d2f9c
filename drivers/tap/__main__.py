"""`python -m drivers.tap [--config FILE]`: the tap alone, as its unit starts it."""

import argparse
import sys
from pathlib import Path

from drivers.tap.process import DEFAULT_CONFIG, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="the tap's configuration (TOML)")
    sys.exit(run(parser.parse_args().config))
