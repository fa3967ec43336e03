// Never built where forgeline is tested: README.md says what was.
plugins { id("com.android.application") }

android {
  namespace = "forgeline.sample"
  compileSdk = 37

  defaultConfig {
    applicationId = "forgeline.sample"
    minSdk = 24
    targetSdk = 37
    versionCode = 1
    versionName = "1.0"
    ndk { abiFilters += listOf("arm64-v8a", "x86_64") } // the generator's: nowhere else it runs
  }
}

dependencies { implementation(project(":generator")) }
