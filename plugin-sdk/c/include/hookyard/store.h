// The plugin's own key-value store. Writes are kept if and only if the handler returns true, together
// with its effects; reads see what is kept and what this call has written. Two calls that touch the same
// keys cannot both be kept: the host runs one of them again.
//
// A bucket is a name that groups keys. Values are bytes: text, JSON or what you like. All functions
// return false with a failure that asks for another try when the store fails or a limit is crossed.
#pragma once
#include <hookyard/handler.h>

bool hy_store_get(hy_string bucket, hy_string key, hy_optional *value, hy_failure *failure);
bool hy_store_set(hy_string bucket, hy_string key, hy_string value, hy_failure *failure);
// No failure if it is not there.
bool hy_store_delete(hy_string bucket, hy_string key, hy_failure *failure);
bool hy_store_exists(hy_string bucket, hy_string key, bool *exists, hy_failure *failure);
// All keys of the bucket, in no order.
bool hy_store_keys(hy_string bucket, hy_strings *keys, hy_failure *failure);

// Adds to a number, kept as decimal text, from 0 where there is none. `sum` may be NULL.
bool hy_store_increment(hy_string bucket, hy_string key, int64_t delta, int64_t *sum, hy_failure *failure);
// Sets the value if the key still has the expected one (none: it is not there). `swapped` says whether.
bool hy_store_compare_and_swap(hy_string bucket, hy_string key, hy_optional expected, hy_string value, bool *swapped,
                               hy_failure *failure);

// Fills `values`, which has room for one value per key, in the keys' order.
bool hy_store_get_many(hy_string bucket, hy_strings keys, hy_optional *values, hy_failure *failure);
bool hy_store_set_many(hy_string bucket, hy_pairs values, hy_failure *failure);
bool hy_store_delete_many(hy_string bucket, hy_strings keys, hy_failure *failure);
