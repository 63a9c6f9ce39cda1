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
