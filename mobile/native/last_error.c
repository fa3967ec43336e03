#include "last_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gan_generator.h"

enum { MAX_SIZE = 1024, START_SIZE = 256, END_SIZE = 700 };

static _Thread_local char last_error[MAX_SIZE];

static int is_within_character(char c) { return ((unsigned char)c & 0xC0) == 0x80; } /* of UTF-8 */

/* Keeps start and end of a message: only an argument makes one so long, and the remedy ends it. */
static void keep_ends(const char* message, size_t size) {
  size_t start = START_SIZE;
  const char* end = message + size - END_SIZE;
  while (start > 0 && is_within_character(message[start])) start--;
  while (is_within_character(*end)) end++;
  snprintf(last_error, sizeof last_error, "%.*s...%s", (int)start, message, end);
}

int gan_fail(const char* format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int size = vsnprintf(last_error, sizeof last_error, format, arguments);
  if (size >= MAX_SIZE) {
    char* message = malloc((size_t)size + 1);
    if (message == NULL) {
      snprintf(last_error, sizeof last_error, "no memory for a message. Free some memory.");
    } else {
      vsnprintf(message, (size_t)size + 1, format, again);
      keep_ends(message, (size_t)size);
      free(message);
    }
  }
  va_end(again);
  va_end(arguments);
  /* A path may hold anything; a message is one line. */
  for (char* c = last_error; *c != '\0'; c++) {
    if (*c == '\n' || *c == '\r') *c = '?';
  }
  return -1;
}

const char* gan_generator_last_error(void) { return last_error; }
