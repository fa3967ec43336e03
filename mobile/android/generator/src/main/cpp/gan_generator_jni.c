// Native.kt's functions over gan_generator.h. Texts are UTF-8 bytes (Native.kt says why).

#include <jni.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gan_generator.h"

#define NATIVE(name) JNICALL Java_forgeline_generator_Native_##name

static gan_generator* generator_of(jlong handle) { return (gan_generator*)(intptr_t)handle; }

// NULL if memory is short; an OutOfMemoryError then waits in `env`.
static const char* borrow_text(JNIEnv* env, jbyteArray text) {
  return (const char*)(*env)->GetByteArrayElements(env, text, NULL);
}

static void return_text(JNIEnv* env, jbyteArray text, const char* bytes) {
  if (bytes) (*env)->ReleaseByteArrayElements(env, text, (jbyte*)bytes, JNI_ABORT);
}

JNIEXPORT jlong NATIVE(open)(JNIEnv* env, jclass native, jbyteArray path, jbyteArray sha256,
                             jint num_threads) {
  (void)native;
  const char* path_text = borrow_text(env, path);
  if (!path_text) return 0;
  const char* sha256_text = sha256 ? borrow_text(env, sha256) : NULL;
  gan_generator* generator = NULL;
  if (sha256_text || !sha256) {
    gan_generator_options options = {sha256_text, num_threads};
    generator = gan_generator_open(path_text, &options);
  }
  return_text(env, sha256, sha256_text);
  return_text(env, path, path_text);
  return (jlong)(intptr_t)generator;
}

JNIEXPORT jintArray NATIVE(info)(JNIEnv* env, jclass native, jlong handle) {
  (void)native;
  gan_generator_info info = gan_generator_get_info(generator_of(handle));
  jint values[] = {info.latent_size, info.num_classes, info.height, info.width, info.channels};
  jintArray result = (*env)->NewIntArray(env, 5);
  if (result) (*env)->SetIntArrayRegion(env, result, 0, 5, values);
  return result;
}

// Generator.kt has checked that the handle is open and the arrays have the model's sizes.
JNIEXPORT jboolean NATIVE(generate)(JNIEnv* env, jclass native, jlong handle, jfloatArray latent,
                                    jint label, jbyteArray pixels) {
  (void)native;
  jfloat* values = (*env)->GetFloatArrayElements(env, latent, NULL);
  if (!values) return JNI_FALSE;
  jbyte* levels = (*env)->GetByteArrayElements(env, pixels, NULL);
  int status = -1;
  if (levels) {
    status = gan_generator_generate(generator_of(handle), values, label, (uint8_t*)levels);
    (*env)->ReleaseByteArrayElements(env, pixels, levels, 0);
  }
  (*env)->ReleaseFloatArrayElements(env, latent, values, JNI_ABORT);
  return status == 0;
}

JNIEXPORT void NATIVE(close)(JNIEnv* env, jclass native, jlong handle) {
  (void)env, (void)native;
  if (handle) gan_generator_close(generator_of(handle));
}

JNIEXPORT jbyteArray NATIVE(lastError)(JNIEnv* env, jclass native) {
  (void)native;
  const char* text = gan_generator_last_error();
  jsize size = (jsize)strlen(text);
  jbyteArray bytes = (*env)->NewByteArray(env, size);
  if (bytes) (*env)->SetByteArrayRegion(env, bytes, 0, size, (const jbyte*)text);
  return bytes;
}
