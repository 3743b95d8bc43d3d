"""D19 on random histories: nothing but the owner's own act makes a field visible to somebody who could not see it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.policies.machine import NeverWidens

COMMON = settings(deadline=None, suppress_health_check=list(HealthCheck), stateful_step_count=40, print_blob=False)


def test_d19_never_widens() -> None:
    run_state_machine_as_test(NeverWidens, settings=settings(COMMON, max_examples=150))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_d19_never_widens_in_many_histories() -> None:
    run_state_machine_as_test(NeverWidens, settings=settings(COMMON, max_examples=3000))
