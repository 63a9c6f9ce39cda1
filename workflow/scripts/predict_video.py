"""Predict the probability of each behavior in each frame of one video."""

from ethomake.job import job

with job(snakemake):
    from ethomake.sequence.predict import predict_video

    predict_video(snakemake.input.features, snakemake.input.weights, snakemake.output[0])
