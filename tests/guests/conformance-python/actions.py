"""The actions of the conformance suite, by name."""

import dataclasses
import random
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

from hookyard import Context, Reject, Retry, config, http, log, metadata, outbox
from hookyard.store import Bucket

Data = dict[str, Any]

kept = Bucket("conformance")


def echo(ctx: Context, data: Data) -> None:
    kept.set("echo", data["text"])
    log.info(data["text"])


def context(ctx: Context, data: Data) -> None:
    def camel_case(name: str) -> str:
        first, *others = name.split("_")
        return first + "".join(other.capitalize() for other in others)

    kept.set_json("context", {camel_case(name): value for name, value in dataclasses.asdict(ctx).items()})


def configuration(ctx: Context, data: Data) -> None:
    kept.set_json("config", dict(sorted(config.all().items())))


def describe(ctx: Context, data: Data) -> None:
    found = {"contentType": metadata.content_type(), "subject": metadata.attribute("subject")}
    kept.set_json("metadata", {**found, "attributes": metadata.attributes()})


def store(ctx: Context, data: Data) -> None:
    kept.set("a", "1")
    assert kept.get("a") == b"1" and kept.get_text("a") == "1"
    assert "a" in kept and "b" not in kept
    kept.delete("a")
    assert kept.get("a") is None
    kept.increment("counter", 2)
    kept.delete("cas")
    assert kept.compare_and_swap("cas", None, "swapped")
    assert not kept.compare_and_swap("cas", "other", "lost")
    kept.set_many({"x": "1", "y": "2", "z": "3"})
    assert kept.get_many(["x", "y", "none"]) == {"x": b"1", "y": b"2"}
    kept.delete_many(["y"])
    kept.set_json("keys", kept.keys())


def effects(ctx: Context, data: Data) -> None:
    text = data["text"]
    attachment = outbox.Attachment(
        filename="attachment.txt", content_type="text/plain; charset=utf-8", content=text.encode()
    )
    keys = [
        outbox.send_http("POST", data["url"], headers={"X-Test": "yes"}, body=text),
        outbox.send_email(data["to"], text, text, html=f"<p>{text}</p>", attachments=[attachment]),
        outbox.emit_event("conformance.emitted", {"do": "echo", "text": text}),
    ]
    kept.set_json("effects", keys)


def refused(ctx: Context, data: Data) -> None:
    try:
        outbox.send_http("GET", "http://169.254.169.254/")
    except outbox.Refused as refusal:
        kept.set("refused", refusal.reason)


def fetch(ctx: Context, data: Data) -> None:
    response = http.get(data["url"])
    kept.set_json("fetch", {"status": response.status, "body": response.text})


def clock(ctx: Context, data: Data) -> None:
    kept.set("clock", str(time.time_ns() // 1_000_000))


def randomness(ctx: Context, data: Data) -> None:
    # The generator of `random` exists since build time, so it could repeat in every instance.
    kept.set("random", (random.randbytes(8) + secrets.token_bytes(8)).hex())


def ask_in_vain(ctx: Context, data: Data) -> None:
    """Makes a write and an effect of a call that then fails."""
    kept.set("never", "x")
    outbox.emit_event("conformance.never", {})


def retry(ctx: Context, data: Data) -> None:
    ask_in_vain(ctx, data)
    raise Retry(data["reason"], after=data.get("afterMs"))


def reject(ctx: Context, data: Data) -> None:
    ask_in_vain(ctx, data)
    raise Reject(data["reason"])


def trap(ctx: Context, data: Data) -> None:
    ask_in_vain(ctx, data)
    raise RuntimeError(data["reason"])


def loop(ctx: Context, data: Data) -> None:
    ask_in_vain(ctx, data)
    while True:
        pass


def memory(ctx: Context, data: Data) -> None:
    ask_in_vain(ctx, data)
    hoard = []
    while True:
        hoard.append(bytearray(1024 * 1024))


def large(ctx: Context, data: Data) -> None:
    kept.set("large", str(len(data["text"])))


def to_streams(ctx: Context, data: Data) -> None:
    print("to stdout")
    print("to stderr", file=sys.stderr)


ACTIONS: dict[str, Callable[[Context, Data], None]] = {
    "echo": echo,
    "context": context,
    "config": configuration,
    "metadata": describe,
    "store": store,
    "outbox": effects,
    "refused": refused,
    "fetch": fetch,
    "clock": clock,
    "random": randomness,
    "retry": retry,
    "reject": reject,
    "trap": trap,
    "loop": loop,
    "memory": memory,
    "large": large,
    "print": to_streams,
}
