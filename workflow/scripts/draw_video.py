"""Draw one video of the simulated example and write its labels."""

from ethomake.job import job

with job(snakemake):
    from ethomake.example.simulated import draw_video

    draw_video(
        snakemake.output.video,
        snakemake.output.labels,
        video=snakemake.wildcards.video,
        settings=snakemake.params.settings,
    )
