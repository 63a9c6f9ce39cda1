# ethomake: raw videos of animals and label files in, ethograms, statistics and a report out.
#
#   snakemake                          the example, or the project that config.yaml describes
#   snakemake --dry-run                what would be done, and why
#   snakemake ethograms                one of the targets below; or any file of results/
#   snakemake --config example=simulated
#
# Data flow is in workflow/rules/<stage>.smk, the work itself in the library ethomake/<stage>.

from pathlib import Path

from snakemake.utils import min_version

from ethomake import workplace
from ethomake.bundle.read import read_bundle
from ethomake.evaluation import files as evaluation_files
from ethomake.labels.formats import writable_formats
from ethomake.project import CHECK
from ethomake.project.configfile import find_config_file
from ethomake.project.load import open_project
from ethomake.project.rates import rate_notes
from ethomake.provenance.tidy import note_leftovers
from ethomake.scheduling.packs import LATE_FILE, write_packs
from ethomake.snakemake import begin, begin_on_node, packs
from ethomake.snakemake.dataflow import DataFlow, curves_title, stream_of
from ethomake.snakemake.explain import explain_in_words
from ethomake.snakemake.folder import discard_checkpoints, forget_failures, is_stored, tell_reading, tell_versions
from ethomake.snakemake.resources import Estimates, experiment_of, tell_time
from ethomake.snakemake.stop import in_one_line, note, stop
from ethomake.snakemake.weights import check_weights
from ethomake.sources import Uncompared

min_version("9.20")


report: "workflow/report/workflow.rst"


# A project is a folder: its own config.yaml if it has one, else the one beside this file.
# The command line takes precedence over an example's config, and that over config.yaml.
ROOT = Path(workflow.basedir)


with in_one_line():
    workplace.check_place()
    CONFIG_FILE = find_config_file(ROOT, workflow.config_settings.configfiles)


configfile: CONFIG_FILE


if config.get("example") in ("flies", "simulated"):

    configfile: str(ROOT / "example" / f"{config['example']}.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/example.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/labels.smk"


# With a bundle nothing is trained: its weights and thresholds replace those that would be made here.
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
include: "workflow/rules/packs.smk"
include: "workflow/rules/exports.smk"  # after packs: one job a video
include: "workflow/rules/costs.smk"
include: "workflow/rules/tidy.smk"


onstart:
    with in_one_line():
        forget_failures(workflow)
        tell_time(workflow, PROJECT, ESTIMATES.experiment)
        write_packs(PACKS)
        write_packs(LATE_PACKS, LATE_FILE)
        DATA.keep_splits()
        DATA.keep_places()
        DATA.keep_adapted()


onsuccess:
    discard_checkpoints(workflow)


rule all:
    default_target: True
    input:
        [f"results/report/{home('report', run)}.html" for run in RUNS],
        [path for run in RUNS for path in ethograms_of(run, "figures/{video}.png")],
        COMPARED,
    message:
        "All results are complete: open results/report/main.html"


rule frames:
    input:
        expand("results/ingest/{video}/video.json", video=VIDEOS),


rule checked_labels:
    input:
        expand("results/labels/{video}.csv", video=LABELLED),
        DATA.raters(),


rule models:
    input:
        [weights for run in RUNS for _, weights in trained_models(run)],
        [sequence_model(run) for run in RUNS],
        COMPARED,
        [THRESHOLDS.format(run=home("ethogram", run)) for run in RUNS],
        [figure for run in RUNS for _, figure in learning_curves(run)],


rule bundle:
    input:
        lambda wildcards: bundle_files(),
    message:
        "The bundle is in results/bundle"


rule features:
    input:
        [f"results/features/{home('features', run)}/{video}.json" for run in RUNS for video in VIDEOS],


rule predictions:
    input:
        [path for run in RUNS for path in ethograms_of(run, "predictions/{video}.csv")],


rule ethograms:
    input:
        [path for run in RUNS for path in ethograms_of(run, "figures/{video}.png")],


rule evaluation:
    input:
        [path for run in RUNS for path in evaluation_of(run) + checks_of(run)],


for each in EXPORTS:  # export_deepethogram, ...

    rule:
        name:
            f"export_{each}"
        input:
            exports_of(each),


rule report:
    input:
        [f"results/report/{home('report', run)}.html" for run in RUNS],


if workflow.is_main_process:
    explain_in_words(workflow, PACK_RULES)
    tell_versions(workflow)
