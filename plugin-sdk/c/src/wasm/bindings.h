// Converts between the API's types and the types that wit-bindgen generates for a world. Both have the layout
// of the canonical ABI, so pointers are cast. The compiler checks the layouts here.
#pragma once

#define SAME_SIZE(a, b) _Static_assert(sizeof(a) == sizeof(b), #a " is not " #b)
#define SAME_FIELD(a, x, b, y)                                                                             \
  _Static_assert(offsetof(a, x) == offsetof(b, y) && sizeof(((a *)0)->x) == sizeof(((b *)0)->y), \
                 #a "." #x " is not " #b "." #y)
