/* The library within a shared one, as an app's plug-in for Flutter, Unity or Python has it. */

#include <stddef.h>

#include "gan_generator.h"

gan_generator* plugin_open(const char* path);

gan_generator* plugin_open(const char* path) { return gan_generator_open(path, NULL); }
