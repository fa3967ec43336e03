/* The message behind gan_generator_last_error. */

#ifndef GAN_LAST_ERROR_H
#define GAN_LAST_ERROR_H

/* Keeps a message, formatted as by printf, for this thread.

   Returns -1, so that `return gan_fail(...)` reports and fails at once. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
int gan_fail(const char* format, ...);

#endif
