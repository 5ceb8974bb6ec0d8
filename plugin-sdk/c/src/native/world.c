#include "world.h"

#include <stdlib.h>

hy_test_world hy_world;

// Each block of memory is a separate allocation, so sanitizers detect writes beyond its end.
typedef struct block {
  struct block *next;
  _Alignas(16) char memory[];
} block;

static block *blocks;

static void *allocate(size_t size) {
  block *b = calloc(1, sizeof *b + size);
  if (b == NULL) abort();
  b->next = blocks;
  blocks = b;
  return b->memory;
}

void *hy_alloc(size_t size) {
  return allocate(size);
}

void *hy_resize(void *memory, size_t old_size, size_t new_size) {
  void *moved = allocate(new_size);
  size_t kept = old_size < new_size ? old_size : new_size;
  if (kept > 0) memcpy(moved, memory, kept);
  return moved;
}

void *hy_test_push(void **items, size_t *count, size_t size) {
  *items = hy_resize(*items, *count * size, (*count + 1) * size);
  return (char *)*items + (*count)++ * size;
}

hy_string hy_test_copy(hy_string string) {
  return (hy_string){hy_zero_terminated(string), string.len};
}

void hy_test_begin(void) {
  while (blocks != NULL) {
    block *next = blocks->next;
    free(blocks);
    blocks = next;
  }
  hy_world = (hy_test_world){
      .now_ms = 1769005800000, // 2026-01-21T14:30:00Z
      .context =
          {
              .event_id = hy_str("evt_sample"),
              .event_type = hy_str(""),
              .source = hy_str(""),
              .created = hy_str("2026-01-21T14:30:00Z"),
              .received_at = 1769005800000,
              .idempotency_key = hy_str("00000000000000000000000000000000"),
              .attempt = 1,
          },
  };
}

hy_context *hy_test_context(void) {
  return &hy_world.context;
}

void hy_set_now_ms(uint64_t ms) {
  if (hy_test_component() != NULL) {
    hy_test_fail(__FILE__, __LINE__, "a component has the machine's clock, and this test sets another time");
  }
  hy_world.now_ms = ms;
}
