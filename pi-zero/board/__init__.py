"""An emulated Pi Zero, driven and watched from the host: what test.sh and bench.sh are made of."""
