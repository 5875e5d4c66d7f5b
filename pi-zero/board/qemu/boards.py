"""The boards that QEMU stands in for."""

import dataclasses
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
# All that is built for the boards.
WORK = REPOSITORY / "target" / "pi-zero"


@dataclasses.dataclass(frozen=True)
class Board:
    """What one kind of board differs in."""

    # What image.sh made for it.
    directory: Path
    emulator: str
    machine: str
    # What its kernel has to be told on this machine.
    kernel_arguments: tuple
    # The physical address of the chip's peripherals.
    peripherals: int
    # Whether Linux takes the system timer as its clock, see timer.py.
    needs_timer: bool
    # The name of its packages' architecture.
    architecture: str
    # The LED on the board itself, and whether it is lit while the line is low.
    own_led: int
    own_led_is_active_low: bool

    def register(self, offset):
        """The physical address of a register, by its place among the peripherals."""
        return self.peripherals + offset


ZERO = Board(
    WORK / "board", "qemu-system-arm", "raspi0",
    # QEMU 7.2 has no power management block where the driver looks for one; the kernel would panic.
    ("initcall_blacklist=bcm2835_power_driver_init",),
    0x20000000, True, "armhf", 47, False,
)
# A Pi Zero 2 W has the chip of a Pi 3 with half of its memory. QEMU has no machine of its own for it.
ZERO2W = Board(WORK / "board64", "qemu-system-aarch64", "raspi3b", ("mem=512M",), 0x3F000000, False, "arm64", 29, True)
