# One job processes a pack of videos, and starts only once: of many short videos for all rules, of others for the rules
# after the features. Each of the rules below is one of the rules above for the videos of a pack: same files, script and
# settings.

PACK_RULES = {}  # rule of a pack -> rule of single videos

for pack in packs.pack_rules(
    workflow,
    SHARED,
    SHARED_LATE,
    ESTIMATES,
    others={"run": RUNS},
    apart={"check_labels": {name: PART_OF.get(name, "") for name in LABELLED}},
):

    rule:
        name:
            pack.name
        input:
            pack.input,
        output:
            pack.output,
        log:
            pack.log,
        benchmark:
            pack.benchmark
        group:
            pack.group
        conda:
            pack.conda
        threads: pack.threads
        resources:
            **pack.resources,
        params:
            pack=pack.pack,
            settings=pack.settings,
        message:
            pack.message
        script:
            "../scripts/run_pack.py"

    PACK_RULES[pack.name] = pack.stage
