/* contract FOLDER SHA256: what gan_generator.h promises, for the bundle in FOLDER with that SHA-256
   of generator.tflite. Prints each promise that was broken; the exit code is their number. */

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "gan_generator.h"

static const char* const FILES[] = {"generator.tflite", "generator_i8.tflite",
                                    "generator_f16.tflite", "generator_f32.tflite"};
static int num_broken;
static char path[4096];
static float latent[1000];
static uint8_t pixels[10000];

static void expect(int holds, const char* promise) {
  if (holds) return;
  num_broken++;
  printf("broken: %s; last error: %s\n", promise, gan_generator_last_error());
}

static void expect_error(int failed, const char* said) {
  expect(failed && strstr(gan_generator_last_error(), said) != NULL, said);
}

static int refuses(const char* model_path, const char* sha256, int32_t num_threads) {
  gan_generator_options options = {sha256, num_threads};
  gan_generator* generator = gan_generator_open(model_path, &options);
  gan_generator_close(generator);
  return generator == NULL;
}

static void check_refusals(const char* folder, const char* sha256) {
  char other[65];
  snprintf(other, sizeof other, "%s", sha256);
  other[63] = other[63] == '0' ? '1' : '0';
  expect_error(refuses(NULL, NULL, 0), "model_path is NULL");
  expect_error(refuses("no such file", NULL, 0), "no such file could not be opened");
  expect_error(refuses("no\nsuch\nfile", NULL, 0), "no?such?file could not be opened");
  expect_error(refuses(folder, NULL, 0), "(gan_generator_open)");
  expect_error(refuses("/dev/null", NULL, 0), "is empty");
  expect_error(refuses("/sys/devices/system/cpu/online", NULL, 0), "to its end: it ends early");
  expect_error(refuses(path, NULL, -1), "num_threads=-1 is not within 0 to 256");
  expect_error(refuses(path, NULL, 257), "num_threads=257 is not within 0 to 256");
  expect_error(refuses(path, NULL, INT32_MAX), "num_threads=2147483647 is not within");
  expect_error(refuses(path, other, 0), "has not the expected SHA-256");
  expect_error(refuses(path, "abc", 0), "expected_sha256 'abc' is not 64 hex digits");
  expect_error(refuses(path, "", 0), "expected_sha256 '' is not 64 hex digits");
  expect(!refuses(path, sha256, 2), "the expected SHA-256 is accepted");
  expect_error(gan_generator_generate(NULL, latent, 0, pixels), "generator is NULL");
  gan_generator_close(NULL);
  expect(gan_generator_get_info(NULL).latent_size == 0, "NULL has no sizes");
}

static void check_use(void) {
  gan_generator* generator = gan_generator_open(path, NULL);
  expect(generator != NULL, path);
  if (generator == NULL) return;
  gan_generator_info info = gan_generator_get_info(generator);
  expect(info.latent_size == 100 && info.num_classes == 10 && info.height == 28 &&
             info.width == 28 && info.channels == 1,
         "sizes are those of the model");
  expect_error(gan_generator_generate(generator, NULL, 0, pixels), "latent is NULL");
  expect_error(gan_generator_generate(generator, latent, 0, NULL), "pixels is NULL");
  expect_error(gan_generator_generate(generator, latent, 10, pixels), "label=10 is none of the 10");
  expect_error(gan_generator_generate(generator, latent, -1, pixels), "label=-1 is none of the 10");
  pixels[28 * 28] = 77;
  expect(gan_generator_generate(generator, latent, 9, pixels) == 0, "the last class is made");
  expect(pixels[28 * 28] == 77, "no byte after the pixels is written");
  gan_generator_close(generator);
}

static int count_threads(void) {
  int count = 0;
  DIR* tasks = opendir("/proc/self/task");
  while (readdir(tasks) != NULL) count++;
  closedir(tasks);
  return count;
}

static int threads_of_a_generator(int32_t num_threads) {
  gan_generator_options options = {NULL, num_threads};
  int before = count_threads();
  gan_generator* generator = gan_generator_open(path, &options);
  gan_generator_generate(generator, latent, 0, pixels);
  int after = count_threads();
  gan_generator_close(generator);
  return after - before;
}

/* With a generator of its own: the sum of the pixels of 20 images, or -1 after an error. */
static void* images_of_a_thread(void* result) {
  float noise[100];
  uint8_t image[28 * 28];
  long sum = 0;
  int failed = strcmp(gan_generator_last_error(), "") != 0;
  gan_generator* generator = gan_generator_open(path, NULL);
  for (int i = 0; i < 20; i++) {
    for (int j = 0; j < 100; j++) noise[j] = (float)((i + 1) * (j + 1) % 7 - 3);
    failed |= gan_generator_generate(generator, noise, i % 10, image);
    for (int j = 0; j < 28 * 28; j++) sum += image[j];
  }
  gan_generator_close(generator);
  *(long*)result = failed ? -1 : sum;
  return NULL;
}

static void check_threads(void) {
  enum { NUM_THREADS = 4 };
  pthread_t threads[NUM_THREADS];
  long sums[NUM_THREADS];
  gan_generator_open(NULL, NULL);
  for (int i = 0; i < NUM_THREADS; i++) {
    pthread_create(&threads[i], NULL, images_of_a_thread, &sums[i]);
  }
  for (int i = 0; i < NUM_THREADS; i++) {
    pthread_join(threads[i], NULL);
    expect(sums[i] > 0 && sums[i] == sums[0], "threads make the same images, without errors");
  }
  expect_error(1, "model_path is NULL");
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  snprintf(path, sizeof path, "%s/%s", argv[1], FILES[0]);
  expect(threads_of_a_generator(1) == 0, "one thread is the caller's own");
  expect(threads_of_a_generator(3) == 2, "two threads help the caller");
  for (int i = 0; i < 4; i++) {
    snprintf(path, sizeof path, "%s/%s", argv[1], FILES[i]);
    check_use();
  }
  snprintf(path, sizeof path, "%s/%s", argv[1], FILES[0]);
  check_refusals(argv[1], argv[2]);
  check_threads();
  return num_broken;
}
