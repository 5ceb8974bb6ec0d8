#define _POSIX_C_SOURCE 200809L
#include "program.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *open_file(void) {
  FILE *file = tmpfile();
  if (file == NULL) hy_test_fail(__FILE__, __LINE__, "there is no room for a temporary file");
  return file;
}

static hy_string content(FILE *file) {
  hy_buffer buffer = {0};
  char part[4096];
  rewind(file);
  for (size_t len; (len = fread(part, 1, sizeof part, file)) > 0;) hy_append(&buffer, (hy_string){part, len});
  fclose(file);
  return hy_appended(&buffer);
}

static FILE *file_of(hy_string text) {
  FILE *file = open_file();
  if (fwrite(text.ptr, 1, text.len, file) != text.len || fflush(file) != 0) {
    hy_test_fail(__FILE__, __LINE__, "there is no room for a temporary file");
  }
  rewind(file);
  return file;
}

hy_program_result hy_run_program(const char *const *arguments, hy_string input) {
  const char *named = getenv("HOOKYARD");
  const char *program = named != NULL && *named != 0 ? named : "hookyard";
  const char *command[HY_PROGRAM_ARGUMENTS_MAX + 2] = {program};
  for (size_t i = 0; arguments[i] != NULL; i++) {
    HY_ASSERT(i < HY_PROGRAM_ARGUMENTS_MAX);
    command[i + 1] = arguments[i];
  }
  FILE *files[] = {file_of(input), open_file(), open_file()}; // standard input, output and error
  pid_t child = fork();
  if (child == 0) {
    for (int i = 0; i < 3; i++) dup2(fileno(files[i]), i);
    execvp(program, (char *const *)command);
    dprintf(2, "%s does not start: put it in the path, or name it in HOOKYARD\n", program);
    _exit(127);
  }
  int status = -1;
  if (child > 0) waitpid(child, &status, 0);
  fclose(files[0]);
  hy_string output = content(files[1]), errors = content(files[2]);
  return (hy_program_result){status == 0, output, errors};
}
