"""The WSGI entry point: `granian --interface wsgi wsgi:app`, `flask --app wsgi …`."""

from webapp.app import create_app
from webapp.ops.logs import log_to_stderr

log_to_stderr()
app = create_app()
