// Cryptographically secure random values.
#pragma once
#include <stddef.h>
#include <stdint.h>

void hy_random_bytes(void *bytes, size_t count);
uint64_t hy_random_u64(void);
