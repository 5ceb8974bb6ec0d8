// The export of a handler: from the bindings' types to the API's, and back. Each handler is a file of
// its own, so that the linker takes those that a plugin defines.
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

// A failure in the bindings' types.
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

// What a handler is taken to have said that returns false and does not fill its failure.
#define NO_REASON ((hy_failure){.kind = HY_FAILURE_RETRY, .reason = hy_str("the handler gave no reason")})

// What a header of the API refers to, which brings the handler's bindings into the plugin.
#define LINK_BINDINGS(world)                                                                            \
  extern void __component_type_object_force_link_##world##_public_use_in_this_compilation_unit(void);   \
  void (*const hy_export_of_##world)(void) =                                                            \
      __component_type_object_force_link_##world##_public_use_in_this_compilation_unit

// The export of a typed handler: EXPORT_APPOINTMENT(created).
#define EXPORT_APPOINTMENT(event)                                                                               \
  SAME_CONTEXT(appointment_##event##_types_context_t);                                                          \
  SAME_SIZE(hy_appointment_##event, exports_moncreneau_events_appointment_##event##_##event##_t);                           \
  _Static_assert(HY_FAILURE_REJECT == 1, "failures are not in the order of the WIT");                           \
  LINK_BINDINGS(appointment_##event);\
  bool exports_moncreneau_events_appointment_##event##_handle(                                                  \
      exports_moncreneau_events_appointment_##event##_context_t *ctx,                                           \
      exports_moncreneau_events_appointment_##event##_##event##_t *appointment,                                 \
      exports_moncreneau_events_appointment_##event##_failure_t *to) {                                          \
    hy_failure failure = NO_REASON;                                                                             \
    hy_call_begins();                                                                                           \
    bool done = on_appointment_##event((const hy_context *)ctx, (const hy_appointment_##event *)appointment, &failure);     \
    if (!done) PUT_FAILURE(failure, to);                                                                        \
    hy_call_ends();                                                                                             \
    return done;                                                                                                \
  }

// One field of its payload.
#define SAME(event, field) \
  SAME_FIELD(hy_appointment_##event, field, exports_moncreneau_events_appointment_##event##_##event##_t, field)
