"""Benchmarks: ``python -m tests.benchmarks [NAME ...] [--small]``.

Prints tables; nothing here is a timed test. Leave the machine quiet meanwhile. ``--small`` takes the same path with
smaller numbers: it shows that everything works, and its figures mean nothing.
"""

from __future__ import annotations

import argparse
import importlib
import time

LONG = {"ablation", "control", "long_runs", "policy", "stability"}
"""Half an hour or more: run only if named, or small."""
BENCHMARKS = (
    "engine",
    "minibatch",
    "startup",
    "hub",
    "control",
    "arm",
    "ablation",
    "accuracy",
    "long_runs",
    "policy",
    "stability",
    "cost",
    "contract",
)


def main() -> None:
    """Run the benchmarks that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; if none, all but {', '.join(LONG)}"
    )
    parser.add_argument("--small", action="store_true", help="small sizes, to see that everything works")
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark named {name!r}; there are {', '.join(BENCHMARKS)}")
    for name in options.names or [name for name in BENCHMARKS if options.small or name not in LONG]:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        started = time.perf_counter()
        module.run(module.SMALL if options.small else module.FULL)
        print(f"  ({name}: {time.perf_counter() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
