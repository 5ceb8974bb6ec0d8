// The world of a test: what the played host keeps.
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
  hy_test_entry *entries; // the store
  size_t entry_count;
  hy_effect *effects;
  size_t effect_count;
  hy_strings lines; // the log
  hy_test_answer *answers;
  size_t answer_count;
  uint64_t now_ms;
  hy_context context;
  jmp_buf *panic; // where a handler that panics goes on; NULL: there is no handler
} hy_test_world;

extern hy_test_world hy_world;

// Makes the world of the next test, and frees the memory of the last one.
void hy_test_begin(void);

// Makes room for one more item at the end of a list, and gives it.
void *hy_test_push(void **items, size_t *count, size_t size);

// A copy that lasts as long as the test, whatever the handler then does with its own.
hy_string hy_test_copy(hy_string string);
