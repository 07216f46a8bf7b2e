"""Where a checkout keeps its sample homes, and where commands put what they make of them."""

from __future__ import annotations

from pathlib import Path

from photoqueue.errors import ConfigurationError


def checkout() -> Path:
    """Return the checkout that this code runs from; for a wheel, a folder without samples."""
    return Path(__file__).resolve().parents[3]


def sample_homes() -> Path | None:
    """Return the folder of sample homes, or None where there are none."""
    from photoqueue.engines.samples import home_folders

    folder = checkout() / "data" / "samples"
    return folder if home_folders(folder) else None


def require_sample_homes() -> Path:
    """Return the folder of sample homes.

    Raises
    ------
    ConfigurationError
        This installation has none, as one from a wheel.
    """
    folder = sample_homes()
    if folder is None:
        raise ConfigurationError(
            f"There are no sample homes in {checkout() / 'data' / 'samples'}: an installed "
            "package does not carry them. Clone the repository and run `make demo` there, or "
            "try photos of your own: photoqueue demo FOLDER"
        )
    return folder


def output_folder() -> Path:
    """Return where commands write what they make of the samples."""
    return checkout() / "out"
