# The networks, thresholds and scores of run `main` -> one folder for other projects; and back, if `models` names one.

MODELS = dict(trained_models("main")) | {"sequence": sequence_model("main")}
SCORES = [path for path in evaluation_of("main") if Path(path).name in evaluation_files.PASSED_ON]


if BUNDLE:

    rule take_models:
        input:
            **DATA.bundle_input(),
        output:
            **MODELS,
            thresholds=THRESHOLDS.format(run="main"),
            manifest="results/models/bundle.json",
        log:
            "logs/models.log",
        benchmark:
            "benchmarks/jobs/models.tsv"
        priority: 1
        conda:
            "../../envs/learning.yaml"
        threads: 1
        resources:
            mem_mb=memory_of("take_models"),
            runtime=time_of("take_models"),
        params:
            code=code_of("take_models"),
            source=DATA.bundle_source,
            bundle=lambda wildcards: Uncompared(BUNDLE.folder),
        message:
            "Copying the models of the bundle"
        script:
            "../scripts/take_models.py"

else:

    rule make_bundle:
        input:
            **MODELS,
            thresholds=THRESHOLDS.format(run="main"),
            evaluation=SCORES,
            train=expand("results/ingest/{video}/video.json", video=part_of("main", "train")),
            train_labels=expand("results/labels/{video}.csv", video=part_of("main", "train")),
            validate=expand("results/ingest/{video}/video.json", video=part_of("main", "validate")),
            validate_labels=expand("results/labels/{video}.csv", video=part_of("main", "validate")),
            flow_videos=expand(
                "results/ingest/{video}/video.json",
                video=part_of("main", "flow.train") + part_of("main", "flow.validate"),
            ),
        output:
            manifest="results/bundle/bundle.json",
            settings="results/bundle/config.yaml",
            card="results/bundle/README.md",
            weights=expand("results/bundle/{name}.safetensors", name=MODELS),
            thresholds="results/bundle/thresholds.json",
            evaluation=[f"results/bundle/evaluation/{Path(path).name}" for path in SCORES],
        log:
            "logs/bundle.log",
        benchmark:
            "benchmarks/jobs/bundle.tsv"
        conda:
            "../../envs/learning.yaml"
        threads: 1
        resources:
            mem_mb=memory_of("make_bundle"),
            runtime=time_of("make_bundle"),
        params:
            code=code_of("make_bundle"),
            models=list(MODELS),
            settings=DATA.described_settings,
            rates=rates_of(part_of("main", "learning")),
        message:
            "Making a bundle of the trained networks"
        script:
            "../scripts/make_bundle.py"
