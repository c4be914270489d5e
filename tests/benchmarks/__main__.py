"""All benchmarks in one run: ``python -m tests.benchmarks [--quick] [NAME]``.

Prints ratios; nothing here is a timed test. Leave the machine quiet meanwhile.
"""

from __future__ import annotations

import argparse
import importlib

LONG = {"stability"}
"""Half an hour or more: run only if named, or quickly."""
BENCHMARKS = ("engine", "startup", "hub", "real", "outliers", "control", "arm", "stability")

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("only", nargs="?", choices=BENCHMARKS, help="one of them; if not given, all but stability")
parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything works")
chosen = parser.parse_args()
for name in BENCHMARKS:
    if chosen.only == name or (chosen.only is None and (chosen.quick or name not in LONG)):
        importlib.import_module(f"tests.benchmarks.{name}").run(quick=chosen.quick)
