"""The service jarvis-node-agent on the board, its lamp and its status."""

import json

SERVICE = "jarvis-node-agent.service"
AS_NODE = "setpriv --reuid jarvis-node-agent --regid jarvis-node-agent --init-groups --no-new-privs"

# The outcomes, by the patterns that the lamp shows for them.
VALID = "on"
VALID_CACHED = "on with short gaps"
NETWORK = "2 flashes"
SERVER = "3 flashes"
NODE_REJECTED = "4 flashes"
TLS = "6 flashes"
CLOCK = "7 flashes"
SETUP = "8 flashes"
DARK = "dark"


class Node:
    """The service on one board, watched through one lamp."""

    def __init__(self, machine, lamp, report):
        self.machine = machine
        self.lamp = lamp
        self.report = report

    def shows(self, what, pattern, seconds=90):
        """Asserts that the lamp shows the pattern within the time."""
        if not self.report.equal(f"{what}: {pattern}", self.lamp.wait_for(pattern, seconds), pattern):
            runs = [("on" if lit else "off", round(length, 2)) for lit, length in self.lamp.runs(self.lamp.now() - 10)]
            self.report.say(f"      the lamp's last 10 s: {runs}")
            for line in self.machine.read(f"journalctl -u {SERVICE} -n 15 -o cat", check=False).splitlines():
                self.report.say(f"      {line}")

    def start(self):
        """Starts the service and waits for it, as systemctl does."""
        self.machine.run(f"systemctl start {SERVICE}")

    def stop(self):
        """Stops it; the last verdict is forgotten."""
        self.machine.run(f"systemctl stop {SERVICE}")

    def reload(self):
        """Has it read its files again and validate at once."""
        self.machine.run(f"systemctl reload {SERVICE}")

    def property(self, name):
        """A property of the service, as systemd shows it."""
        return self.machine.read(f"systemctl show --property={name} --value {SERVICE}")

    def pid(self):
        """The process id of the service."""
        return int(self.property("MainPID"))

    def signal(self, name):
        """Sends a signal to the process, past systemd."""
        self.machine.run(f"kill -{name} {self.pid()}")

    def status(self):
        """The output of `jarvis-node status --json` for a user without rights."""
        answer = self.machine.read("setpriv --reuid nobody --regid nogroup --clear-groups jarvis-node status --json", check=False)
        try:
            return json.loads(answer)
        except ValueError:
            raise RuntimeError(f"'jarvis-node status --json' answered {answer!r}") from None

    def install_credential(self, content):
        """Replaces the service's credential file."""
        self.machine.write_file(
            "/var/lib/jarvis-node-agent/credential.json", content, owner="jarvis-node-agent:jarvis-node-agent", mode="0600"
        )

    def set_clock(self, seconds):
        """Sets the board's clock, as an NTP client would."""
        self.machine.run(f"date -u -s @{int(seconds)}")
