"""The one rate limiter (T8). Views take `@limiter.limit("10/minute")`; counts are in memory, or shared by REDIS_URL."""

from __future__ import annotations

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

#: get_remote_address is the peer's address; X-Forwarded-For counts only behind TRUSTED_PROXIES (ProxyFix in app.py).
limiter = Limiter(key_func=get_remote_address)
