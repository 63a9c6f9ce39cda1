"""The only package of the library that imports Snakemake.

It has what the rules in workflow/ need beyond data flow: packs, resources, explanations, clusters, and replacements for
a few parts of Snakemake (`ethomake.snakemake.replace` checks that these parts are as expected).
"""

import snakemake.api  # noqa: F401  before its other modules, which import each other in a circle
from snakemake.workflow import Workflow

from ethomake.errors import InputError
from ethomake.snakemake.clusters import bear_with_slurm, wait_for_earlier_jobs
from ethomake.snakemake.folder import prepare_folder
from ethomake.snakemake.packs import find_producers_at_once
from ethomake.snakemake.records import record_ends
from ethomake.snakemake.stop import stop


def begin(workflow: Workflow) -> None:
    """Prepare a run, before any rule is defined: in the process that plans, and starts or submits the jobs."""
    try:
        find_producers_at_once()
        record_ends()
        bear_with_slurm()
    except InputError as error:
        stop(error)
    prepare_folder(workflow)
    wait_for_earlier_jobs(workflow)


def begin_on_node() -> None:
    """Prepare one job on a node of a cluster, which another Snakemake has submitted."""
    try:
        record_ends(on_node=True)
    except InputError as error:
        stop(error)
