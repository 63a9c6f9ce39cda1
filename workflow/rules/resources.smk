# Memory and time of jobs, as estimated by ethomake/scheduling/resources.py, and twice as much in each further attempt.


def frames_of(name):
    """Return the number of frames of a video: an estimate until it is ingested."""
    drawn = SETTINGS["simulated"]["seconds"] * SETTINGS["simulated"]["fps"]
    otherwise = {"otherwise": drawn} if SETTINGS["example"] == "simulated" else {}
    return count_frames(f"results/ingest/{name}/frames.npy", VIDEOS[name].path, **otherwise)


EXPERIMENT = Experiment(
    runs=RUNS,
    frames=frames_of,
    megabytes=lambda name: count_megabytes(VIDEOS[name].path),
    videos=list(VIDEOS),
)


ESTIMATES = Estimates(workflow, EXPERIMENT)
memory_of, time_of = ESTIMATES.memory_of, ESTIMATES.time_of
