#include <hookyard/clock.h>

#include "capabilities.h"

uint64_t hy_now_ms(void) {
  wasi_clocks_wall_clock_datetime_t now;
  wasi_clocks_wall_clock_now(&now);
  return now.seconds * 1000 + now.nanoseconds / 1000000;
}

uint64_t hy_monotonic_ns(void) {
  return capabilities_monotonic_clock_now();
}
