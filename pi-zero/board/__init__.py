"""An emulated Pi Zero, driven and watched from the host: the parts of test.sh."""
