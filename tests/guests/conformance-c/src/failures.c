// Actions that fail in different ways, after a write and an effect.
#include "actions.h"

static bool leave_traces(hy_failure *failure) {
  return store_result("never", hy_str("x"), failure) &&
         hy_emit_event(hy_str("conformance.never"), hy_str("{}"), NULL, failure);
}

bool do_retry(const order *order, hy_failure *failure) {
  int64_t after_ms;
  hy_string reason = string_of(order, "/reason");
  if (!leave_traces(failure)) return false;
  if (!hy_json_int_at(order->payload, "/afterMs", &after_ms)) return hy_retry(failure, "%.*s", HY_ARG(reason));
  return hy_retry_after(failure, (uint64_t)after_ms, "%.*s", HY_ARG(reason));
}

bool do_reject(const order *order, hy_failure *failure) {
  hy_string reason = string_of(order, "/reason");
  return leave_traces(failure) && hy_reject(failure, "%.*s", HY_ARG(reason));
}

bool do_trap(const order *order, hy_failure *failure) {
  hy_string reason = string_of(order, "/reason");
  if (!leave_traces(failure)) return false;
  hy_panic("%.*s", HY_ARG(reason));
}

bool do_loop(const order *order, hy_failure *failure) {
  (void)order;
  if (!leave_traces(failure)) return false;
  for (volatile uint32_t turns = 0;; turns++) {
  }
}

bool do_memory(const order *order, hy_failure *failure) {
  (void)order;
  if (!leave_traces(failure)) return false;
  for (;;) hy_alloc(1024 * 1024);
}
