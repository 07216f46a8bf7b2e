"""How many examples a test tries; see also the profile in conftest.py."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

#: Chosen on the command line: ``--hypothesis-profile=long``, which is what ``make fuzz`` does.
LONG = "long"
_MANY = 50_000


def tried(examples: int) -> settings:
    """Return settings that try so many examples, or very many in the long profile."""
    long = settings.get_current_profile_name() == LONG
    return settings(
        max_examples=_MANY if long else examples,
        # A loaded machine is slow, which is nobody's fault.
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
