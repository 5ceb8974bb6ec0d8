// The action that uses every function of the store.
#include "actions.h"

static bool one_by_one(hy_failure *failure) {
  hy_optional a;
  bool exists, gone;
  int64_t counter;
  if (!hy_store_set(RESULTS, hy_str("a"), hy_str("1"), failure)) return false;
  if (!hy_store_get(RESULTS, hy_str("a"), &a, failure)) return false;
  if (!hy_store_exists(RESULTS, hy_str("a"), &exists, failure)) return false;
  if (!hy_store_delete(RESULTS, hy_str("a"), failure)) return false;
  if (!hy_store_exists(RESULTS, hy_str("a"), &gone, failure)) return false;
  if (!hy_store_increment(RESULTS, hy_str("counter"), 2, &counter, failure)) return false;
  HY_ASSERT(hy_equal(hy_or(a, hy_str("")), hy_str("1")) && exists && !gone && counter >= 2);
  return true;
}

static bool compare_and_swap(hy_failure *failure) {
  bool swapped, again; // swapped is false if an earlier event has swapped the value
  if (!hy_store_compare_and_swap(RESULTS, hy_str("cas"), hy_none(), hy_str("swapped"), &swapped, failure)) return false;
  if (!hy_store_compare_and_swap(RESULTS, hy_str("cas"), hy_none(), hy_str("twice"), &again, failure)) return false;
  HY_ASSERT(!again);
  return true;
}

static bool many(hy_failure *failure) {
  hy_pairs pairs = HY_PAIRS({hy_str("x"), hy_str("1")}, {hy_str("y"), hy_str("2")}, {hy_str("z"), hy_str("3")});
  hy_strings keys = HY_STRINGS(hy_str("x"), hy_str("missing"), hy_str("z"));
  hy_optional values[3];
  if (!hy_store_set_many(RESULTS, pairs, failure)) return false;
  if (!hy_store_get_many(RESULTS, keys, values, failure)) return false;
  HY_ASSERT(hy_equal(hy_or(values[0], hy_str("")), hy_str("1")));
  HY_ASSERT(!values[1].is_some);
  HY_ASSERT(hy_equal(hy_or(values[2], hy_str("")), hy_str("3")));
  return hy_store_delete_many(RESULTS, HY_STRINGS(hy_str("y")), failure);
}

bool do_store(const order *order, hy_failure *failure) {
  (void)order;
  hy_strings keys;
  if (!one_by_one(failure) || !compare_and_swap(failure) || !many(failure)) return false;
  if (!hy_store_keys(RESULTS, &keys, failure)) return false;
  hy_sort(keys);
  hy_json_writer json = {0};
  hy_put_strings(&json, NULL, keys);
  return store_result("keys", hy_written(&json), failure);
}
