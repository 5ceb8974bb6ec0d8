// A handler for events of any type. Define on_event, and subscribe it to event types:
//   HY_SUBSCRIBE("invoice.paid", "order.*")
#pragma once
#include <hookyard.h>

// `data` is the payload as JSON text.
bool on_event(const hy_context *ctx, hy_string data, hy_failure *failure);

// The event type patterns of on_event: "order.paid" for one type, "order.*" for all types with that prefix,
// "*" for all. A typed handler of this plugin has precedence.
#define HY_SUBSCRIBE(...)                                                             \
  const char *const hy_subscriptions[] = {__VA_ARGS__};                               \
  const size_t hy_subscription_count = sizeof(hy_subscriptions) / sizeof(*hy_subscriptions)

extern const char *const hy_subscriptions[];
extern const size_t hy_subscription_count;

HY_LINK_HANDLER(event);
