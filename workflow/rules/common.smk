# The checked project and what several stages ask of it. No stage's own matters here.

import os
from functools import cache

from snakemake.io import _IOFile


def stop(message):
    """End with one line and status 1, before any job: the user's mistake is no matter for a traceback."""
    print(f"error: {message}", file=sys.stderr, flush=True)
    sys.exit(1)


def load_project():
    """Check config and video table; an example brings its own table."""
    try:
        if config.get("example") == "simulated":
            from ethomake.example.simulated import simulated_table

            rows = simulated_table(project_config.settle(config)["simulated"])
            return project_config.load_project(config, rows=rows)
        if config.get("example") == "flies":
            return project_config.load_project(config, table=ROOT / "example" / "flies.csv")
        return project_config.load_project(config)
    except InputError as error:
        stop(error)


def find_packs():
    """Which videos share their jobs; none where there are few. Those that were done already stay as they were."""
    try:
        earlier = read_packs()
        paths = {name: video.path for name, video in VIDEOS.items()}
        done = [name for name in VIDEOS if Path(f"results/ingest/{name}/video.json").is_file()]
        return plan_packs(paths, PART_OF, earlier, done)
    except InputError as error:
        stop(error)


PROJECT = load_project()
SETTINGS = PROJECT.settings
VIDEOS = PROJECT.videos  # by name, in the table's order
BEHAVIORS = SETTINGS["behaviors"]
EXCLUSIVE = SETTINGS["exclusive"]
SEED = SETTINGS["seed"]
STREAMS = SETTINGS["streams"]["enabled"]
BUNDLE = read_bundle(SETTINGS["models"]) if SETTINGS["models"] != "none" else None
SPLITS = {"main": PROJECT.parts}
FLOW_SPLITS = {"main": PROJECT.flow_parts}
KEPT_SPLITS = {} if BUNDLE else {"main": PROJECT.remembered}
LABELLED = [name for name, video in VIDEOS.items() if video.labels]
PART_OF = {name: part for part, names in PROJECT.parts.items() for name in names}
PACKS = find_packs()
workplace.bind_jobs()
if workflow.deployment_settings.deployment_method:
    project_config.share_library()  # environments made by Snakemake have everything but ethomake itself


def prepare_folder():
    """See to the folder that Snakemake runs in, before it looks at what is there."""
    try:
        if workflow.output_settings.dryrun:
            workplace.find_records()
            return
        workplace.check_results()
        workplace.keep_records()
        if workplace.free_stale_lock():
            print("note: the last run was killed; this one goes on where it was", file=sys.stderr, flush=True)
        workplace.take_over()
    except (InputError, OSError) as error:
        stop(in_words(error))


def bundle_files():
    """The files of the bundle that is made here."""
    if BUNDLE:
        stop(f"config: models = {BUNDLE.folder}: this project trains nothing to bundle; pass that folder on instead")
    return list(rules.make_bundle.output)


def discard_checkpoints():
    """Remove the states that jobs have kept, now that Snakemake knows their results."""
    jobs = [each for job in workflow.dag.jobs for each in members_of(job) or [job]]
    workplace.discard(job.params.checkpoint for job in jobs if "checkpoint" in job.params.keys())


def tell_versions(rules):
    """Say where results were made with other versions of what computes them; that alone makes nothing anew."""
    try:
        for note in version_notes(rules=rules):
            print(f"note: {note}", file=sys.stderr, flush=True)
    except InputError as error:
        stop(error)


def members_of(job):
    """The jobs of single videos that a job does; only that of a pack has some."""
    return job.params.pack.members if "pack" in job.params.keys() else ()


def keep_splits():
    """Write down who trains, validates and tests, and who shares jobs: read again by the next run, and by jobs."""
    write_packs(PACKS)
    for split, parts in KEPT_SPLITS.items():
        write_split(f"results/splits/{split}.json", parts, split=split, seed=SEED, flow=FLOW_SPLITS[split])


def read_inputs_once():
    """Let Snakemake remember checksums: it reads all inputs of a job, weights and frames, again for each output."""
    read, known = _IOFile.checksum, {}

    async def checksum(file, threshold=None, force=False, algorithm=None):
        try:
            status = os.stat(file)
        except OSError:  # not on this disk: Snakemake's own matter
            return await read(file, threshold, force, algorithm)
        key = (str(file), status.st_ino, status.st_mtime_ns, status.st_size, threshold, force, str(algorithm))
        if key not in known:
            known[key] = await read(file, threshold, force, algorithm)
        return known[key]

    _IOFile.checksum = checksum


if workflow.is_main_process:
    read_inputs_once()
    for note in PROJECT.notes:
        print(f"note: {note}", file=sys.stderr, flush=True)
    prepare_folder()


wildcard_constraints:
    video="[A-Za-z0-9_-]+",
    split="[A-Za-z0-9_-]+",
    stream="spatial|motion",


def video_of(wildcards):
    """The table's row for the video of a job."""
    if wildcards.video not in VIDEOS:
        stop(f"{wildcards.video}: no video of this name in the video table")
    return VIDEOS[wildcards.video]


def part_of(split, part):
    """Names of the videos that train, validate or test in a split."""
    if split not in SPLITS:
        stop(f"{split}: no split of this name; there is {', '.join(SPLITS)}")
    return SPLITS[split][part]


def flow_part(split, part):
    """Names of the videos that train or validate the flow network in a split."""
    part_of(split, part)
    return FLOW_SPLITS[split][part]


def trained_on(part_of):
    """A param: which videos train and which validate. Snakemake does not see a video move between the two."""
    return lambda wildcards: {part: part_of(wildcards.split, part) for part in ("train", "validate")}


def part_files(part, pattern, part_of=part_of):
    """An input function: the file `pattern` names, of each video of a part."""
    return lambda wildcards: expand(pattern, video=part_of(wildcards.split, part), split=wildcards.split)


def stored_frames(part, part_of=part_of):
    """An input function: the frame stores of a part. Ancient: video.json, beside them, says when they change."""
    files = "results/ingest/{video}/{file}"
    return lambda wildcards: ancient(
        expand(files, video=part_of(wildcards.split, part), file=["frames.mjpeg", "frames.npy"])
    )


def weights_input(section):
    """The file of weights that the config gives a section to start from, as a list of inputs."""
    weights = SETTINGS[section]["weights"]
    return [weights] if project_config.is_weights_file(weights) else []


@cache
def code_of(script):
    """What a script and the modules it imports do, as a param: an edit of them reruns the rule, a comment does not."""
    return code_digest(ROOT / "workflow" / "scripts" / f"{script}.py")


def without(section, *keys):
    """A section of the settings without the keys that a job does not depend on."""
    return {key: value for key, value in SETTINGS[section].items() if key not in keys}


def checkpoint_path(stage, split, script, *values):
    """Where a job keeps its state: no output, so that it outlives a kill; named by settings and code it was made with."""
    return f"results/.checkpoints/{stage}-{split}-{project_config.short_digest(SEED, code_of(script), *values)}"


def trained_models(split):
    """(name, weights file) of each network that features are extracted with."""
    names = (["flow"] if "motion" in STREAMS else []) + [name for name in ("spatial", "motion") if name in STREAMS]
    if BUNDLE:  # beside what was trained here, so that a training is not lost while a bundle is in use
        return [(name, f"results/models/{name}.safetensors") for name in names]
    if SETTINGS["streams"]["joint_epochs"]:
        return [(name, f"results/streams/{split}/joint/{name}.safetensors") for name in names]
    folders = {"flow": f"results/flow/{split}"}
    return [(name, f"{folders.get(name, f'results/streams/{split}/{name}')}/weights.safetensors") for name in names]


# What the features pass through next, and how its probabilities are read.
SEQUENCE_MODEL = f"results/{'models/sequence' if BUNDLE else 'sequence/{split}/weights'}.safetensors"
THRESHOLDS = f"results/{'models' if BUNDLE else 'sequence/main'}/thresholds.json"


def learning_curves(split):
    """(title, curves figure) of each training; a bundle has none."""
    if BUNDLE:
        return []
    curves = [("Flow network", f"results/flow/{split}/curves.svg")] if "motion" in STREAMS else []
    for name in ("spatial", "motion"):
        if name in STREAMS:
            curves.append((f"{name.capitalize()} stream", f"results/streams/{split}/{name}/curves.svg"))
    if SETTINGS["streams"]["joint_epochs"]:
        curves.append(("Both streams together", f"results/streams/{split}/joint/curves.svg"))
    return [*curves, ("Sequence model", f"results/sequence/{split}/curves.svg")]


def curves_title(wildcards):
    """What stands above a figure of learning curves."""
    split = wildcards.trained.split("/")[1]
    title = {figure: title for title, figure in learning_curves(split)}
    return title.get(f"results/{wildcards.trained}/curves.svg", wildcards.trained)


def stream_settings(wildcards):
    """What the training of a stream depends on; how flow is computed matters to the motion stream alone."""
    settings = without("streams", "enabled", "joint_epochs", "fusion")
    return settings | ({"reuse": SETTINGS["flow"]["reuse"]} if wildcards.stream == "motion" else {})


# What the training of all together depends on.
JOINT_SETTINGS = without("streams", "enabled", "network", "weights", "epochs")

# For tables and report: whose video it is.
SUBJECTS = {name: {"subject": video.subject, "group": video.group} for name, video in VIDEOS.items()}
REPORT_ROWS = [{"video": name, "part": PART_OF.get(name, ""), **SUBJECTS[name]} for name in VIDEOS]

# What networks and thresholds are fitted on, where they are made here.
LEARNED = sorted({name for parts in (PROJECT.parts, PROJECT.flow_parts) for name in parts["train"] + parts["validate"]})

# What the evaluation makes; nothing where no video tests.
TEST = PROJECT.parts["test"]
EVALUATION = expand("results/evaluation/{file}", file=evaluation_files.FILES) if TEST else []
