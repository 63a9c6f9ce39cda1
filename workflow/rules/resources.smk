# What jobs ask of the machine: memory and time as ethomake/scheduling/resources.py estimates them, twice as much in each
# new try.


def frames_of(name):
    """Frames of a video: exactly, once it is ingested."""
    drawn = SETTINGS["simulated"]["seconds"] * SETTINGS["simulated"]["fps"]
    otherwise = {"otherwise": drawn} if SETTINGS["example"] == "simulated" else {}
    return count_frames(f"results/ingest/{name}/frames.npy", VIDEOS[name].path, **otherwise)


EXPERIMENT = Experiment(
    runs=RUNS,
    frames=frames_of,
    megabytes=lambda name: count_megabytes(VIDEOS[name].path),
    videos=list(VIDEOS),
)


def gpus_of(rule):
    """How many GPUs its jobs are given. A machine without one says `gpu=0` among its resources, or for a rule."""
    asked = workflow.get_rule(rule).resources.get("gpu") if workflow.is_rule(rule) else None
    return (asked.constrain(workflow.global_resources.get("gpu")).value or 0) if asked else 0


def memory_of(rule, jobs=None):
    """A resource: megabytes of memory for a job of a rule; or for one that does all of some jobs (their wildcards)."""

    def find(wildcards, attempt):
        needed = need(EXPERIMENT, rule, jobs or [dict(wildcards.items())])
        return memory_to_ask(needed, videos=len(VIDEOS), gpus=gpus_of(rule), attempt=attempt)

    find.of_all = lambda jobs: memory_of(rule, jobs)
    return find


def time_of(rule, jobs=None):
    """A resource: minutes; as `memory_of`."""

    def find(wildcards, threads, attempt):
        needed = need(EXPERIMENT, rule, jobs or [dict(wildcards.items())])
        return minutes_to_ask(needed, threads=threads, gpus=gpus_of(rule), attempt=attempt)

    find.of_all = lambda jobs: time_of(rule, jobs)
    return find


def cost_table():
    """What all jobs of the project cost, as they are: with the rules and packs there are, threads and GPUs."""
    jobs = [job for job in jobs_of(EXPERIMENT, PACKS) if workflow.is_rule(job[0])]
    threads = {rule: workflow.get_rule(rule).resources["_cores"].value for rule, _ in jobs}
    rows = price(EXPERIMENT, jobs, threads.get, gpus_of)
    counted = sum(Path(f"results/ingest/{name}/frames.npy").is_file() for name in VIDEOS)
    note = f"frames are counted for {counted} of {len(VIDEOS)} videos"
    return f"{note}{'' if counted == len(VIDEOS) else '; `snakemake frames` counts the others'}\n\n{table(rows)}"
