"""Runs deliveries on the built component, so that the same tests test what a host will run."""

import base64
import json
import os
from dataclasses import dataclass
from typing import Any, Protocol

from hookyard.context import Context
from hookyard.failure import Reject, Retry
from hookyard.http import FetchError, Response
from hookyard.outbox import Attachment, Effect, Email, Event
from hookyard.request import HttpRequest
from hookyard.test import program

Buckets = dict[str, dict[str, bytes]]


class Trapped(Exception):
    """The built component failed in a way that is no `Retry` and no `Reject`: an exception that the handler
    does not catch, or a limit. The text is the reason that an operator would see."""


class Operator(Protocol):
    """What the operator and the partners of a test do."""

    config: dict[str, str]
    content_type: str | None
    attributes: dict[str, str]

    def refusal(self, effect: Effect) -> str | None:
        """The reason why an effect is not granted, if it is not."""

    def refusal_of_url(self, url: str) -> str | None:
        """The reason why a handler's own request is not granted, if it is not."""

    def answer(self, request: HttpRequest) -> Response:
        """The response to a handler's own request."""


@dataclass(kw_only=True)
class Result:
    """What an attempt did."""

    logs: list[str]
    store: Buckets
    effects: list[Effect]
    failure: Exception | None


def built() -> str | None:
    """The component that tests are to run on, if they are."""
    return os.environ.get("HOOKYARD_WASM") or None


def attempt(
    file: str, context: Context, package: str | None, payload: str, operator: Operator, store: Buckets
) -> Result:
    """Makes one attempt. When the handler sends a request of its own, or asks for an effect that is refused,
    the attempt is made again with the answer or the refusal, as if nothing had happened."""
    case: dict[str, Any] = {
        "event": {
            "source": context.source,
            "id": context.event_id,
            "type": context.event_type,
            "created": context.created,
            "received_at": context.received_at,
            "package": package,
            "content_type": operator.content_type,
            "attributes": operator.attributes,
            "payload": payload,
            "payload_is_text": True,
        },
        "attempt": context.attempt,
        "config": operator.config,
        "store": {
            bucket: {key: {"base64": base64.b64encode(value).decode()} for key, value in values.items()}
            for bucket, values in store.items()
        },
        "answers": [],
        "refusals": [],
    }
    checked = 0
    while True:
        report = _run(file, case)
        asked = report["asked"]
        for number in range(checked, len(asked)):
            checked = number + 1
            if not _accept(asked[number], report["is_unanswered"] and checked == len(asked), case, operator):
                break
        else:
            return _result(report, store)


def _run(file: str, case: dict[str, Any]) -> dict[str, Any]:
    done = program.run(["plugin", "attempt", file], json.dumps(case), "a component is run by")
    if done.returncode != 0:
        raise RuntimeError(f"hookyard plugin attempt: {done.stderr.decode().strip()}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def _accept(asked: dict[str, Any], unanswered: bool, case: dict[str, Any], operator: Operator) -> bool:
    """Decides about what the handler asked for, in its order. Returns whether the attempt went on with the
    same decision, so that it need not be made again."""
    if asked["kind"] == "request":
        if unanswered:
            case["answers"].append(_answer(asked, operator))
        return not unanswered
    reason = operator.refusal(_effect(asked))
    case["refusals"].append(reason)
    return reason is None


def _answer(request: dict[str, Any], operator: Operator) -> dict[str, Any]:
    made = _request(request)
    if (reason := operator.refusal_of_url(made.url)) is not None:
        return {"failure": reason, "denied": True}
    try:
        response = operator.answer(made)
    except FetchError as failure:
        return {"failure": str(failure)}
    body = base64.b64encode(response.body).decode()
    return {
        "status": response.status,
        "headers": list(response.headers.items()),
        "body": {"base64": body},
    }


def _result(report: dict[str, Any], store: Buckets) -> Result:
    failure = _failure(report)
    after = {bucket: dict(values) for bucket, values in store.items()}
    for write in report["writes"]:
        values = after.setdefault(write["bucket"], {})
        if write.get("deleted"):
            values.pop(write["key"], None)
        else:
            values[write["key"]] = _bytes(write, "value")
    effects = [_effect(effect) for effect in report["effects"]]
    return Result(logs=report["logs"], store=after, effects=effects, failure=failure)


def _failure(report: dict[str, Any]) -> Exception | None:
    reason = report["reason"] or ""
    match report["outcome"], report["cause"]:
        case "done", _:
            return None
        case "retry", "handler":
            return Retry(reason, report["after_ms"])
        case "rejected", _:
            return Reject(reason)
        case _:
            return Trapped(reason)


def _effect(effect: dict[str, Any]) -> Effect:
    match effect["kind"]:
        case "http":
            return _request(effect)
        case "email":
            attachments = tuple(
                Attachment(
                    filename=file["filename"],
                    content_type=file["content_type"],
                    content=_bytes(file["content"]),
                )
                for file in effect.get("attachments", ())
            )
            return Email(
                to=tuple(effect["to"]),
                cc=tuple(effect.get("cc", ())),
                bcc=tuple(effect.get("bcc", ())),
                reply_to=effect.get("reply_to"),
                subject=effect["subject"],
                text=effect["text"],
                html=effect.get("html"),
                attachments=attachments,
            )
        case _:
            return Event(event_type=effect["event_type"], data=effect["data"])


def _request(request: dict[str, Any]) -> HttpRequest:
    body = _bytes(request["body"]) if "body" in request else b""
    headers = dict(request["headers"])
    return HttpRequest(method=request["method"], url=request["url"], headers=headers, body=body)


def _bytes(content: dict[str, Any], text: str = "text") -> bytes:
    return base64.b64decode(content["base64"]) if "base64" in content else content[text].encode()
