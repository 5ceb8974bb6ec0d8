// The host's clocks.
#pragma once
#include <stdint.h>

// Milliseconds since the Unix epoch.
uint64_t hy_now_ms(void);
// Nanoseconds since an unspecified moment. They never decrease, so they can measure durations.
uint64_t hy_monotonic_ns(void);
