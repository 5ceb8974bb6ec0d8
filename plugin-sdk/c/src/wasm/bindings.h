// Between the API's types and those that wit-bindgen generates for a world. Both are what the canonical
// ABI says, so pointers are converted, and the compiler checks here that the types are alike.
#pragma once

#define SAME_SIZE(a, b) _Static_assert(sizeof(a) == sizeof(b), #a " is not " #b)
#define SAME_FIELD(a, x, b, y)                                                                             \
  _Static_assert(offsetof(a, x) == offsetof(b, y) && sizeof(((a *)0)->x) == sizeof(((b *)0)->y), \
                 #a "." #x " is not " #b "." #y)
