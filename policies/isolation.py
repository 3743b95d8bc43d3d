"""Calling a plugin so that nothing it does breaks a page: errors caught, answers checked, lateness noticed and counted.

A plugin is trusted code in the same process: it cannot be stopped half way, only not be asked again. What follows from
a failure (hidden, empty, skipped) is said by who asks. No clock is read here: it is handed in.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal, TypeVar

from policies.errors import ConfigError

log = logging.getLogger("vitrine.plugins")

T = TypeVar("T")
#: The folder of `policies`: lines of its own say nothing about a plugin.
_HERE = __file__.rpartition("isolation")[0]

#: Seconds that an answer may take, by what is asked.
BUDGETS: Final[dict[str, float]] = {
    "cell": 0.1, "veto": 0.1, "name": 0.1, "metric": 0.1, "rule": 0.1, "section": 0.25, "reaction": 1.0,
    "webhook": 1.0, "credential": 0.1,
}  # fmt: skip
#: Of failures that are all the same one in so many is logged.
_EVERY = 1000
#: As many overruns switch a plugin off.
OVERRUNS: Final = 3


class _Failed(Enum):
    FAILED = "failed"


FAILED: Final = _Failed.FAILED
Failed = Literal[_Failed.FAILED]


def in_words(error: BaseException) -> str:
    """An error at start, where no member's data is near, as the end of a sentence."""
    text = " ".join(str(error).split())[:300].rstrip(".")
    return f"{type(error).__name__}: {text}." if text else f"{type(error).__name__}."


def _is_somebodys_ctrl_c(error: BaseException) -> bool:
    """Only the main thread hears of a key: elsewhere it was the plugin that raised it."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def _place(error: BaseException) -> str:
    """The last line of the plugin's own file that the error came through, in words; "" where it came through none."""
    found, trace = "", error.__traceback__
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        name = path.replace("\\", "/").rpartition("/")[2]
        if not path.startswith(_HERE) and (not found or found.startswith(f" in {name} ")):
            found = f" in {name} line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


class Nonsense(Exception):
    """An answer that is none; the text says what was expected, never what was answered."""


@dataclass(slots=True)
class PluginErrors:
    """How often a plugin failed since its failures are counted or the last report, and how it failed last."""

    count: int = 0
    last: str = ""
    overruns: int = 0


class Isolation:
    """The one way to call plugins. `clock`: seconds that only grow; without one nothing is ever late, nor are those in
    `never_late`: the built-in ones, which a machine that stands still must not switch off."""

    def __init__(self, clock: Callable[[], float] | None = None, never_late: Collection[str] = ()) -> None:
        self._never_late = frozenset(never_late)
        self.reported_at = 0
        #: How many calls failed since the start, of all plugins; never goes down.
        self.total = 0
        self.errors: dict[str, PluginErrors] = {}
        #: Where each plugin's count began: a number that moves when its failures are forgotten.
        self.begun: dict[str, int] = {}
        self._unreported: dict[str, PluginErrors] = {}
        self._clock = clock or (lambda: 0.0)
        self._lock = threading.Lock()

    @property
    def has_news(self) -> bool:
        """Whether something failed since the last report."""
        return bool(self._unreported)

    @property
    def has_overruns(self) -> bool:
        """Whether somebody was late since the last report."""
        return any(errors.overruns for errors in list(self._unreported.values()))

    def count_from(self, begun: Mapping[str, int]) -> None:
        """Forget what was noted of a plugin whose count began anew since the last look."""
        with self._lock:
            for plugin, number in begun.items():
                if self.begun.get(plugin, 0) != number:
                    self.begun[plugin] = number
                    self.errors.pop(plugin, None)
                    self._unreported.pop(plugin, None)

    @property
    def unreported(self) -> dict[str, PluginErrors]:
        """What failed since the last report, by plugin, as a look at it."""
        with self._lock:
            return {plugin: replace(errors) for plugin, errors in self._unreported.items()}

    def report(self) -> dict[str, PluginErrors]:
        """What failed since the last report, by plugin; then that is forgotten."""
        with self._lock:
            news, self._unreported = self._unreported, {}
        return news

    def ask(
        self, plugin: str, what: str, budget: str, check: Callable[[Any], T], function: Callable[..., Any], *args: Any,
        passing: tuple[type[BaseException], ...] = (),
    ) -> T | Failed:  # fmt: skip
        """The checked answer, or FAILED: it raised, made no sense, or came late. `passing`: errors that are answers."""
        started = self._clock()
        problem = ""
        answer: T | Failed = FAILED
        try:
            answer = check(function(*args))
        except Nonsense as error:
            problem = f"{what} answered nonsense: {error}"
        except BaseException as error:
            if (passing and isinstance(error, passing)) or _is_somebodys_ctrl_c(error):
                raise
            # The text of an error may quote somebody's data; the place where it was raised does not.
            problem = f"{what} raised {type(error).__name__}{_place(error)}"
        if self._clock() - started > BUDGETS[budget] and plugin not in self._never_late:
            self.failed(plugin, problem or f"{what} took longer than {BUDGETS[budget]:g} s", late=True)
            return FAILED
        if problem:
            self.failed(plugin, problem)
        return answer

    def failed(self, plugin: str, problem: str, *, late: bool = False) -> None:
        """Note and log one failure under the plugin's name."""
        with self._lock:
            self.total += 1
            known = self.errors.get(plugin)
            is_news = late or known is None or known.last != problem
            for kept in (self.errors, self._unreported):
                errors = kept.setdefault(plugin, PluginErrors())
                errors.count += 1
                errors.last = problem
                errors.overruns += late
            count = self.errors[plugin].count
        if is_news or count % _EVERY == 0:      # what fails on every page must not fill the disk
            log.error("plugin %s: %s%s", plugin, problem, "" if is_news else f" (failure {count:,})")

    def at_start(self, plugin: str, what: str, check: Callable[[Any], T], function: Callable[..., Any]) -> T:
        """The answer to a `register_*` hook. Errors: ConfigError, which stops the start."""
        try:
            return check(function())
        except ConfigError:
            raise
        except Nonsense as error:
            raise ConfigError(f"Plugin {plugin}, {what}: {error}") from error
        except BaseException as error:
            if _is_somebodys_ctrl_c(error):
                raise
            raise ConfigError(f"Plugin {plugin} failed in {what}{_place(error)}: {in_words(error)}") from error
