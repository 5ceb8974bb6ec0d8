// Describes an error of a request.
#pragma once
#include <hookyard/text.h>

#include "../../bindings/fetch.h"

hy_string hy_http_error_text(const wasi_http_types_error_code_t *error);
