// Base64 (RFC 4648), as the host's reports have bytes.
#pragma once
#include <hookyard/text.h>

hy_string hy_base64_encode(hy_string bytes);
// Text that the host wrote.
hy_string hy_base64_decode(hy_string text);
