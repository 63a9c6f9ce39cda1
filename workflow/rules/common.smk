# The checked project, and functions that several stages use. What concerns one stage is in its own file.

from functools import cache


def check_project():
    """Check config and video table; an example brings its own table."""
    try:
        if config.get("example") == "simulated":
            from ethomake.example.simulated import simulated_table

            rows = simulated_table(resolve_settings(config)["simulated"])
            return load_project(config, rows=rows)
        if config.get("example") == "flies":
            return load_project(config, table=ROOT / "example" / "flies.csv")
        return load_project(config)
    except InputError as error:
        stop(error)


def find_packs():
    """Return which videos share their jobs; none if there are few videos. Videos that are done already stay alone."""
    try:
        earlier = read_packs()
        paths = {name: video.path for name, video in VIDEOS.items()}
        done = [name for name in VIDEOS if Path(f"results/ingest/{name}/video.json").is_file()]
        return plan_packs(paths, PART_OF, earlier, done)
    except InputError as error:
        stop(error)


PROJECT = check_project()
RUNS = PROJECT.runs  # by name, main first
SETTINGS = PROJECT.main.settings  # all runs have the same behaviors and settings of ingest
VIDEOS = PROJECT.videos  # by name, in the table's order
BEHAVIORS = SETTINGS["behaviors"]
EXCLUSIVE = SETTINGS["exclusive"]
BUNDLE = read_bundle(SETTINGS["models"]) if SETTINGS["models"] != "none" else None
LABELLED = [name for name, video in VIDEOS.items() if video.labels]
PART_OF = {name: part for part, names in PROJECT.main.split.parts.items() for name in names}
PACKS = find_packs()
SHARED = packs.shared(PACKS, VIDEOS)  # packs by number
workplace.bind_jobs()
if workflow.deployment_settings.deployment_method:
    workplace.share_library()  # environments made by Snakemake have everything but ethomake itself


def bundle_files():
    """Return the files of the bundle that is made here."""
    if BUNDLE:
        stop(f"config: models = {BUNDLE.folder}: this project trains nothing to bundle; share that folder instead")
    return list(rules.make_bundle.output)


def keep_splits():
    """Write the splits and the packs: they are read again by the next run, and by jobs on a cluster."""
    write_packs(PACKS)
    for run in [] if BUNDLE else RUNS.values():
        seed, split = run.settings["seed"], run.split
        write_split(f"results/splits/{run.name}.json", split.remembered, run=run.name, seed=seed, flow=split.flow)


if workflow.is_main_process:
    for line in PROJECT.notes:
        note(f"note: {line}")
    begin(workflow)
elif workflow.remote_exec:
    begin_on_node()


wildcard_constraints:
    video=packs.alone(SHARED.values()),  # packs.smk has the rules for the others
    run="[A-Za-z0-9_-]+",
    stream="spatial|motion",


def video_of(wildcards):
    """Return the row of the video table for the video of a job."""
    if wildcards.video not in VIDEOS:
        stop(f"{wildcards.video}: no video of this name in the video table")
    return VIDEOS[wildcards.video]


def run_of(name):
    """Return a run by its name."""
    if name not in RUNS:
        stop(f"{name}: no run of this name; there is {', '.join(RUNS)}")
    return RUNS[name]


def home(stage, run):
    """Return the run whose folder has the results of a stage (see docs/runs.md)."""
    return PROJECT.homes[stage, run_of(run).name]


def part_of(run, part):
    """Return the names of the videos of a part in a run; `flow.train` is that of the flow network."""
    return runs.part_of(run_of(run).split, part)


def at_home(stage, pattern):
    """Return an input function: the file of `pattern`, at the home of the stage that makes it."""
    return lambda wildcards: pattern.format(**dict(wildcards.items()) | {"run": home(stage, wildcards.run)})


def part_files(part, pattern, stage="ingest"):
    """Return an input function: the file of `pattern` for each video of a part, at the home of the stage."""
    return lambda wildcards: expand(pattern, video=part_of(wildcards.run, part), run=home(stage, wildcards.run))


def stored_frames(part):
    """Return an input function: the frame stores of a part. Ancient: video.json, beside them, says when they change."""
    files = "results/ingest/{video}/{file}"
    return lambda wildcards: ancient(
        expand(files, video=part_of(wildcards.run, part), file=["frames.mjpeg", "frames.npy"])
    )


def trained_on(*parts):
    """Return a param: the videos of some parts. Snakemake does not notice a video that moves between two."""
    return lambda wildcards: {part.removeprefix("flow."): part_of(wildcards.run, part) for part in parts}


def weights_input(section):
    """Return an input function: the file of weights that a section of the config starts from, if it names one."""

    def find(wildcards):
        weights = run_of(wildcards.run).settings[section]["weights"]
        return [weights] if is_weights_file(weights) else []

    return find


def settings_of(stage, section):
    """Return a param: a section of the settings of a job's run, as far as a stage depends on it; or a value (`seed`).

    `stage` is its name, or a function of the wildcards that returns it.
    """

    def find(wildcards):
        name = stage(wildcards) if callable(stage) else stage
        return runs.stage_settings(name, run_of(wildcards.run).settings)[section]

    return find


@cache
def code_of(script):
    """Return a param: the digest of a script and the modules it imports. A comment or a message does not change it."""
    return code_digest(ROOT / "workflow" / "scripts" / f"{script}.py")


def checkpoint_of(stage, script):
    """Return a param: where a job keeps its state. Not an output, so that it survives a kill; named by settings, code.

    `stage` is its name, or a function of the wildcards that returns it.
    """

    def find(wildcards):
        name = stage(wildcards) if callable(stage) else stage
        made_with = runs.stage_settings(name, run_of(wildcards.run).settings)
        streams = run_of(wildcards.run).settings["streams"]["enabled"]
        digest = short_digest(code_of(script), made_with, BEHAVIORS, EXCLUSIVE, streams)
        return f"results/.checkpoints/{name}-{'+'.join(wildcards)}-{digest}"

    return find


def trained_models(run):
    """Return (name, weights file) of each network that extracts features."""
    streams = run_of(run).settings["streams"]
    names = ["flow"] if "motion" in streams["enabled"] else []
    names += [name for name in ("spatial", "motion") if name in streams["enabled"]]
    if BUNDLE:  # beside what was trained here, so that a training is not lost while a bundle is in use
        return [(name, f"results/models/{name}.safetensors") for name in names]
    if streams["joint_epochs"]:
        return [(name, f"results/streams/{home('joint', run)}/joint/{name}.safetensors") for name in names]
    files = {name: f"results/streams/{home(name, run)}/{name}/weights.safetensors" for name in ("spatial", "motion")}
    files["flow"] = f"results/flow/{home('flow', run)}/weights.safetensors"
    return [(name, files[name]) for name in names]


def sequence_model(run):
    """Return the weights file of the sequence model."""
    if BUNDLE:
        return "results/models/sequence.safetensors"
    return f"results/sequence/{home('sequence', run)}/weights.safetensors"


# The file of thresholds, by which probabilities become decisions.
THRESHOLDS = "results/models/thresholds.json" if BUNDLE else "results/ethograms/{run}/thresholds.json"

# The titles of the learning curves.
TITLES = {"flow": "Flow network", "spatial": "Spatial stream", "motion": "Motion stream"}
TITLES |= {"joint": "Both streams together", "sequence": "Sequence model"}


def learning_curves(run):
    """Return (title, figure of the curves) of each training; a bundle has none."""
    curves = []
    for stage, title in TITLES.items():
        if not BUNDLE and runs.STAGES[stage].is_used(run_of(run).settings):
            folder = f"streams/{home(stage, run)}/{stage}" if stage in ("spatial", "motion", "joint") else None
            curves.append((title, f"results/{folder or f'{stage}/{home(stage, run)}'}/curves.svg"))
    return curves


def curves_title(wildcards):
    """Return the title of a figure of learning curves."""
    return next(title for stage, title in TITLES.items() if stage in wildcards.trained.split("/")[::2])


# For tables and report: the animal and group of each video.
SUBJECTS = {name: {"subject": video.subject, "group": video.group} for name, video in VIDEOS.items()}


def report_rows(wildcards):
    """Return a param: name, part, subject and group of each video."""
    parts = run_of(wildcards.run).split.parts
    part_of = {name: part for part, names in parts.items() for name in names}
    return [{"video": name, "part": part_of.get(name, ""), **SUBJECTS[name]} for name in VIDEOS]


def learned_from(run):
    """Return the videos that networks and thresholds are fitted on; none with a bundle."""
    parts = ("train", "validate", "flow.train", "flow.validate")
    return [] if BUNDLE else sorted({name for part in parts for name in part_of(run, part)})


def evaluation_of(run):
    """Return the files of a run's evaluation; none if it has no test videos."""
    files = evaluation_files.FILES if part_of(run, "test") else []
    return expand("results/evaluation/{run}/{file}", run=home("evaluation", run), file=files)


def ethograms_of(run, pattern):
    """Return a file of a run's ethograms, for each video."""
    return expand("results/ethograms/{run}/" + pattern, run=home("ethogram", run), video=VIDEOS)
