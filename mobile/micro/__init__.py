"""The bundle's integer file on microcontrollers, with TFLite Micro."""
