# The videos of the examples: real flies, downloaded from the package index, or simulated animals.


if SETTINGS["example"] == "flies":

    rule fetch_flies:
        output:
            "results/example/flies/sleap-1.3.1-py3-none-any.whl",
        log:
            "logs/example/fetch_flies.log",
        benchmark:
            "benchmarks/jobs/example/fetch_flies.tsv"
        conda:
            "../../envs/video.yaml"
        threads: 1
        resources:
            mem_mb=memory_of("fetch_flies"),
            runtime=time_of("fetch_flies"),
        params:
            code=code_of("fetch_flies"),
        message:
            "Downloading the videos of the flies from the package index"
        script:
            "../scripts/fetch_flies.py"

    for clip in sorted({name.split("_")[0] for name in VIDEOS}):

        rule:
            name:
                f"cut_flies_{clip}"
            input:
                wheel="results/example/flies/sleap-1.3.1-py3-none-any.whl",
            output:
                [path for name, video in VIDEOS.items() if name.startswith(clip) for path in (video.path, video.labels)],
            log:
                f"logs/example/cut_{clip}.log",
            benchmark:
                f"benchmarks/jobs/example/cut_{clip}.tsv"
            conda:
                "../../envs/video.yaml"
            threads: 1
            resources:
                mem_mb=memory_of("cut_flies"),
                runtime=time_of("cut_flies"),
            params:
                code=code_of("cut_flies"),
                clip=clip,
            message:
                "Cutting a video for each fly out of {params.clip}, and deriving the labels"
            script:
                "../scripts/cut_flies.py"


if SETTINGS["example"] == "simulated":

    rule draw_video:
        output:
            video="results/example/simulated/{video}.mp4",
            labels="results/example/simulated/{video}_labels.csv",
        log:
            "logs/example/{video}.log",
        benchmark:
            "benchmarks/jobs/example/{video}.tsv"
        conda:
            "../../envs/video.yaml"
        threads: 1
        resources:
            mem_mb=memory_of("draw_video"),
            runtime=time_of("draw_video"),
        params:
            code=code_of("draw_video"),
            settings={key: SETTINGS["simulated"][key] for key in ("seconds", "fps", "size", "seed")},
        message:
            "Drawing the simulated video {wildcards.video}"
        script:
            "../scripts/draw_video.py"
