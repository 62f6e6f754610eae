"""Several calls in one request: up to 50, each answered on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from adjoin_meta.sandbox.calls import Answer
from adjoin_meta.sandbox.errors import Refusal, bad_parameter

__all__ = ["MOST", "answer_batch"]

MOST = 50


class _Entry(msgspec.Struct):
    relative_url: str
    method: str = "GET"
    body: str = ""


def answer_batch(
    params: Mapping[str, str], answer: Callable[[str, str, Mapping[str, str]], Answer]
) -> list[dict[str, Any]]:
    """Run the entries of `batch` in order. `answer` takes method, path and parameters of one."""
    try:
        entries = msgspec.json.decode(params.get("batch", ""), type=list[_Entry])
    except msgspec.DecodeError:
        raise bad_parameter("batch parameter must be a JSON array") from None
    if len(entries) > MOST:
        raise Refusal(
            f"Too many requests in batch message. Maximum batch size is {MOST}", code=100, type_="GraphBatchException"
        )
    with_headers = params.get("include_headers") != "false"
    out = []
    for entry in entries:
        url = urlsplit(entry.relative_url)
        given = dict(parse_qsl(url.query, keep_blank_values=True))
        given |= dict(parse_qsl(entry.body, keep_blank_values=True))
        answered = answer(entry.method.upper(), url.path, given)
        shown: dict[str, Any] = {"code": answered.status, "body": answered.body.decode()}
        if with_headers:
            headers = {"Content-Type": "text/javascript; charset=UTF-8", **answered.headers}
            shown["headers"] = [{"name": name, "value": value} for name, value in headers.items()]
        out.append(shown)
    return out
