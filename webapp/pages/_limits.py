"""A coarse brake on changes per address: a script that floods forms gets 429. Counts in memory, or shared by REDIS_URL.

Attempts at passwords and mails are counted in the database (services.throttle), for every worker alike (T8).
"""

from __future__ import annotations

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

#: get_remote_address is the peer's address; X-Forwarded-For counts only behind TRUSTED_PROXIES (ProxyFix in app.py).
limiter = Limiter(
    key_func=get_remote_address,
    default_limits=["240/minute"],
    default_limits_exempt_when=lambda: request.method in {"GET", "HEAD"},
)
