// Memory lasts until the handler returns. Do not free it, and do not keep it.
#pragma once
#include <stddef.h>

// Returns zeroed memory, aligned for every type, never NULL. If there is no memory, the call ends.
void *hy_alloc(size_t size);
// Grows memory of hy_alloc, in place or by moving it. The new part is not zeroed.
void *hy_resize(void *memory, size_t old_size, size_t new_size);

// Ends the call at once, as a bug does. The text goes to the attempt's log as `critical`, with file and
// line. The host discards the handler's writes and effects, and makes another attempt.
#define hy_panic(...) hy_panic_at(__FILE__, __LINE__, __VA_ARGS__)
// Ends the call if the condition is false.
#define HY_ASSERT(condition) ((condition) ? (void)0 : hy_panic("not so: %s", #condition))

__attribute__((format(printf, 3, 4))) _Noreturn void hy_panic_at(const char *file, int line, const char *format, ...);
