// Never built where forgeline is tested: README.md says what was.
plugins {
  id("com.android.application") version "9.4.1" apply false // brings Kotlin
  id("com.android.library") version "9.4.1" apply false
}
