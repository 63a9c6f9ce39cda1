"""Write the report, one self-contained page."""

from pathlib import Path

from ethomake.job import job

with job(snakemake):
    from ethomake.report.report import write_report
    from ethomake.training.header import read_header

    source, params = snakemake.input, snakemake.params
    imported = {Path(path).stem: path for path in source.imported}
    videos = [
        row | {"manifest": manifest, "ethogram": ethogram, "imported": imported.get(row["video"])}
        for row, manifest, ethogram in zip(params.rows, source.videos, source.ethograms, strict=True)
    ]
    write_report(
        snakemake.output[0],
        videos=videos,
        behaviors=params.behaviors,
        exclusive=params.exclusive,
        summary=source.summary,
        transitions=source.transitions,
        thresholds=source.thresholds,
        evaluation=Path(source.evaluation[0]).parent if source.evaluation else None,
        checks=Path(source.checks[0]).parent if source.checks else None,
        raters=Path(source.raters[0]).parent if source.raters else None,
        streams=source.streams[0] if source.streams else None,
        curves=list(zip(params.titles, source.curves, strict=True)),
        motion_seen=read_header(source["flow"]).get("motion_seen") if "flow" in params.models else None,
        weights={name: source[name] for name in [*params.models, "sequence"]},
        settings=params.settings,
        bundle=source.bundle[0] if source.bundle else None,
    )
