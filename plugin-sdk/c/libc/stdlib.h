// The part of the C library that plugins have: memory that lasts until the call ends.
#pragma once
#include <stddef.h>

// Memory of the call, which is released when the call ends. These functions never return NULL: they end the
// call instead.
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);
void free(void *memory);

// Ends the call with a trap. hy_panic() also logs a reason.
_Noreturn void abort(void);

void qsort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));
