#include <hookyard/store.h>

#include "call.h"
#include "capabilities.h"

_Static_assert(sizeof(wasi_keyvalue_atomics_error_t) == sizeof(wasi_keyvalue_store_error_t), "errors differ");

// The buckets that this call has opened. Their handles are dropped when the call ends.
typedef struct bucket {
  hy_string name;
  wasi_keyvalue_store_own_bucket_t handle;
  struct bucket *next;
} bucket;

static bucket *opened;

static void close_buckets(void) {
  for (; opened != NULL; opened = opened->next) wasi_keyvalue_store_bucket_drop_own(opened->handle);
}

static bool fail(hy_failure *failure, hy_string bucket, wasi_keyvalue_store_error_t error) {
  hy_string reason;
  switch (error.tag) {
    case WASI_KEYVALUE_STORE_ERROR_NO_SUCH_STORE: reason = hy_str("there is no such bucket"); break;
    case WASI_KEYVALUE_STORE_ERROR_ACCESS_DENIED: reason = hy_str("access denied"); break;
    default: reason = *(hy_string *)&error.val.other; break;
  }
  return hy_retry(failure, "store `%.*s`: %.*s", HY_ARG(bucket), HY_ARG(reason));
}

static bool open(hy_string name, wasi_keyvalue_store_borrow_bucket_t *handle, hy_failure *failure) {
  bucket *found = opened;
  while (found != NULL && !hy_equal(found->name, name)) found = found->next;
  if (found == NULL) {
    wasi_keyvalue_store_own_bucket_t own;
    wasi_keyvalue_store_error_t error;
    if (!wasi_keyvalue_store_open(AS_STRING(name), &own, &error)) return fail(failure, name, error);
    found = hy_alloc(sizeof *found);
    *found = (bucket){hy_text(hy_zero_terminated(name)), own, opened};
    opened = found;
    hy_when_call_ends(close_buckets);
  }
  *handle = wasi_keyvalue_store_borrow_bucket(found->handle);
  return true;
}

// Opens the bucket and calls one of its functions, which takes `error` last.
#define IN_BUCKET(call)                                    \
  wasi_keyvalue_store_borrow_bucket_t handle;              \
  wasi_keyvalue_store_error_t error;                       \
  if (!open(bucket, &handle, failure)) return false;       \
  if (!(call)) return fail(failure, bucket, error)

bool hy_store_get(hy_string bucket, hy_string key, hy_optional *value, hy_failure *failure) {
  *value = hy_none();
  capabilities_option_list_u8_t *got = (capabilities_option_list_u8_t *)value;
  IN_BUCKET(wasi_keyvalue_store_method_bucket_get(handle, AS_STRING(key), got, &error));
  return true;
}

bool hy_store_set(hy_string bucket, hy_string key, hy_string value, hy_failure *failure) {
  IN_BUCKET(wasi_keyvalue_store_method_bucket_set(handle, AS_STRING(key), AS_BYTES(value), &error));
  return true;
}

bool hy_store_delete(hy_string bucket, hy_string key, hy_failure *failure) {
  IN_BUCKET(wasi_keyvalue_store_method_bucket_delete(handle, AS_STRING(key), &error));
  return true;
}

bool hy_store_exists(hy_string bucket, hy_string key, bool *exists, hy_failure *failure) {
  *exists = false;
  IN_BUCKET(wasi_keyvalue_store_method_bucket_exists(handle, AS_STRING(key), exists, &error));
  return true;
}

// One page of keys after a cursor. A cursor of none means the first page as input, and the last as output.
static bool list_keys(hy_string bucket, hy_optional *cursor, hy_strings *keys, hy_failure *failure) {
  wasi_keyvalue_store_key_response_t page;
  capabilities_string_t *after = cursor->is_some ? AS_STRING(cursor->value) : NULL;
  IN_BUCKET(wasi_keyvalue_store_method_bucket_list_keys(handle, after, &page, &error));
  size_t count = keys->count + page.keys.len;
  keys->items = hy_resize(keys->items, keys->count * sizeof(hy_string), count * sizeof(hy_string));
  if (page.keys.len > 0) memcpy(keys->items + keys->count, page.keys.ptr, page.keys.len * sizeof(hy_string));
  keys->count = count;
  *cursor = *(hy_optional *)&page.cursor;
  return true;
}

bool hy_store_keys(hy_string bucket, hy_strings *keys, hy_failure *failure) {
  hy_optional cursor = hy_none();
  *keys = (hy_strings){0};
  do {
    if (!list_keys(bucket, &cursor, keys, failure)) return false;
  } while (cursor.is_some);
  return true;
}

bool hy_store_increment(hy_string bucket, hy_string key, int64_t delta, int64_t *sum, hy_failure *failure) {
  int64_t ignored;
  int64_t *to = sum == NULL ? &ignored : sum;
  IN_BUCKET(wasi_keyvalue_atomics_increment(handle, AS_STRING(key), delta, to, &error));
  return true;
}

static bool swap(hy_string bucket, wasi_keyvalue_atomics_own_cas_t cas, hy_string value, bool *swapped,
                 hy_failure *failure) {
  wasi_keyvalue_atomics_cas_error_t error;
  *swapped = wasi_keyvalue_atomics_swap(cas, AS_BYTES(value), &error);
  if (*swapped) return true;
  if (error.tag == WASI_KEYVALUE_ATOMICS_CAS_ERROR_STORE_ERROR) return fail(failure, bucket, error.val.store_error);
  wasi_keyvalue_atomics_cas_drop_own(error.val.cas_failed);
  return true;
}

bool hy_store_compare_and_swap(hy_string bucket, hy_string key, hy_optional expected, hy_string value, bool *swapped,
                               hy_failure *failure) {
  wasi_keyvalue_atomics_own_cas_t cas;
  hy_optional current = hy_none();
  *swapped = false;
  IN_BUCKET(wasi_keyvalue_atomics_static_cas_new(handle, AS_STRING(key), &cas, &error));
  wasi_keyvalue_atomics_borrow_cas_t borrowed = wasi_keyvalue_atomics_borrow_cas(cas);
  bool read = wasi_keyvalue_atomics_method_cas_current(borrowed, (capabilities_option_list_u8_t *)&current, &error);
  bool as_expected = read && current.is_some == expected.is_some &&
                     (!current.is_some || hy_equal(current.value, expected.value));
  if (as_expected) return swap(bucket, cas, value, swapped, failure);
  wasi_keyvalue_atomics_cas_drop_own(cas);
  return read || fail(failure, bucket, error);
}

bool hy_store_get_many(hy_string bucket, hy_strings keys, hy_optional *values, hy_failure *failure) {
  capabilities_list_option_tuple2_string_list_u8_t got;
  IN_BUCKET(wasi_keyvalue_batch_get_many(handle, (capabilities_list_string_t *)&keys, &got, &error));
  HY_ASSERT(got.len == keys.count);
  for (size_t i = 0; i < got.len; i++) {
    values[i] = got.ptr[i].is_some ? hy_some(*(hy_string *)&got.ptr[i].val.f1) : hy_none();
  }
  return true;
}

bool hy_store_set_many(hy_string bucket, hy_pairs values, hy_failure *failure) {
  capabilities_list_tuple2_string_list_u8_t *pairs = (capabilities_list_tuple2_string_list_u8_t *)&values;
  IN_BUCKET(wasi_keyvalue_batch_set_many(handle, pairs, &error));
  return true;
}

bool hy_store_delete_many(hy_string bucket, hy_strings keys, hy_failure *failure) {
  IN_BUCKET(wasi_keyvalue_batch_delete_many(handle, (capabilities_list_string_t *)&keys, &error));
  return true;
}
