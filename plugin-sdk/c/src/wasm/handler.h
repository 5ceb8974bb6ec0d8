// Converts between the bindings' types and the API's, for the exports of handlers.
#pragma once
#include <hookyard.h>

#include "bindings.h"
#include "call.h"

#define SAME_CONTEXT(context)                                    \
  SAME_SIZE(hy_context, context);                                \
  SAME_FIELD(hy_context, event_id, context, event_id);           \
  SAME_FIELD(hy_context, event_type, context, event_type);       \
  SAME_FIELD(hy_context, source, context, source);               \
  SAME_FIELD(hy_context, created, context, created);             \
  SAME_FIELD(hy_context, received_at, context, received_at);     \
  SAME_FIELD(hy_context, idempotency_key, context, idempotency_key); \
  SAME_FIELD(hy_context, attempt, context, attempt)

// Converts a failure to the bindings' types.
#define PUT_FAILURE(failure, to)                                                         \
  do {                                                                                   \
    (to)->tag = (uint8_t)(failure).kind;                                                 \
    if ((failure).kind == HY_FAILURE_REJECT) {                                           \
      memcpy(&(to)->val.reject, &(failure).reason, sizeof(hy_string));                   \
    } else {                                                                             \
      memcpy(&(to)->val.retry.reason, &(failure).reason, sizeof(hy_string));             \
      (to)->val.retry.after_ms.is_some = (failure).has_after_ms;                         \
      (to)->val.retry.after_ms.val = (failure).after_ms;                                 \
    }                                                                                    \
  } while (0)

// The failure of a handler that returns false without filling its failure.
#define NO_REASON ((hy_failure){.kind = HY_FAILURE_RETRY, .reason = hy_str("the handler gave no reason")})

// The symbol to which a header of the API refers. It links the handler's bindings into the plugin.
#define LINK_BINDINGS(world)                                                                            \
  extern void __component_type_object_force_link_##world##_public_use_in_this_compilation_unit(void);   \
  void (*const hy_export_of_##world)(void) =                                                            \
      __component_type_object_force_link_##world##_public_use_in_this_compilation_unit
