// A handler for events of any type. Define on_event, and say which events it gets:
//   HY_SUBSCRIBE("invoice.paid", "order.*")
#pragma once
#include <hookyard.h>

// `data` is the payload as JSON text.
bool on_event(const hy_context *ctx, hy_string data, hy_failure *failure);

// The event types that on_event handles: "order.paid" alone, "order.*" for all that begin so, "*" for all.
// One that has a typed handler in this plugin goes there.
#define HY_SUBSCRIBE(...)                                                             \
  const char *const hy_subscriptions[] = {__VA_ARGS__};                               \
  const size_t hy_subscription_count = sizeof(hy_subscriptions) / sizeof(*hy_subscriptions)

extern const char *const hy_subscriptions[];
extern const size_t hy_subscription_count;

HY_LINK_HANDLER(event);
