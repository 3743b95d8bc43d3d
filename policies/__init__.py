"""The kernel: every decision about who sees what and who earned what. No I/O, no clock; needs pluggy only."""

from policies.hookspecs import hookimpl

__all__ = ["hookimpl"]
