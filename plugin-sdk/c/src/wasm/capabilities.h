// Converts the API's types to those of the bindings of the world `capabilities`.
#pragma once
#include <hookyard.h>

#include "../../bindings/capabilities.h"
#include "bindings.h"

SAME_SIZE(hy_string, capabilities_string_t);
SAME_FIELD(hy_string, ptr, capabilities_string_t, ptr);
SAME_FIELD(hy_string, len, capabilities_string_t, len);
SAME_SIZE(hy_string, capabilities_list_u8_t);
SAME_SIZE(hy_optional, capabilities_option_string_t);
SAME_FIELD(hy_optional, value, capabilities_option_string_t, val);
SAME_SIZE(hy_optional, capabilities_option_list_u8_t);
SAME_SIZE(hy_strings, capabilities_list_string_t);
SAME_FIELD(hy_strings, count, capabilities_list_string_t, len);
SAME_SIZE(hy_pair, capabilities_tuple2_string_string_t);
SAME_FIELD(hy_pair, value, capabilities_tuple2_string_string_t, f1);
SAME_SIZE(hy_pair, capabilities_tuple2_string_list_u8_t);
SAME_SIZE(hy_pairs, capabilities_list_tuple2_string_string_t);
SAME_SIZE(hy_pairs, capabilities_list_tuple2_string_list_u8_t);

// Pointers to arguments. The bindings' parameters are not const, but the bindings do not write to them.
#define AS_STRING(string) ((capabilities_string_t *)&(string))
#define AS_BYTES(string) ((capabilities_list_u8_t *)&(string))
