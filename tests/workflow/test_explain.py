"""What a dry run says of a finished project after a change."""


def test_a_dry_run_says_in_words_why_each_job_runs(run_snakemake, finished, tiny):
    tiny["sequence"]["hidden"] = 32
    outcome = run_snakemake(finished, "--dry-run", config=tiny)
    assert outcome.status == 0, outcome.output[-2000:]
    reasons = [line.removeprefix("Reason: ") for line in outcome.output.splitlines() if line.startswith("Reason: ")]
    assert len(reasons) == outcome.jobs["total"]
    assert "the setting hidden is 32, was 64" in reasons
    assert "its inputs are recomputed: the weights of the sequence model" in reasons
    assert "it is what you asked for" in reasons
    assert not any(file in reason for reason in reasons for file in ("results/", ".csv"))
    assert "--rerun-triggers" not in outcome.output, "no advice how to keep what is outdated"


def test_what_was_asked_for_and_what_is_gone(run_snakemake, finished, tiny):
    outcome = run_snakemake(finished, "--dry-run", "--forcerun", "summarize_bouts", config=tiny)
    assert "Reason: you asked for it" in outcome.output
    outcome = run_snakemake(finished, "--dry-run", "--force", "results/ethograms/main/summary.csv", config=tiny)
    assert "Reason: you asked for it" in outcome.output
