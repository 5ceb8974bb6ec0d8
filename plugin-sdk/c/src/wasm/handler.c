#include <hookyard/export.h>

#include "../../bindings/event.h"
#include "handler.h"

SAME_CONTEXT(event_types_context_t);
_Static_assert(HY_FAILURE_REJECT == 1, "failures are not in the order of the WIT");

static exports_hookyard_plugin_event_handler_result_void_failure_t result;

const void *hy_call_handler(hy_typed_handler *handler, const hy_context *ctx, const void *payload) {
  hy_failure failure = NO_REASON;
  hy_call_begins();
  result.is_err = !handler(ctx, payload, &failure);
  if (result.is_err) PUT_FAILURE(failure, &result.val.err);
  hy_call_ends();
  return &result;
}
