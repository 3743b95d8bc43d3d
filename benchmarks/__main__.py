"""`python -m benchmarks [NAME ...] [--quick]`: measure and print each goal as a ratio, both sides in one run.

Ratios only: absolute figures here say little. Names: pages, decisions, plugins, store, people, trial, scale,
totals, matrix, writer, api, export.
`--quick` shrinks the worlds (10 times fewer members and events) for a first look; the goals are for the full ones.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import api, decisions, export, matrix, pages, people, plugged, reads, trial
from benchmarks.table import Line, show

BENCHES: dict[str, Callable[[Path, bool], list[Line]]] = {
    "pages": pages.compare,
    "decisions": decisions.compare,
    "plugins": plugged.compare,
    "store": reads.store_against_raw,
    "people": people.compare,
    "trial": trial.compare,
    "scale": reads.page_sql_by_members,
    "totals": reads.totals_by_events,
    "matrix": matrix.dry_runs,
    "writer": reads.beside_a_writer,
    "api": api.compare,
    "export": export.compare,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller worlds, shorter runs")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(BENCHES)):
        print(f"No benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHES)}.", file=sys.stderr)
        return 1
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        for name in options.names or BENCHES:
            print(f"{name} …", file=sys.stderr, flush=True)
            lines += BENCHES[name](Path(folder), options.quick)
    show(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
