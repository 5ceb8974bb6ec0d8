// The plugin's own key-value store. The host commits the writes together with the effects if the handler
// returns true. Reads see committed values and the call's own writes. Two calls that touch the same keys
// cannot both commit: the host runs one of them again.
//
// A bucket is a named group of keys. Values are bytes, such as text or JSON. If the store fails or a limit
// is exceeded, each function returns false with a failure that requests another attempt.
#pragma once
#include <hookyard/handler.h>

bool hy_store_get(hy_string bucket, hy_string key, hy_optional *value, hy_failure *failure);
bool hy_store_set(hy_string bucket, hy_string key, hy_string value, hy_failure *failure);
// A missing key is not a failure.
bool hy_store_delete(hy_string bucket, hy_string key, hy_failure *failure);
bool hy_store_exists(hy_string bucket, hy_string key, bool *exists, hy_failure *failure);
// All keys of the bucket, in no particular order.
bool hy_store_keys(hy_string bucket, hy_strings *keys, hy_failure *failure);

// Adds to a number, which is stored as decimal text. A missing key counts as 0. `sum` may be NULL.
bool hy_store_increment(hy_string bucket, hy_string key, int64_t delta, int64_t *sum, hy_failure *failure);
// Sets the value if the current value is as expected (none: no value). `swapped` receives whether it did.
bool hy_store_compare_and_swap(hy_string bucket, hy_string key, hy_optional expected, hy_string value, bool *swapped,
                               hy_failure *failure);

// Fills `values`, which has room for one value per key, in the order of the keys.
bool hy_store_get_many(hy_string bucket, hy_strings keys, hy_optional *values, hy_failure *failure);
bool hy_store_set_many(hy_string bucket, hy_pairs values, hy_failure *failure);
bool hy_store_delete_many(hy_string bucket, hy_strings keys, hy_failure *failure);
