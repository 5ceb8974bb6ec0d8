#include <hookyard/metadata.h>

#include "../../bindings/metadata.h"
#include "bindings.h"

SAME_SIZE(hy_string, metadata_string_t);
SAME_FIELD(hy_string, ptr, metadata_string_t, ptr);
SAME_FIELD(hy_string, len, metadata_string_t, len);
SAME_SIZE(hy_pair, metadata_tuple2_string_string_t);
SAME_FIELD(hy_pair, value, metadata_tuple2_string_string_t, f1);
SAME_SIZE(hy_pairs, metadata_list_tuple2_string_string_t);

hy_optional hy_content_type(void) {
  hy_string value;
  if (!hookyard_event_metadata_content_type((metadata_string_t *)&value)) return hy_none();
  return hy_some(value);
}

hy_optional hy_attribute(hy_string name) {
  hy_string value;
  if (!hookyard_event_metadata_attribute((metadata_string_t *)&name, (metadata_string_t *)&value)) return hy_none();
  return hy_some(value);
}

hy_pairs hy_attributes(void) {
  hy_pairs all;
  hookyard_event_metadata_attributes((metadata_list_tuple2_string_string_t *)&all);
  return all;
}
