// The time.
#pragma once
#include <stdint.h>

// Milliseconds since the Unix epoch.
uint64_t hy_now_ms(void);
// Nanoseconds since some moment: for measuring, never goes back.
uint64_t hy_monotonic_ns(void);
