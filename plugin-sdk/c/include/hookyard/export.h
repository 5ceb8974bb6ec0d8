// For the generated handlers of packages.
#pragma once
#include <hookyard/handler.h>

// A handler that gets the address of its payload.
typedef bool hy_typed_handler(const hy_context *ctx, const void *payload, hy_failure *failure);

// Calls a handler for the host, in a plugin. Returns the result in the layout of the canonical ABI, valid until the
// next call.
const void *hy_call_handler(hy_typed_handler *handler, const hy_context *ctx, const void *payload);
