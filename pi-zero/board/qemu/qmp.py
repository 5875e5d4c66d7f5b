"""A client of QEMU's monitor that reads the machine's registers and ends it."""

import json
import re
import threading


class Qmp:
    """QEMU's protocol QMP on a connected socket. Safe to use from several threads."""

    def __init__(self, connection):
        self._socket = connection
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._lock = threading.Lock()
        self._lines.readline()  # the greeting
        self._execute("qmp_capabilities")

    def read_word(self, address):
        """The 32-bit word at a physical address of the machine."""
        answer = self._execute("human-monitor-command", {"command-line": f"xp /1xw {address:#x}"})
        word = re.search(r": (0x[0-9a-f]+)", answer)
        if word is None:
            raise RuntimeError(f"QEMU did not read address {address:#x}: {answer!r}")
        return int(word.group(1), 16)

    def quit(self):
        """Ends the machine without a shutdown."""
        try:
            self._execute("quit")
        except (OSError, ConnectionError):
            pass  # it ended before it answered

    def _execute(self, command, arguments=None):
        request = {"execute": command}
        if arguments is not None:
            request["arguments"] = arguments
        with self._lock:
            self._socket.sendall(json.dumps(request).encode())
            for line in self._lines:
                answer = json.loads(line)
                if "event" in answer:
                    continue
                if "error" in answer:
                    raise RuntimeError(f"QEMU refused {command}: {answer['error']['desc']}")
                return answer["return"]
        raise ConnectionError("QEMU closed its monitor")
