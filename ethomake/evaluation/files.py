"""The files of an evaluation, all in one folder: the single list for all code that writes or reads them."""

TABLES = (
    *("metrics.json", "metrics.csv", "per_video.csv", "precision_recall.csv", "calibration.csv", "confusion.csv"),
    "bout_statistics.csv",
)
"""What `evaluate` writes."""

DRAWN = ("metrics.json", "precision_recall.csv", "calibration.csv", "confusion.csv", "bout_statistics.csv")
"""Those that figures are drawn from."""

FIGURES = ("scores", "precision_recall", "confusion", "calibration", "bout_statistics")
"""What `draw_evaluation` draws, in the order of the report; each as PNG and as SVG."""

FILES = (*TABLES, *(f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg")))
"""All of them."""

RATERS_MAP = "disagreement"
"""The figure of where two raters differ."""

RATERS = ("agreement.csv", "reliability.csv", f"{RATERS_MAP}.png", f"{RATERS_MAP}.svg")
"""What `compare_raters` writes, in results/labels/raters."""

PASSED_ON = ("metrics.json", "metrics.csv", *(f"{name}.png" for name in FIGURES))
"""Those that go into a bundle, beside its model card."""
