// What every handler is told, and what it answers.
#pragma once
#include <hookyard/text.h>

// The event and the attempt that a call is about.
typedef struct {
  hy_string event_id;        // the sender's id of the event, unique within its source
  hy_string event_type;      // such as "appointment.created"
  hy_string source;          // the operator's name for the sender
  hy_string created;         // when the sender says that it happened, RFC 3339
  uint64_t received_at;      // when the host received it, in milliseconds since the Unix epoch
  hy_string idempotency_key; // the same on every attempt of this delivery, and on no other
  uint32_t attempt;          // from 1
} hy_context;

typedef enum {
  HY_FAILURE_RETRY,  // try again later; after the operator's last attempt it becomes a dead letter
  HY_FAILURE_REJECT, // trying again would not help: a dead letter at once
} hy_failure_kind;

// Why an event was not handled. A handler returns true when it is done; when it returns false, what it
// wrote and asked for is undone, and its failure says whether to try again. Functions that can fail take
// the failure too and fill it, so that they can be chained: a() && b() && c(). NULL: nobody wants to know.
typedef struct {
  hy_failure_kind kind;
  hy_string reason;  // for the operator
  bool has_after_ms; // false: the operator's backoff
  uint64_t after_ms; // not before so many milliseconds
} hy_failure;

// Each fills the failure, if there is one, and returns false: return hy_reject(failure, "…").
__attribute__((format(printf, 2, 3))) bool hy_retry(hy_failure *failure, const char *format, ...);
__attribute__((format(printf, 3, 4))) bool hy_retry_after(hy_failure *failure, uint64_t after_ms, const char *format, ...);
__attribute__((format(printf, 2, 3))) bool hy_reject(hy_failure *failure, const char *format, ...);

// For the headers of events: links the handler's export into the plugin. The plugin has it because its
// source includes the header, and has no others.
#ifdef __wasm__
#define HY_LINK_HANDLER(name)                   \
  extern void (*const hy_export_of_##name)(void); \
  __attribute__((used)) static void (*const *const hy_links_##name)(void) = &hy_export_of_##name
#else
#define HY_LINK_HANDLER(name) extern void (*const hy_export_of_##name)(void)
#endif
