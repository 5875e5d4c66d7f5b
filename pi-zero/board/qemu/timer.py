"""Keeps the board's system timer going where QEMU loses it.

Linux arms the timer by reading the counter, adding a few microseconds and writing the sum to compare register 3.
QEMU takes a value that has passed meanwhile, as it does when the host is busy, for one that is due when the 32-bit
counter comes round again, 71 minutes later; an idle board then sleeps until some other interrupt. (The real timer has
the same trap, but a real CPU is not held up between two instructions.) So whoever runs the board looks at the
registers, and where the timer was missed sets it anew, through QEMU's debugger interface: its monitor cannot write.
"""

import socket
import threading

# Places of its registers among the chip's peripherals.
COUNTER = 0x3004
COMPARE = 0x3018
LOOK_SECONDS = 0.1
# Microseconds from now.
SET_ANEW = 2000
PAST = 1 << 31


class TimerKeeper:
    """Watches the timer of one machine in the background."""

    def __init__(self, qmp, board, debugger):
        self._qmp = qmp
        self._counter, self._compare = board.register(COUNTER), board.register(COMPARE)
        self._debugger = debugger
        self.repairs = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self):
        """Stops watching."""
        self._stopped.set()
        self._thread.join()

    def _watch(self):
        missed_before = None
        try:
            while not self._stopped.wait(LOOK_SECONDS):
                missed = self._missed()
                if missed is not None and missed == missed_before:
                    self._repair()
                    missed = None
                missed_before = missed
        except OSError:
            pass  # the machine is gone

    def _missed(self):
        """The compare value, if the counter is past it."""
        compare = self._qmp.read_word(self._compare)
        ahead = (compare - self._qmp.read_word(self._counter)) % (1 << 32)
        return compare if ahead >= PAST else None

    def _repair(self):
        due = (self._qmp.read_word(self._counter) + SET_ANEW) % (1 << 32)
        with socket.socket(socket.AF_UNIX) as debugger:
            # Attaching stops the machine, detaching lets it go on.
            debugger.connect(str(self._debugger))
            answers = debugger.makefile("rb")
            for command in ("?", "Qqemu.PhyMemMode:1", f"M{self._compare:x},4:{due.to_bytes(4, 'little').hex()}", "D"):
                debugger.sendall(packet(command))
                read_packet(answers)
                debugger.sendall(b"+")
        self.repairs += 1


def packet(command):
    """A command in the framing of GDB's remote protocol."""
    return f"${command}#{sum(command.encode()) % 256:02x}".encode()


def read_packet(stream):
    """The next answer's content; acknowledgements before it are skipped."""
    while stream.read(1) not in (b"$", b""):
        pass
    content = bytearray()
    while (byte := stream.read(1)) not in (b"#", b""):
        content += byte
    stream.read(2)
    return content.decode()
