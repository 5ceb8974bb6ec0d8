// The host's own program.
#pragma once
#include <hookyard/text.h>

enum { HY_PROGRAM_ARGUMENTS_MAX = 8 };

typedef struct {
  bool is_ok;
  hy_string output, errors;
} hy_program_result;

// Runs `hookyard` with these arguments, which end with NULL, and this standard input. The environment variable HOOKYARD
// names the program if it is not in the path. A program that does not start is an error.
hy_program_result hy_run_program(const char *const *arguments, hy_string input);
