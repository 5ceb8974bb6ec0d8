// The in-memory store. A write replaces the list and never changes it in place, so undoing restores the
// old list.
#include <hookyard/store.h>

#include "world.h"

static size_t find(hy_string bucket, hy_string key) {
  size_t i = 0;
  for (; i < hy_world.entry_count; i++) {
    hy_test_entry *entry = &hy_world.entries[i];
    if (hy_equal(entry->bucket, bucket) && hy_equal(entry->key, key)) break;
  }
  return i;
}

static void replace_entries(size_t left_out, const hy_test_entry *added) {
  hy_test_entry *entries = hy_alloc((hy_world.entry_count + 1) * sizeof *entries);
  size_t count = 0;
  for (size_t i = 0; i < hy_world.entry_count; i++) {
    if (i != left_out) entries[count++] = hy_world.entries[i];
  }
  if (added != NULL) entries[count++] = *added;
  hy_world.entries = entries;
  hy_world.entry_count = count;
}

bool hy_store_get(hy_string bucket, hy_string key, hy_optional *value, hy_failure *failure) {
  (void)failure;
  size_t at = find(bucket, key);
  *value = at < hy_world.entry_count ? hy_some(hy_test_copy(hy_world.entries[at].value)) : hy_none();
  return true;
}

bool hy_store_set(hy_string bucket, hy_string key, hy_string value, hy_failure *failure) {
  (void)failure;
  hy_test_entry entry = {hy_test_copy(bucket), hy_test_copy(key), hy_test_copy(value)};
  replace_entries(find(bucket, key), &entry);
  return true;
}

bool hy_store_delete(hy_string bucket, hy_string key, hy_failure *failure) {
  (void)failure;
  replace_entries(find(bucket, key), NULL);
  return true;
}

bool hy_store_exists(hy_string bucket, hy_string key, bool *exists, hy_failure *failure) {
  (void)failure;
  *exists = find(bucket, key) < hy_world.entry_count;
  return true;
}

bool hy_store_keys(hy_string bucket, hy_strings *keys, hy_failure *failure) {
  (void)failure;
  *keys = (hy_strings){hy_alloc(hy_world.entry_count * sizeof(hy_string)), 0};
  for (size_t i = 0; i < hy_world.entry_count; i++) {
    if (hy_equal(hy_world.entries[i].bucket, bucket)) keys->items[keys->count++] = hy_world.entries[i].key;
  }
  return true;
}

bool hy_store_increment(hy_string bucket, hy_string key, int64_t delta, int64_t *sum, hy_failure *failure) {
  hy_optional value;
  int64_t number = 0;
  hy_store_get(bucket, key, &value, failure);
  if (value.is_some && !hy_parse_int(value.value, &number)) {
    return hy_retry(failure, "store `%.*s`: the value of `%.*s` is no number", HY_ARG(bucket), HY_ARG(key));
  }
  if (__builtin_add_overflow(number, delta, &number)) {
    return hy_retry(failure, "store `%.*s`: `%.*s` would pass the limit of 64 bits", HY_ARG(bucket), HY_ARG(key));
  }
  if (sum != NULL) *sum = number;
  return hy_store_set(bucket, key, hy_format("%" PRId64, number), failure);
}

bool hy_store_compare_and_swap(hy_string bucket, hy_string key, hy_optional expected, hy_string value, bool *swapped,
                               hy_failure *failure) {
  hy_optional current;
  hy_store_get(bucket, key, &current, failure);
  *swapped = current.is_some == expected.is_some &&
             (!current.is_some || hy_equal(current.value, expected.value));
  return !*swapped || hy_store_set(bucket, key, value, failure);
}

bool hy_store_get_many(hy_string bucket, hy_strings keys, hy_optional *values, hy_failure *failure) {
  for (size_t i = 0; i < keys.count; i++) hy_store_get(bucket, keys.items[i], &values[i], failure);
  return true;
}

bool hy_store_set_many(hy_string bucket, hy_pairs values, hy_failure *failure) {
  for (size_t i = 0; i < values.count; i++) {
    hy_store_set(bucket, values.items[i].name, values.items[i].value, failure);
  }
  return true;
}

bool hy_store_delete_many(hy_string bucket, hy_strings keys, hy_failure *failure) {
  for (size_t i = 0; i < keys.count; i++) hy_store_delete(bucket, keys.items[i], failure);
  return true;
}

void hy_set_stored(const char *bucket, const char *key, const char *value) {
  hy_store_set(hy_text(bucket), hy_text(key), hy_text(value), NULL);
}

hy_optional hy_stored(const char *bucket, const char *key) {
  hy_optional value;
  hy_store_get(hy_text(bucket), hy_text(key), &value, NULL);
  return value;
}

size_t hy_stored_count(const char *bucket) {
  hy_strings keys;
  hy_store_keys(hy_text(bucket), &keys, NULL);
  return keys.count;
}
