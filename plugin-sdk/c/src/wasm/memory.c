// Memory: an arena, then from the end of the data upwards, and all of it free again when the call is over.
// In an instance that the operator has reused, the next call thus begins with empty memory; the host reads
// results before that, as it is the arguments of the next call that begin it.
//
// Growing memory costs the host two system calls in each call of a handler. The arena is part of the initial
// memory, so calls that need no more than that do not grow it, however the linker lays out the data.
#include <hookyard/memory.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

enum { ALIGNMENT = 16, PAGE = 65536, ARENA = 16384, AT_END_MAX = 4 };

extern char __heap_base; // where the linker's data ends, which the arena belongs to

static _Alignas(ALIGNMENT) char arena[ARENA];
static uintptr_t next;  // the first free byte; 0 at first
static bool over = true; // whether the last call is
static void (*at_end[AT_END_MAX])(void);
static size_t at_end_count;

static void begin_if_over(void) {
  if (!over) return;
  over = false;
  next = (uintptr_t)arena;
}

static uintptr_t aligned(uintptr_t address) {
  return (address + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
}

static void grow_to(uintptr_t end) {
  size_t have = __builtin_wasm_memory_size(0);
  size_t needed = end / PAGE + 1;
  if (needed <= have) return;
  // By half as much again at least, so that it is not done often; by what is needed where that is refused.
  if (__builtin_wasm_memory_grow(0, needed - have + have / 2) != SIZE_MAX) return;
  if (__builtin_wasm_memory_grow(0, needed - have) != SIZE_MAX) return;
  next = (uintptr_t)arena; // the arguments are lost with the call; its last words need some room
  hy_panic("out of memory: %zu bytes are in use and there are no more", have * PAGE);
}

static uintptr_t end_of(uintptr_t start, size_t size) {
  uintptr_t end;
  if (__builtin_add_overflow(start, size, &end)) hy_panic("out of memory: %zu bytes were asked for", size);
  return end;
}

static void *allocate(size_t size) {
  uintptr_t heap = (uintptr_t)&__heap_base;
  uintptr_t start = aligned(next), end = end_of(start, size);
  if (start < heap && end > (uintptr_t)arena + ARENA) { // it does not fit into the arena
    start = aligned(heap);
    end = end_of(start, size);
  }
  if (end > heap) grow_to(end);
  next = end;
  return (void *)start;
}

void *hy_alloc(size_t size) {
  return memset(allocate(size), 0, size);
}

void *hy_resize(void *memory, size_t old_size, size_t new_size) {
  if (memory != NULL && (uintptr_t)memory + old_size == next) { // the last: it grows where it is
    next = (uintptr_t)memory;
    void *grown = allocate(new_size);
    if (grown != memory) memcpy(grown, memory, old_size); // out of the arena
    return grown;
  }
  void *moved = allocate(new_size);
  if (memory != NULL) memcpy(moved, memory, old_size < new_size ? old_size : new_size);
  return moved;
}

// The host's way to put arguments and results into memory. In place of the bindings' own, which is weak.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *memory, size_t old_size, size_t align,
                                                               size_t new_size) {
  begin_if_over();
  if (new_size == 0) return (void *)align;
  return hy_resize(old_size == 0 ? NULL : memory, old_size, new_size);
}

void hy_call_begins(void) {
  begin_if_over(); // there were no arguments that needed memory
}

void hy_call_ends(void) {
  while (at_end_count > 0) at_end[--at_end_count]();
  over = true;
}

void hy_when_call_ends(void (*function)(void)) {
  for (size_t i = 0; i < at_end_count; i++) {
    if (at_end[i] == function) return;
  }
  HY_ASSERT(at_end_count < AT_END_MAX);
  at_end[at_end_count++] = function;
}

// malloc keeps the size before the memory, as realloc is not told it.
void *malloc(size_t size) {
  size_t with_size;
  if (__builtin_add_overflow(size, ALIGNMENT, &with_size)) hy_panic("out of memory: %zu bytes were asked for", size);
  size_t *memory = allocate(with_size);
  *memory = size;
  return (char *)memory + ALIGNMENT;
}

void *calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) hy_panic("out of memory: %zu times %zu bytes", count, size);
  return memset(malloc(bytes), 0, bytes);
}

void *realloc(void *memory, size_t size) {
  size_t old_size = memory == NULL ? 0 : *(size_t *)((char *)memory - ALIGNMENT);
  if (memory != NULL && size <= old_size) return memory;
  void *moved = malloc(size);
  if (memory != NULL) memcpy(moved, memory, old_size);
  return moved;
}

void free(void *memory) {
  (void)memory; // all of it at once, when the call is over
}
