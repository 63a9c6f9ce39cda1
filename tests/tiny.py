"""Settings of the simulated example, as small as it can be and still pass through every stage; JSON is YAML."""

TINY = {
    "simulated": {
        "videos": 4,
        "seconds": 3,
        "fps": 20,
        "size": 64,
        "train": 1,
        "validate": 1,
        "test": 1,
        "unlabelled": 1,
    },
    "ingest": {"image_size": [32, 32]},
    "flow": {"epochs": 1, "steps": 2, "batch": 2},
    "streams": {"epochs": 1, "steps": 2, "batch": 4},
    "sequence": {"epochs": 1, "steps": 2, "batch": 2, "window": 30},
    "evaluation": {"chance_shifts": 5},
}
