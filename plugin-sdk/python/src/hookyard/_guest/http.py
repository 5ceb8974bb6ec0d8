"""Implements `http` with `wasi:http/outgoing-handler`."""

from typing import Any
from urllib.parse import urlsplit

from componentize_py_types import Err, Ok
from wit_world.imports import http_outgoing_handler, http_types
from wit_world.imports.io_streams import StreamError_Closed

from hookyard import http
from hookyard._text import unicode, utf8
from hookyard.request import HttpRequest

_METHODS = {
    name: getattr(http_types, f"Method_{name.capitalize()}")
    for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
}
_SCHEMES = {"http": http_types.Scheme_Http, "https": http_types.Scheme_Https}
_WRITE_MAX_BYTES = 4096  # the limit of blocking-write-and-flush
_READ_BYTES = 64 * 1024


class _Http:
    def fetch(self, request: HttpRequest, timeout: float | None) -> http.Response:
        try:
            outgoing = _outgoing(request)
            body = outgoing.body()
            pending = http_outgoing_handler.handle(outgoing, _options(timeout))
            _send(body, request.body)
            pending.subscribe().block()
            return _received(_answer(pending.get()))
        except (Err, ValueError) as error:
            reason = _words(error.value) if isinstance(error, Err) else str(error)
            raise http.FetchError(f"{request.method} {request.url}: {reason}") from None


def _outgoing(request: HttpRequest) -> http_types.OutgoingRequest:
    url = urlsplit(unicode(request.url))
    if url.scheme not in _SCHEMES or not url.netloc:
        raise ValueError("not an absolute http or https URL")
    fields = [(unicode(name), utf8(value)) for name, value in request.headers.items()]
    outgoing = http_types.OutgoingRequest(http_types.Fields.from_list(fields))
    method = request.method.upper()
    outgoing.set_method(_METHODS[method]() if method in _METHODS else http_types.Method_Other(method))
    outgoing.set_scheme(_SCHEMES[url.scheme]())
    outgoing.set_authority(url.netloc)
    outgoing.set_path_with_query((url.path or "/") + (f"?{url.query}" if url.query else ""))
    return outgoing


def _options(timeout: float | None) -> http_types.RequestOptions | None:
    if timeout is None:
        return None
    options = http_types.RequestOptions()
    nanoseconds = int(timeout * 1e9)
    options.set_connect_timeout(nanoseconds)
    options.set_first_byte_timeout(nanoseconds)
    options.set_between_bytes_timeout(nanoseconds)
    return options


def _send(body: http_types.OutgoingBody, content: bytes) -> None:
    """Writes the body. If a server responds before it has read the whole body, its response counts."""
    try:
        with body.write() as stream:
            for start in range(0, len(content), _WRITE_MAX_BYTES):
                stream.blocking_write_and_flush(content[start : start + _WRITE_MAX_BYTES])
        http_types.OutgoingBody.finish(body, None)
    except Err:
        pass


def _answer(result: Any) -> http_types.IncomingResponse:
    """Unwraps the response of `future-incoming-response`, which is a result in a result."""
    while isinstance(result, Ok):
        result = result.value
    if isinstance(result, Err):
        raise result
    return result


def _received(incoming: http_types.IncomingResponse) -> http.Response:
    headers: dict[str, str] = {}
    for name, value in incoming.headers().entries():
        name, text = name.lower(), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return http.Response(status=incoming.status(), headers=headers, body=_read(incoming))


def _read(incoming: http_types.IncomingResponse) -> bytes:
    content = bytearray()
    with incoming.consume() as body, body.stream() as stream:
        while True:
            try:
                content += stream.blocking_read(_READ_BYTES)
            except Err as error:
                if isinstance(error.value, StreamError_Closed):
                    return bytes(content)
                raise


def _words(error: Any) -> str:
    """Describes an error with its details: `ErrorCode_ConnectionRefused()` as `connection refused`."""
    if hasattr(error, "value") and hasattr(error.value, "to_debug_string"):  # an error of a stream
        return str(error.value.to_debug_string())
    name = type(error).__name__.partition("_")[2]
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    detail = getattr(error, "value", None)
    return words if detail is None else f"{words}: {detail}"


http.seam.install(_Http())
