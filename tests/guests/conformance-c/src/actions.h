// The actions of the generic handler.
#pragma once
#include <hookyard.h>

// The bucket for the results of actions.
#define RESULTS hy_str("conformance")

// The arguments of an action.
typedef struct {
  const hy_context *ctx;
  hy_json payload;
  hy_string text; // the text in the payload, or empty
} order;

typedef bool action(const order *order, hy_failure *failure);

// Stores the result of an action.
bool store_result(const char *key, hy_string value, hy_failure *failure);
// The payload's string at a place, or an empty string.
hy_string string_of(const order *order, const char *pointer);

action do_echo, do_context, do_config, do_metadata, do_store, do_outbox, do_refused, do_fetch, do_clock, do_random;
action do_retry, do_reject, do_trap, do_loop, do_memory, do_large, do_print;
