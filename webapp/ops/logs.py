"""Where the log goes: standard error, one line per event. Called by the entry points, never by the application."""

from __future__ import annotations

import logging
import os

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send our own loggers (`vitrine.*`) to standard error; a second call changes nothing.

    A line per request only with ACCESS_LOG=1: the proxy in front of a site has one, and it costs a tenth of a page.
    """
    if os.environ.get("ACCESS_LOG") != "1":
        logging.getLogger("vitrine.access").setLevel(logging.WARNING)
    root = logging.getLogger("vitrine")
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT))
        root.addHandler(handler)
        root.setLevel(level)
        root.propagate = False
