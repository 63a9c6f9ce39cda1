# Many short videos: one job does for a pack of them what a rule does for each of them, and starts only once.
# Each of the rules below is one of the rules above for the videos of a pack: same files, script and settings.

# A job on a cluster is told the rules that it may need; to define the packs of thousands of videos would take it longer
# than many a pack.
ALLOWED = set(sys.argv) if "--allowed-rules" in sys.argv and not workflow.is_main_process else None


for stage in [workflow.get_rule(name) for name in PACKED if workflow.is_rule(name)]:
    packs = [(name, videos, wildcards_of(stage, run, videos)) for name, run, videos in packs_of(stage)]
    packs = [pack for pack in packs if ALLOWED is None or pack[0] in ALLOWED]
    files = {name: list(outputs_of(stage, jobs)) for name, _, jobs in packs}
    leave(stage, [path for name in files for path in files[name]])
    for name, videos, jobs in packs:

        rule:
            name:
                name
            input:
                inputs_of(stage, jobs),
            output:
                files[name],
            log:
                [str(file) for wildcards in jobs for file in stage.expand_log(wildcards)],
            benchmark:
                f"benchmarks/jobs/packs/{name}.tsv"
            conda:
                stage.conda_env
            threads: stage.resources["_cores"].value
            resources:
                **resources_of(stage, jobs),
            params:
                pack=pack_of(stage, jobs),
                settings=settings_of(stage, jobs),
            message:
                stage.message.replace("{wildcards.video}", f"{len(videos)} videos from {videos[0]} on")
            script:
                "../scripts/run_pack.py"

        PACK_RULES[name] = stage.name
        make_only(workflow.get_rule(name), files[name])
        workflow.get_rule(name).__class__ = PackRule
