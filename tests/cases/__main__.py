"""`python -m tests.cases FILE.json [...]`: run case files; exit 1 when a case failed, 2 when a file cannot be read."""

import argparse
import json
import sys
from pathlib import Path

from tests.cases.runner import Ran, UnreadableCases, read, run


def main() -> int:
    """Run every case of every file, print those that failed, end with the count."""
    parser = argparse.ArgumentParser(prog="python -m tests.cases", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.json")
    files: list[Path] = parser.parse_args().files
    try:
        cases = [case for file in files for case in read(file)]
    except UnreadableCases as error:
        print(error, file=sys.stderr)
        return 2
    failed = 0
    for case in cases:
        ran = run(case)
        if not ran.passed:
            failed += 1
            _show(ran)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _show(ran: Ran) -> None:
    print(f"FAILED {ran.case['id']} ({ran.case['kind']}) {ran.case.get('title', '')}")
    print(f"  expected {json.dumps(ran.case['expected'], ensure_ascii=False)}")
    print(f"  got      {json.dumps(ran.got, ensure_ascii=False, default=str)}")


if __name__ == "__main__":
    sys.exit(main())
