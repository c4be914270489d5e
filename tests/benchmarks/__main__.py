"""All benchmarks in one run: ``python -m tests.benchmarks [--quick] [engine | startup | hub | stability]``.

Prints ratios; nothing here is a timed test. Leave the machine quiet meanwhile.
"""

from __future__ import annotations

import argparse

from tests.benchmarks import engine, hub, stability, startup

BENCHMARKS = {"engine": engine.run, "startup": startup.run, "hub": hub.run, "stability": stability.run}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("only", nargs="?", choices=BENCHMARKS, help="one of them; all if not given")
parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything works")
chosen = parser.parse_args()
for name, run in BENCHMARKS.items():
    if chosen.only in (None, name):
        run(quick=chosen.quick)
