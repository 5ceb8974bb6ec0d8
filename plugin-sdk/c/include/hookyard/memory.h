// Memory lasts until the handler returns: nothing has to be freed, and nothing can be kept.
#pragma once
#include <stddef.h>

// Zeroed, aligned for every type, never NULL: running out of memory ends the call.
void *hy_alloc(size_t size);
// Moves memory of hy_alloc to a larger place, or lets it grow where it is. The new part is not zeroed.
void *hy_resize(void *memory, size_t old_size, size_t new_size);

// Ends the call at once, as a bug would: the text goes to the attempt's log as `critical`, with file and
// line, nothing that the handler wrote or asked for is kept, and the delivery is tried again.
#define hy_panic(...) hy_panic_at(__FILE__, __LINE__, __VA_ARGS__)
// Ends the call if something does not hold that has to.
#define HY_ASSERT(condition) ((condition) ? (void)0 : hy_panic("not so: %s", #condition))

__attribute__((format(printf, 3, 4))) _Noreturn void hy_panic_at(const char *file, int line, const char *format, ...);
