"""What several do at the same moment: calls in threads, each with a database connection of its own. Not processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from webapp.store.database import Database


def at_once(db: Database, *calls: Callable[[], Any], expected: tuple[type[Exception], ...] = ()) -> list[Any]:
    """What each call returned, in their order; they start together. An `expected` error stands as the result of its
    call, any other fails the test."""
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)
    errors: list[BaseException] = []

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait(10)
            results[number] = call()
        except expected as error:
            results[number] = error
        except BaseException as error:
            errors.append(error)
        finally:
            db.close()

    threads = [threading.Thread(target=run, args=(number, call)) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "two wait for each other"
    assert errors == []
    return results


class Beside:
    """A verb in a thread of its own, with its own connection; `result` is what it returned or raised."""

    def __init__(self, db: Database, act: Callable[[], object]) -> None:
        self.result: object = None

        def run() -> None:
            try:
                self.result = act()
            except Exception as error:
                self.result = error
            finally:
                db.close()

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def waits(self, db: Database) -> None:
        """Until it waits for a lock of this transaction."""
        for _ in range(500):
            if db.row("SELECT 1 FROM pg_locks WHERE NOT granted"):
                return
            threading.Event().wait(0.01)
        raise AssertionError(f"it waits for nothing: {self.result!r}")

    def end(self) -> object:
        self.thread.join(30)
        assert not self.thread.is_alive()
        return self.result
