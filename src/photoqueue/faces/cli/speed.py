"""How long the jobs of a demonstration waited and ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from photoqueue.faces.cli import words
from photoqueue.faces.cli.output import number_column, show, table

if TYPE_CHECKING:
    import pandas as pd


def show_speed(jobs: pd.DataFrame, seconds: float) -> None:
    """Show medians and 95th percentiles of photo jobs, and their rate.

    Parameters
    ----------
    jobs : pandas.DataFrame
        Polled batches: one row a job.
    seconds : float
        From the first submission to the last result.
    """
    drawn = table()
    drawn.add_column("EACH PHOTO", no_wrap=True)
    number_column(drawn, "MEDIAN (P50)")
    number_column(drawn, "95 % WITHIN (P95)")
    for label, column in (("waited", "wait_ms"), ("ran", "job_duration_ms")):
        low, high = jobs[column].quantile([0.5, 0.95])
        drawn.add_row(label, words.duration(low), words.duration(high))
    show(drawn)
    show(
        f"{words.counted(len(jobs), 'photo')} in {words.duration(seconds * 1000)}: "
        f"{len(jobs) / seconds:.1f} photos a second, submitting included."
    )
