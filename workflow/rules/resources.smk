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


ESTIMATES = Estimates(workflow, EXPERIMENT)
memory_of, time_of = ESTIMATES.memory_of, ESTIMATES.time_of
