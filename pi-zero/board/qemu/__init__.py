"""QEMU: the boards it stands in for, its monitor, and the system timer that it lacks."""
