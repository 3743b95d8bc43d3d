"""The state machine of linked accounts, on both databases: small here, larger in `make long`."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.services.link_machine import LinkMachine
from webapp.services.context import Context


def run(ctx: Context, examples: int, steps: int, *, shrink: bool = True) -> None:
    machine = type("Machine", (LinkMachine,), {"ctx": ctx})
    phases = [Phase.generate, Phase.shrink] if shrink else [Phase.generate]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, phases=phases,
            suppress_health_check=list(HealthCheck), derandomize=not shrink,
        ),
    )  # fmt: skip


def test_random_histories_of_links_keep_every_invariant(ctx: Context) -> None:
    run(ctx, 12, 25)


@pytest.mark.long
def test_many_random_histories_of_links_keep_every_invariant(ctx: Context) -> None:
    run(ctx, 500, 50)
