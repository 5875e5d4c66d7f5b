"""One boot of an emulated board: QEMU's process, its serial line as a command channel, its monitor."""

import base64
import collections
import itertools
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from .qemu.qmp import Qmp
from .qemu.timer import TimerKeeper

KERNEL_ARGUMENTS = [
    "console=ttyAMA0,115200",
    "rdinit=/init",
    "loglevel=3",
    "systemd.show_status=0",
    "panic=-1",
]

Finished = collections.namedtuple("Finished", "status output")


class BoardDied(Exception):
    """The machine stopped, or its serial line went silent."""


class CardRefused(BoardDied):
    """The board's kernel would not mount its card."""


class Machine:
    """A running board. Commands run in it as root; their network is the host's loopback at 10.0.2.2, or a segment with
    one machine of that address."""

    def __init__(self, board, card, kernel_arguments=(), log=None, device_tree=None, segment=None, options=()):
        """`options` are more words for QEMU."""
        self.board = board
        self._directory = tempfile.TemporaryDirectory(prefix="pi-zero-")
        place = Path(self._directory.name)
        self._log = open(log, "wb") if log else None
        network = "tap,id=network,ifname=tap0,script=no,downscript=no" if segment else "user,id=network"
        self._process = subprocess.Popen(
            [
                # The machine ends with this process in every case.
                *(segment.inside if segment else []), "setpriv", "--pdeathsig", "KILL",
                board.emulator, "-M", board.machine,
                "-kernel", board.directory / "vmlinuz", "-dtb", device_tree or board.directory / "board.dtb",
                "-initrd", board.directory / "initrd.gz",
                "-append", " ".join([*KERNEL_ARGUMENTS, *board.kernel_arguments, *kernel_arguments]),
                "-drive", f"file={card},if=sd,format=raw",
                "-netdev", network, "-device", "usb-net,netdev=network",
                "-display", "none", "-no-reboot",
                "-serial", f"unix:{place / 'serial'},server=on,wait=on",
                "-qmp", f"unix:{place / 'qmp'},server=on,wait=off",
                "-chardev", f"socket,id=debugger,path={place / 'debugger'},server=on,wait=off",
                "-gdb", "chardev:debugger",
                *options,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        self._numbers = itertools.count(1)
        self._answers = {}
        self._ready = False
        self._refused = False
        self._ended = False
        self._changed = threading.Condition()
        # QEMU waits for the serial line before the board starts, so that no byte of it is lost.
        self._serial = self._connect(place / "serial")
        threading.Thread(target=self._listen, daemon=True).start()
        self.qmp = Qmp(self._connect(place / "qmp"))
        self._timer = TimerKeeper(self.qmp, board, place / "debugger") if board.needs_timer else None

    def wait_until_booted(self, seconds=240):
        """Returns when the board takes commands."""
        self._wait(lambda: self._ready or self._refused, seconds, "the board did not boot")
        if self._refused:
            raise CardRefused("the board's kernel would not mount its card")

    def run(self, script, seconds=120, check=True):
        """Runs a bash script on the board; with `check` a failing one is an error."""
        number = next(self._numbers)
        encoded = base64.b64encode(script.encode()).decode()
        try:
            self._serial.sendall(f"@run {number} {encoded}\n".encode())
        except OSError as error:
            raise BoardDied(f"the board cannot be told anything: {error}") from error
        self._wait(lambda: number in self._answers, seconds, f"the board did not answer to {script!r}")
        finished = self._answers.pop(number)
        if check and finished.status != 0:
            raise RuntimeError(f"{script!r} failed on the board with {finished.status}: {finished.output}")
        return finished

    def read(self, script, **options):
        """The output of a script on the board, without white space around it."""
        return self.run(script, **options).output.strip()

    def write_file(self, path, content, owner="root:root", mode="0644"):
        """Replaces a file on the board. Goes over the serial line, so no secret stands in an argument list."""
        encoded = base64.b64encode(content.encode()).decode()
        self.run(
            f"umask 077; base64 -d >{path}.new <<<{encoded} && chown {owner} {path}.new"
            f" && chmod {mode} {path}.new && mv {path}.new {path}"
        )

    def runs(self):
        """Whether the board has power."""
        return self._process.poll() is None

    def cut_power(self):
        """Kills QEMU. Writes that the board's kernel still holds in memory are lost, even in the middle of a page, since
        QEMU's card writes each 512-byte sector to the raw image at once. Sectors written stay: the host's page cache
        outlives the process, so the drive's cache mode does not matter here."""
        self._process.kill()
        self._process.wait()

    def close(self):
        """Switches the board off."""
        if self._timer:
            self._timer.close()
        if self._process.poll() is None:
            self.qmp.quit()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stderr.close()
        self._serial.close()
        self._directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _connect(self, path, seconds=30):
        deadline = time.monotonic() + seconds
        connection = socket.socket(socket.AF_UNIX)
        while True:
            try:
                connection.connect(str(path))
                return connection
            except (FileNotFoundError, ConnectionRefusedError):
                pass  # not there yet, or not listening yet
            if not self.runs():
                raise BoardDied(f"QEMU ended at once: {self._process.stderr.read().decode()}")
            if time.monotonic() > deadline:
                raise BoardDied(f"QEMU did not open {path.name} within {seconds} s")
            time.sleep(0.02)

    def _listen(self):
        try:
            with self._serial.makefile("rb") as lines:
                for line in lines:
                    if self._log:
                        self._log.write(line)
                        self._log.flush()
                    self._take(line.split())
        except ConnectionResetError:
            pass  # it was killed before it had read all that it was told
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, words):
        with self._changed:
            if words[:1] == [b"@ready"]:
                self._ready = True
            elif words[:1] == [b"@refused"]:
                self._refused = True
            elif words[:1] == [b"@done"]:
                output = base64.b64decode(words[3]).decode(errors="replace") if len(words) > 3 else ""
                self._answers[int(words[1])] = Finished(int(words[2]), output)
            self._changed.notify_all()

    def _wait(self, condition, seconds, complaint):
        with self._changed:
            self._changed.wait_for(lambda: condition() or self._ended, seconds)
            if condition():
                return
        raise BoardDied(f"{complaint} within {seconds} s" if not self._ended else f"{complaint}: QEMU ended")
