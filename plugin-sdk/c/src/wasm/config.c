#include <hookyard/config.h>

#include "capabilities.h"

hy_optional hy_config(hy_string key) {
  hy_optional value = {0};
  wasi_config_store_error_t error;
  if (!wasi_config_store_get(AS_STRING(key), (capabilities_option_string_t *)&value, &error)) return hy_none();
  return value;
}

// There are few keys, so an insertion sort is fast enough.
static void sort_by_name(hy_pairs pairs) {
  for (size_t i = 1; i < pairs.count; i++) {
    hy_pair pair = pairs.items[i];
    size_t at = i;
    for (; at > 0 && hy_compare(pairs.items[at - 1].name, pair.name) > 0; at--) pairs.items[at] = pairs.items[at - 1];
    pairs.items[at] = pair;
  }
}

hy_pairs hy_config_all(void) {
  hy_pairs all = {0};
  wasi_config_store_error_t error;
  if (!wasi_config_store_get_all((capabilities_list_tuple2_string_string_t *)&all, &error)) return (hy_pairs){0};
  sort_by_name(all);
  return all;
}
