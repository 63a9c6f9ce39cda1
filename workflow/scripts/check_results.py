"""Compare all results with the digests in their records."""

from ethomake.job import job

with job(snakemake):
    from ethomake.provenance.check import check_results

    check_results(sources=snakemake.params.sources)
