"""What schemathesis has to know of hookyard."""

import schemathesis


@schemathesis.serializer("application/wasm")
def serialize_plugin(ctx, value):
    """The body of a push: bytes as they are, and anything else as its text."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def filter_path_parameters(ctx, path_parameters):
    """Keeps the token of the run itself: without it, every answer would be a 401."""
    is_revocation = ctx.operation is not None and ctx.operation.method.lower() == "delete"
    return not (is_revocation and (path_parameters or {}).get("name") == "first-start")
