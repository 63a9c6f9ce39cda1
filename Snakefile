# ethomake: raw videos of animals and label files in, ethograms, statistics and a report out.
#
#   snakemake                          the example, or the project that config.yaml describes
#   snakemake --dry-run                what would be done, and why
#   snakemake ethograms                one of the targets below; or any file of results/
#   snakemake --config example=simulated
#
# Data flow is in workflow/rules/<stage>.smk, the work itself in the library ethomake/<stage>.

import sys
from pathlib import Path

from snakemake.utils import min_version

from ethomake import config as project_config
from ethomake import workplace
from ethomake.bundle.read import read_bundle
from ethomake.errors import InputError
from ethomake.evaluation import files as evaluation_files
from ethomake.failures import in_words, may_pass
from ethomake.labels.splits import write_split
from ethomake.provenance.code import code_digest
from ethomake.provenance.versions import version_notes
from ethomake.scheduling import slurm
from ethomake.scheduling.costs import jobs_of, price, table
from ethomake.scheduling.packs import Member, Pack, plan_packs, read_packs, write_packs
from ethomake.scheduling.resources import Experiment, count_frames, count_megabytes, memory_to_ask, minutes_to_ask, need

min_version("9.20")


report: "workflow/report/workflow.rst"


# A project is a folder: its own config.yaml if it has one, else the one beside this file.
# What is given on the command line stands above config.yaml and the overlay of an example.
ROOT = Path(workflow.basedir)


try:
    CONFIG_FILE = project_config.find_config_file(ROOT, workflow.config_settings.configfiles)
except InputError as error:
    print(f"error: {error}", file=sys.stderr, flush=True)
    sys.exit(1)


configfile: CONFIG_FILE


if config.get("example") in ("flies", "simulated"):

    configfile: str(ROOT / "example" / f"{config['example']}.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/explain.smk"
include: "workflow/rules/example.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/labels.smk"


# With a bundle nothing is trained: its weights and thresholds take the places of those that would be made here.
if not BUNDLE:

    include: "workflow/rules/training.smk"
    include: "workflow/rules/flow.smk"
    include: "workflow/rules/streams.smk"


include: "workflow/rules/bundle.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/sequence.smk"
include: "workflow/rules/ethogram.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/packing.smk"
include: "workflow/rules/packs.smk"
include: "workflow/rules/costs.smk"


onstart:
    begin_run()
    keep_splits()


onsuccess:
    end_run()
    discard_checkpoints()


onerror:
    end_run()


rule all:
    default_target: True
    input:
        "results/report.html",
        "results/summary.csv",
        "results/transitions.csv",
        expand("results/ethograms/{video}.png", video=VIDEOS),
        expand("results/bouts/{video}.csv", video=VIDEOS),
        expand("results/predictions/main/{video}.csv", video=VIDEOS),
        EVALUATION,
    message:
        "All is there: open results/report.html"


rule frames:
    input:
        expand("results/ingest/{video}/video.json", video=VIDEOS),


rule checked_labels:
    input:
        expand("results/labels/{video}.csv", video=LABELLED),


rule models:
    input:
        [weights for _, weights in trained_models("main")],
        SEQUENCE_MODEL.format(split="main"),
        THRESHOLDS,
        [figure for _, figure in learning_curves("main")],


rule bundle:
    input:
        lambda wildcards: bundle_files(),
    message:
        "The bundle is in results/bundle"


rule features:
    input:
        expand("results/features/main/{video}.json", video=VIDEOS),


rule predictions:
    input:
        expand("results/predictions/main/{video}.csv", video=VIDEOS),


rule ethograms:
    input:
        expand("results/ethograms/{video}.png", video=VIDEOS),


rule evaluation:
    input:
        EVALUATION,


rule report:
    input:
        "results/report.html",


if workflow.is_main_process:
    tell_versions({rule.name for rule in workflow.rules})
