// Never built where forgeline is tested: README.md says what was.
plugins { id("com.android.library") }

val litert = "com.google.ai.edge.litert:litert:2.3.0"

// The package has no CMake files: its shared library is laid out for the linker.
val litertPackage = configurations.create("litertPackage") { isCanBeConsumed = false }
val litertFolder = layout.buildDirectory.dir("litert")
val extractLiteRt = tasks.register<Sync>("extractLiteRt") {
  from({ zipTree(litertPackage.singleFile) }) { include("jni/**/libLiteRt.so") }
  into(litertFolder)
}
tasks.configureEach { if (name.startsWith("configureCMake")) dependsOn(extractLiteRt) }

android {
  namespace = "forgeline.generator"
  compileSdk = 37

  defaultConfig {
    minSdk = 24 // LiteRT's
    consumerProguardFiles("consumer-rules.pro")
    ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
    externalNativeBuild {
      cmake { arguments += "-DLITERT_DIR=${litertFolder.get().asFile}/jni" }
    }
  }

  externalNativeBuild { cmake { path = file("src/main/cpp/CMakeLists.txt") } }
}

dependencies {
  litertPackage("$litert@aar")
  runtimeOnly(litert) // libLiteRt.so in the app; the Kotlin code needs none of its classes
}
