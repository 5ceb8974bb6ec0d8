#include <hookyard/random.h>
#include <string.h>

#include "capabilities.h"

void hy_random_bytes(void *bytes, size_t count) {
  capabilities_list_u8_t random;
  wasi_random_random_get_random_bytes(count, &random);
  HY_ASSERT(random.len == count);
  if (count > 0) memcpy(bytes, random.ptr, count);
}

uint64_t hy_random_u64(void) {
  return wasi_random_random_get_random_u64();
}
