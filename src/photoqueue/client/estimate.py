"""Estimates of a project's move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from photoqueue.client.corrections import read_inventory
from photoqueue.installation import current
from photoqueue.inventory.estimating import estimate_of, terms_of
from photoqueue.inventory.wording import Wording
from photoqueue.records.estimates import Access, Estimate, Packing, Rates, Units, Vehicle


def estimate(
    project_id: str,
    *,
    access: Sequence[Access | Mapping[str, Any]] | None = None,
    rates: Rates | Mapping[str, Any] | None = None,
    vehicles: Sequence[Vehicle | Mapping[str, Any]] = (),
    vehicle: str | None = None,
    cartons: int | Mapping[str, int] | None = None,
    packing: Packing = "self",
    crew: int | None = None,
    driving_hours: float | None = None,
    km: float | None = None,
    units: Units = "metric",
    lang: str | None = None,
) -> Estimate:
    """Estimate a move from its inventory with all edits; an estimate is not a quote.

    Parameters
    ----------
    project_id
        The project.
    access
        Two, of the end where it is loaded and of the end where it is unloaded; default is the
        ground floor near the vehicle.
    rates
        What you charge; without them there is no price.
    vehicles
        Your own ones; default are usual lorries.
    vehicle
        Name of the one that drives; default is the smallest that needs the fewest loads.
    cartons
        Your own figure, with the cartons that photos show: of the move, or by room. Default is
        estimated from rooms and furniture.
    packing
        What you pack: nothing (``self``), what is ``fragile``, or everything (``full``). It changes
        hours and material, never the volume.
    crew
        Persons; default follows from volume, heaviest thing and stairs.
    driving_hours, km
        One way, from home to home. Without hours, km are driven at 50 km/h.
    units
        ``metric`` or ``imperial`` (ft³, lb), for the texts and lines of working.
    lang
        ``en`` or ``fr``; default is that of the settings.

    Raises
    ------
    UnknownProjectError
        No photo was submitted for the project.
    NotFoundError
        The project was not added up yet.
    PayloadError
        A figure is missing, unknown or out of its range; the message names each.
    ConfigurationError
        There are no texts in this language.

    Examples
    --------
    >>> made = estimate("move-42", access=[{"floor": 3}, {"floor": 0}])  # doctest: +SKIP
    >>> made.volume.usual, made.crew, made.hours.total  # doctest: +SKIP
    """
    terms = terms_of(
        {
            "access": access,
            "rates": rates,
            "vehicles": vehicles,
            "vehicle": vehicle,
            "cartons": cartons,
            "packing": packing,
            "crew": crew,
            "driving_hours": driving_hours,
            "km": km,
            "units": units,
        }
    )
    wording = Wording.of(lang, current().settings)
    found = read_inventory(project_id)
    return estimate_of(found, wording.catalogue, terms, lang=wording.language)
