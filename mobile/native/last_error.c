#include "last_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "gan_generator.h"

static _Thread_local char last_error[1024];

int gan_fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_error, sizeof last_error, format, arguments);
  va_end(arguments);
  /* A path may hold anything; a message is one line. */
  for (char* c = last_error; *c != '\0'; c++) {
    if (*c == '\n' || *c == '\r') *c = '?';
  }
  return -1;
}

const char* gan_generator_last_error(void) { return last_error; }
