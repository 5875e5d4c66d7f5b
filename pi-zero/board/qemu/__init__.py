"""QEMU: its monitor, and the system timer that it lacks."""
