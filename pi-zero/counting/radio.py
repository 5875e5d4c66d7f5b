"""What goes over the network between a program and its server: whole IP packets, of which a radio sends each."""

import socket
import struct
import threading

INTERFACE = "lo"
# From the headers of Linux. Packets of IP are seen as they come in, as on the loopback device all of them do.
ETH_P_IP = 0x0800
SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_STATISTICS = 263, 6
BUFFER_BYTES = 1 << 26
LOOK_SECONDS = 0.2


class Radio:
    """Counts the packets to and from the ports of a server, while it is entered."""

    def __init__(self, ports):
        self._ports = frozenset(ports)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._socket.bind((INTERFACE, 0))
        self._socket.settimeout(LOOK_SECONDS)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self.sent = self.received = 0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        self._thread.join()
        self._socket.close()

    def quiet(self):
        """Waits until nothing was sent for a moment; returns the bytes sent and received."""
        before = None
        while before != (now := (self.sent, self.received)):
            before = now
            self._ends.wait(2 * LOOK_SECONDS)
        _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        if dropped:
            raise RuntimeError(f"{dropped} packets were not counted")
        return now

    def _listen(self):
        while not self._ends.is_set():
            try:
                packet = self._socket.recv(65536)
            except TimeoutError:
                continue
            if packet[9] != socket.IPPROTO_TCP:
                continue
            header = 4 * (packet[0] & 15)
            source, target = struct.unpack_from("!HH", packet, header)
            if target in self._ports:
                self.sent += len(packet)
            elif source in self._ports:
                self.received += len(packet)
