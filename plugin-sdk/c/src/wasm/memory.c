// The allocator: first an arena, then the memory after the data. A new call frees all memory of the last one,
// so a reused instance begins each call with empty memory. The host has read the results by then, because the
// arguments of the next call begin it.
//
// Memory growth costs the host two system calls per handler call. The arena is part of the initial memory, so
// calls that need no more do not grow it, whatever the linker's data layout.
#include <hookyard/memory.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

enum { ALIGNMENT = 16, PAGE = 65536, ARENA = 16384, AT_END_MAX = 4 };

extern char __heap_base; // the end of the linker's data, which includes the arena

static _Alignas(ALIGNMENT) char arena[ARENA];
static uintptr_t next;  // the first free byte; initially 0
static bool over = true; // whether the last call is over
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
  // Grows by at least half of the memory, so growth is rare. If that fails, grows by the needed size.
  if (__builtin_wasm_memory_grow(0, needed - have + have / 2) != SIZE_MAX) return;
  if (__builtin_wasm_memory_grow(0, needed - have) != SIZE_MAX) return;
  next = (uintptr_t)arena; // the call ends, so its arguments can be overwritten by its last log line
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
  if (memory != NULL && (uintptr_t)memory + old_size == next) { // the last block grows in place
    next = (uintptr_t)memory;
    void *grown = allocate(new_size);
    if (grown != memory) memcpy(grown, memory, old_size); // moves out of the arena
    return grown;
  }
  void *moved = allocate(new_size);
  if (memory != NULL) memcpy(moved, memory, old_size < new_size ? old_size : new_size);
  return moved;
}

// The host calls this to allocate arguments and results. It replaces the weak definition of the bindings.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *memory, size_t old_size, size_t align,
                                                               size_t new_size) {
  begin_if_over();
  if (new_size == 0) return (void *)align;
  if (old_size > 0) return hy_resize(memory, old_size, new_size);
  // The host does not write the value of an option that is none. Zeros there are an empty string or list. Memory
  // without alignment is text or bytes, and has no options.
  return align > 1 ? hy_alloc(new_size) : allocate(new_size);
}

void hy_call_begins(void) {
  begin_if_over(); // the call had no arguments that needed memory
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

// malloc stores the size before the memory, because realloc does not receive it.
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
  (void)memory; // all memory is released at once, when the call is over
}
