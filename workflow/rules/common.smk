# The checked project, and where rules find their inputs and settings (ethomake/snakemake/dataflow.py).

with in_one_line():
    PROJECT = open_project(config, ROOT, thorough=workflow.is_main_process)
    if workflow.is_main_process:
        check_weights(PROJECT)
    BUNDLE = read_bundle(PROJECT.main.settings["models"]) if PROJECT.main.settings["models"] != "none" else None
    PACKS = packs.find(PROJECT)
    SHARED = packs.shared(PACKS, PROJECT.videos)  # packs by number
    LATE_PACKS = packs.find_late(PROJECT, SHARED.values())
    DATA = DataFlow(PROJECT, BUNDLE, ROOT / "workflow" / "scripts", stored=is_stored(workflow))

RUNS = PROJECT.runs  # by name, main first
SETTINGS = PROJECT.main.settings  # all runs have the same behaviors and settings of ingest
VIDEOS = PROJECT.videos  # by name, in the table's order
BEHAVIORS = SETTINGS["behaviors"]
EXCLUSIVE = SETTINGS["exclusive"]
SUBJECTS = DATA.subjects
THRESHOLDS = DATA.thresholds
COMPARED = [] if BUNDLE else ["results/compared.json"]  # that no two parts share a video
LABELLED = [name for name, video in VIDEOS.items() if video.labels]
PART_OF = {name: part for part, names in PROJECT.main.split.parts.items() for name in names}
SHARED_LATE = packs.shared(LATE_PACKS, VIDEOS, "late")  # by number, for the rules after the features
SINGLE_LATE = packs.alone([*SHARED.values(), *SHARED_LATE.values()])

rates_of = DATA.rates_of
video_of, run_of, home, part_of, learned_from = DATA.video_of, DATA.run_of, DATA.home, DATA.part_of, DATA.learned_from
at_home, part_files, stored_frames, weights_input = (
    DATA.at_home,
    DATA.part_files,
    DATA.stored_frames,
    DATA.weights_input,
)
stream_weights = DATA.stream_weights
trained_models, sequence_model, learning_curves = DATA.trained_models, DATA.sequence_model, DATA.learning_curves
evaluation_of, ethograms_of, report_rows = DATA.evaluation_of, DATA.ethograms_of, DATA.report_rows
code_of, settings_of, setting, stream_settings = DATA.code_of, DATA.settings_of, DATA.setting, DATA.stream_settings
trained_on, checkpoint_of = DATA.trained_on, DATA.checkpoint_of

ESTIMATES = Estimates(workflow, experiment_of(PROJECT))
memory_of, time_of = ESTIMATES.memory_of, ESTIMATES.time_of

workplace.bind_jobs()
if workflow.deployment_settings.deployment_method:
    workplace.share_library()  # environments made by Snakemake have everything but ethomake itself


def bundle_files():
    """Return the files of the bundle that is made here."""
    if BUNDLE:
        stop(f"config: models = {BUNDLE.folder}: this project trains nothing to bundle; share that folder instead")
    return list(rules.make_bundle.output)


if workflow.is_main_process:
    for line in PROJECT.notes:
        note(f"note: {line}")
    for line in rate_notes(VIDEOS.values()):
        note(f"note: {line}")
    tell_reading(DATA.sources())
    begin(workflow)
elif workflow.remote_exec:
    begin_on_node()


wildcard_constraints:
    video=packs.alone(SHARED.values()),  # packs.smk has the rules for the others
    run="[A-Za-z0-9_-]+",
    stream="spatial|motion",
    recording="[A-Za-z0-9_-]+",
