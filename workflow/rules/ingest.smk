# Raw videos -> frame stores. After this stage nobody opens a raw video again.


rule ingest_video:
    input:
        DATA.source_input("video"),
    output:
        frames="results/ingest/{video}/frames.mjpeg",
        index="results/ingest/{video}/frames.npy",
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
        settings=SETTINGS["ingest"],
    message:
        "Reading the frames of {wildcards.video}"
    script:
        "../scripts/ingest_video.py"


# Before anything is trained. Ancient for what depends on it: it is no part of a result.
rule compare_videos:
    input:
        expand("results/ingest/{video}/video.json", video=DATA.compared),
    output:
        "results/compared.json",
    log:
        "logs/compared.log",
    benchmark:
        "benchmarks/jobs/compared.tsv"
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
