// The state of a test's in-memory host.
#pragma once
#include <hookyard_test.h>
#include <setjmp.h>

typedef struct {
  hy_string bucket, key, value;
} hy_test_entry;

typedef struct {
  const char *url;
  uint16_t status;
  hy_string body;
} hy_test_answer;

typedef struct {
  hy_pairs config;
  hy_optional content_type;
  hy_pairs attributes;
  hy_test_entry *entries; // the store
  size_t entry_count;
  hy_effect *effects;
  size_t effect_count;
  hy_strings lines; // the log
  hy_test_answer *answers;
  size_t answer_count;
  uint64_t now_ms;
  hy_context context;
  jmp_buf *panic; // the jump target of a handler's panic; NULL outside a handler
} hy_test_world;

extern hy_test_world hy_world;

// Initializes the state for the next test, and frees the memory of the last test.
void hy_test_begin(void);

// Makes room for one more item at the end of a list, and returns it.
void *hy_test_push(void **items, size_t *count, size_t size);

// Delivers in this context, whose event_type is the handler's, and whose source is the package's if it has none.
hy_delivery hy_test_deliver_in(hy_context ctx, const hy_test_handler *handler, const void *payload);
hy_delivery hy_test_deliver_data(hy_context ctx, const char *event_type, const char *data);
// Writes a payload that is JSON text.
void hy_test_put_data(hy_json_writer *json, const void *data);

// The file of the built component, if deliveries run on it; else NULL.
const char *hy_test_component(void);

// Makes an attempt of the component, and takes over what it did.
hy_delivery hy_test_attempt(const char *component, const hy_test_handler *handler, const hy_context *ctx,
                            const void *payload);

// A copy that lasts until the end of the test, independent of the handler's original.
hy_string hy_test_copy(hy_string string);
