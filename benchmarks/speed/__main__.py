"""Time every stage beside the plain way to do the same, and print one table.

    ./run python -m benchmarks.speed                       all stages, some minutes each
    ./run python -m benchmarks.speed extraction training   some of them
    ./run python -m benchmarks.speed --quick               small sizes, to see that it runs

Figures are CPU time and wall time, medians over interleaved rounds; docs/performance.md tells what they mean.
"""

import argparse
import importlib
import pkgutil
import tempfile
from itertools import groupby
from pathlib import Path

import torch

from benchmarks import speed
from benchmarks.speed.measure import compare, table
from ethomake.training.device import choose_device, describe

TOOLS = ("__main__", "drawn", "measure", "packs", "relabel", "scale")  # or commands of their own


def main() -> None:
    """Measure the stages that were asked for."""
    stages = [name for _, name, _ in pkgutil.iter_modules(speed.__path__) if name not in TOOLS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=f"of {', '.join(stages)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed")
    parser.add_argument("--threads", type=int, default=1, help="that each may use")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.stages if name not in stages]:
        parser.error(f"there is no stage {unknown[0]}; choose of {', '.join(stages)}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        modules = [importlib.import_module(f"benchmarks.speed.{name}") for name in arguments.stages or stages]
        cases = [case for module in modules for case in module.cases(Path(folder), arguments.quick)]
        for _, together in groupby(cases, key=lambda case: case.stage):
            rows += compare(list(together), arguments.rounds, arguments.threads)
    print(f"\n{describe(choose_device(), torch.float32).partition(' with')[0]}, threads: {arguments.threads}\n")
    print(table(rows))


if __name__ == "__main__":
    main()
