"""Showing what a run has learned: figures, and a page that says whether it is any good.

What is written has these names; the rest is imported where it is used, since drawing takes a second to load.
"""

PAGE, FOLDER = "report.html", "figures"
FIGURES = (
    *("baselines", "columns", "contributions", "dependence", "dimensions", "error_by_dimension"),
    *(
        "guessed",
        "interpolations",
        "latent_map",
        "learning_curve",
        "marginals",
        "reconstructions",
        "samples",
        "scores",
    ),
    *("seeds", "surprising", "traversals"),
    *(
        "doctor_posterior_collapse",
        "doctor_over_regularised",
        "doctor_under_regularised",
        "doctor_dead_units",
    ),
    *("doctor_dead_codes", "doctor_decoder_scale", "doctor_critic_too_strong", "doctor_critic_too_weak"),
    *("doctor_over_fitting", "doctor_worse_than_pca", "doctor_blurred", "doctor_scale", "doctor_identity"),
)
ENDINGS = (".png", ".svg", ".csv")
