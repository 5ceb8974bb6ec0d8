// The part of the C library that plugins have: memory that lasts until the call ends.
#pragma once
#include <stddef.h>

// Memory of the call: what is not freed is gone when the call is over. They end the call rather than
// return NULL.
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *memory, size_t size);
void free(void *memory);

// Ends the call with a trap. hy_panic() says why, too.
_Noreturn void abort(void);

void qsort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));
