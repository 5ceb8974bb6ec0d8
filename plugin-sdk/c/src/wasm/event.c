#include <hookyard/event.h>

#include "../../bindings/event.h"
#include "handler.h"

SAME_SIZE(hy_string, event_string_t);

LINK_BINDINGS(event);

void exports_hookyard_plugin_event_handler_subscriptions(event_list_string_t *ret) {
  hy_call_begins();
  hy_strings patterns = {hy_alloc(hy_subscription_count * sizeof(hy_string)), hy_subscription_count};
  for (size_t i = 0; i < patterns.count; i++) patterns.items[i] = hy_text(hy_subscriptions[i]);
  memcpy(ret, &patterns, sizeof patterns);
  hy_call_ends();
}

bool exports_hookyard_plugin_event_handler_handle(event_types_context_t *ctx, event_string_t *data,
                                                  event_types_failure_t *to) {
  hy_failure failure = NO_REASON;
  hy_call_begins();
  bool done = on_event((const hy_context *)ctx, *(const hy_string *)data, &failure);
  if (!done) PUT_FAILURE(failure, to);
  hy_call_ends();
  return done;
}
