"""Showing what a run has learned: figures, and a page that says whether it is any good.

What is written has these names; the rest is imported where it is used, since drawing takes a second to load.
"""

PAGE, FOLDER = "report.html", "figures"
FIGURES = (
    *("baselines", "columns", "contributions", "dependence", "dimensions", "error_by_dimension"),
    *("interpolations", "latent_map", "learning_curve", "marginals", "reconstructions", "samples", "scores"),
    *("seeds", "surprising", "traversals"),
)
ENDINGS = (".png", ".svg", ".csv")
