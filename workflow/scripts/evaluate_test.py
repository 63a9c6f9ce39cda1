"""Score the predictions of the test videos."""

from ethomake.job import job

with job(snakemake):
    from ethomake.evaluation.evaluate import evaluate

    evaluate(
        list(zip(snakemake.input.predictions, snakemake.input.labels, snakemake.input.videos, strict=True)),
        snakemake.output.metrics_json,
        snakemake.output.metrics_csv,
        snakemake.output.per_video_csv,
        snakemake.output.precision_recall_csv,
        snakemake.output.calibration_csv,
        snakemake.output.confusion_csv,
        snakemake.output.bout_statistics_csv,
        behaviors=snakemake.params.behaviors,
        chance_shifts=snakemake.params.chance_shifts,
        seed=snakemake.params.seed,
        learned=snakemake.input.learned,
    )
