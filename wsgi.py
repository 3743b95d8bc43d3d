"""The WSGI entry point: `granian --interface wsgi wsgi:app`, `flask --app wsgi …`."""

import gc

from webapp.app import create_app
from webapp.ops.logs import log_to_stderr

log_to_stderr()
app = create_app()
# What is there by now stays: the collector need not walk it again and again while requests wait.
gc.collect()
gc.freeze()
