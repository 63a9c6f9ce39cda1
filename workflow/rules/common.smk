# The checked project and what several stages ask of it. No stage's own matters here.

from functools import cache


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
SHARED = packs.shared(PACKS, VIDEOS)  # by their numbers
workplace.bind_jobs()
if workflow.deployment_settings.deployment_method:
    project_config.share_library()  # environments made by Snakemake have everything but ethomake itself


def bundle_files():
    """The files of the bundle that is made here."""
    if BUNDLE:
        stop(f"config: models = {BUNDLE.folder}: this project trains nothing to bundle; pass that folder on instead")
    return list(rules.make_bundle.output)


def keep_splits():
    """Write down who trains, validates and tests, and who shares jobs: read again by the next run, and by jobs."""
    write_packs(PACKS)
    for split, parts in KEPT_SPLITS.items():
        write_split(f"results/splits/{split}.json", parts, split=split, seed=SEED, flow=FLOW_SPLITS[split])


if workflow.is_main_process:
    for line in PROJECT.notes:
        note(f"note: {line}")
    begin(workflow)
elif workflow.remote_exec:
    begin_on_node()


wildcard_constraints:
    video=packs.alone(SHARED.values()),  # packs.smk has the rules for the others
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
EVALUATION_FIGURES = ["scores", "precision_recall", "confusion", "calibration", "bout_statistics"]
EVALUATION_TABLES = ["metrics.json", "metrics.csv", "per_video.csv", "precision_recall.csv", "calibration.csv"]
EVALUATION_TABLES += ["confusion.csv", "bout_statistics.csv"]
EVALUATION_FILES = EVALUATION_TABLES + [f"{name}.{kind}" for name in EVALUATION_FIGURES for kind in ("png", "svg")]
EVALUATION = expand("results/evaluation/{file}", file=EVALUATION_FILES) if TEST else []
