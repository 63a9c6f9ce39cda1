"""Write all records as one W3C PROV document."""

from ethomake.job import job

with job(snakemake):
    from ethomake.provenance.export import export_records

    export_records(snakemake.params.document)
