"""Webhooks of sources: the plugin verifies the signature and reads the bytes, no more; what follows is ingest's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from policies.errors import Invalid, NotFound, Refused
from policies.terms import BadSignature, SourceInfo
from webapp.services import ingest
from webapp.services.context import Context
from webapp.services.ingest import Result

#: What a webhook may hold, in bytes.
LIMIT = 1024 * 1024


def find(ctx: Context, name: str) -> tuple[SourceInfo, str]:
    """The source of that name and the secret shared with it.

    Errors: NotFound where no plugin that is on receives for it, or the operator has set no secret: both alike.
    """
    ctx.gate()
    source = next((one for one in ctx.manager.sources() if one.name == name and one.receive is not None), None)
    secret = ctx.site.hook_secrets.get(name.replace("-", "_").replace(".", "_").lower(), "")
    if source is None or not secret:
        raise NotFound
    return source, secret


def receive(ctx: Context, name: str, body: bytes, headers: Mapping[str, str], now: int) -> dict[str, int]:
    """Take in a webhook: how many events are new, known already, refused; `retracted` where it took some back.

    Sending it again changes nothing, also after its events were taken back.


    Errors: NotFound; Refused (rule_signed) for a signature that is none; Invalid for what makes no sense, and for a
    plugin that failed or was late.
    """
    source, secret = find(ctx, name)
    try:
        told = ctx.manager.receive(source, body, headers, secret)
    except BadSignature as error:
        raise Refused("rule_signed", "The signature is missing or wrong.") from error
    except (ValueError, RecursionError) as error:
        raise Invalid({"body": "The body makes no sense for this source."}) from error
    if told is None:
        raise Invalid({"body": "The body could not be read."})
    ingest.register_source(ctx, source.name, source.label, source.area, now)
    digest = hashlib.sha256(body + repr(told).encode()).hexdigest()
    outcomes, retracted = ingest.take_hook(ctx, source.name, told, digest, now)
    counts = {result.value: sum(one.result is result for one in outcomes) for result in Result}
    return counts | ({"retracted": retracted} if retracted else {})
