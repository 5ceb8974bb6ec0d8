// The context and the failures of every handler.
#pragma once
#include <hookyard/text.h>

// The event and the attempt of a call.
typedef struct {
  hy_string event_id;        // the id that the sender gave the event, unique within its source
  hy_string event_type;      // such as "appointment.created"
  hy_string source;          // the operator's name for the sender
  hy_string created;         // the time of the event according to the sender, RFC 3339
  uint64_t received_at;      // the time of receipt, in milliseconds since the Unix epoch
  hy_string idempotency_key; // the same on every attempt of this delivery, and on no other delivery
  uint32_t attempt;          // the number of this attempt, from 1
} hy_context;

typedef enum {
  HY_FAILURE_RETRY,  // another attempt; after the last attempt the delivery becomes a dead letter
  HY_FAILURE_REJECT, // another attempt would not help: the delivery becomes a dead letter at once
} hy_failure_kind;

// The reason why an event was not handled. A handler returns true when it is done. When it returns false,
// the host discards its writes and effects, and the failure decides whether there is another attempt.
// Functions that can fail fill the failure, so calls can be chained: a() && b() && c(). It may be NULL.
typedef struct {
  hy_failure_kind kind;
  hy_string reason;  // the text for the operator
  bool has_after_ms; // false: the operator's backoff decides
  uint64_t after_ms; // the shortest delay before the next attempt
} hy_failure;

// Each function fills the failure, unless it is NULL, and returns false: return hy_reject(failure, "…").
__attribute__((format(printf, 2, 3))) bool hy_retry(hy_failure *failure, const char *format, ...);
__attribute__((format(printf, 3, 4))) bool hy_retry_after(hy_failure *failure, uint64_t after_ms, const char *format, ...);
__attribute__((format(printf, 2, 3))) bool hy_reject(hy_failure *failure, const char *format, ...);

// For the headers of events: links the handler's export into each plugin that includes the header, and
// into no other plugin.
#ifdef __wasm__
#define HY_LINK_HANDLER(name)                   \
  extern void (*const hy_export_of_##name)(void); \
  __attribute__((used)) static void (*const *const hy_links_##name)(void) = &hy_export_of_##name
#else
#define HY_LINK_HANDLER(name) extern void (*const hy_export_of_##name)(void)
#endif
