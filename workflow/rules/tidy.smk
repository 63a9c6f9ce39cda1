# Results of videos that are not in the table any more: listed by `tidy`, removed by `tidy_now`.

with in_one_line():
    LEFTOVERS = DATA.leftovers()

if workflow.is_main_process:
    for line in note_leftovers(LEFTOVERS, VIDEOS):
        note(f"note: {line}")


rule tidy:
    log:
        "logs/tidy.log",
    localrule: True
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        leftovers=LEFTOVERS,
        is_meant=False,
    message:
        "Looking for results of videos that are not in the table"
    script:
        "../scripts/tidy_results.py"


rule tidy_now:
    log:
        "logs/tidy_now.log",
    localrule: True
    conda:
        "../../envs/learning.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        leftovers=LEFTOVERS,
        is_meant=True,
    message:
        "Removing the results of videos that are not in the table"
    script:
        "../scripts/tidy_results.py"
