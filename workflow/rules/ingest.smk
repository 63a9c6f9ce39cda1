# Raw videos -> frame stores. After this stage nobody opens a raw video again.


rule ingest_video:
    input:
        DATA.source_input("video"),
        track=DATA.source_input("track"),
    output:
        frames="results/ingest/{video}/frames.mjpeg",
        index="results/ingest/{video}/frames.npy",
        places="results/ingest/{video}/track.npy",
        manifest="results/ingest/{video}/video.json",
    log:
        "logs/ingest/{video}.log",
    benchmark:
        "benchmarks/jobs/ingest/{video}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("ingest_video"),
        runtime=time_of("ingest_video"),
    params:
        code=code_of("ingest_video"),
        source=DATA.source("video"),
        crop=lambda wildcards: video_of(wildcards).crop,
        track=DATA.source("track"),
        animal=lambda wildcards: video_of(wildcards).animal,
        following=DATA.following,
        settings=SETTINGS["ingest"],
    message:
        "Reading the frames of {wildcards.video}"
    script:
        "../scripts/ingest_video.py"


# No training waits for it: an `ancient` input that is made anew hides from Snakemake why jobs after it are outdated. It
# comes before them, and if it fails, no further job is begun.
rule compare_videos:
    input:
        expand("results/ingest/{video}/video.json", video=DATA.compared),
    output:
        "results/compared.json",
    log:
        "logs/compared.log",
    benchmark:
        "benchmarks/jobs/compared.tsv"
    priority: 100
    localrule: True
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("compare_videos"),
        runtime=time_of("compare_videos"),
    params:
        code=code_of("compare_videos"),
        parts=DATA.parts_by_run,
    message:
        "Comparing the frames of the videos"
    script:
        "../scripts/compare_videos.py"
