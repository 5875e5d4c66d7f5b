"""The package under a systemd that runs: enrolled at a home, watched, upgraded and purged. ../test.sh runs it."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from debian import AGENT, CREDENTIAL
from running import RunningSystem

OUTCOME = "jarvis-node status --json | sed 's/.*\"outcome\": *\"\\([a-z_]*\\)\".*/\\1/'"
PROCESS = f"systemctl show --property MainPID --value {AGENT}"
HOUSEHOLD = "11111111-2222-4333-8444-555555555555"


class Running(unittest.TestCase):
    """A node of a home that is on the same loopback; one system for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.system = RunningSystem(folder.name)
        self.addCleanup(self.system.close)
        self.system.must("apt-get install -qq -y /root/first.deb")
        self.enroll(Path(folder.name) / "home")
        self.system.wait_for(OUTCOME, "valid")
        self.assertEqual(self.system.must(f"systemctl is-active {AGENT}"), "active")

    def enroll(self, home):
        stub = self.system.start_outside(os.environ["STUB"], "--plain", "--ports", "0", "--dir", home, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(stub.communicate)
        self.addCleanup(stub.terminate)
        center = json.loads(stub.stdout.readline())["command_center"]
        curl = self.system.start_outside(
            "curl", "-fsS", "-H", f"X-API-Key: {(home / 'admin.token').read_text().strip()}", "-H", "Content-Type: application/json",
            "-d", json.dumps({"household_id": HOUSEHOLD, "node_id": "attic-pi"}), f"{center}/api/v0/provisioning/token",
            stdout=subprocess.PIPE, text=True,
        )
        self.system.put("/root/token", json.loads(curl.communicate()[0])["token"], 0o600)
        self.system.must(f"jarvis-node enroll --allow-http --url {center} --node-id attic-pi </root/token")

    def test_hung_daemon_is_restarted_by_the_watchdog(self):
        system = self.system
        system.put(f"/etc/systemd/system/{AGENT}.service.d/sooner.conf", "[Service]\nWatchdogSec=4\n")
        system.must(f"systemctl daemon-reload && systemctl restart {AGENT}")
        before = system.must(PROCESS)
        system.must(f"kill -STOP {before}")
        system.wait_for(f"journalctl --unit {AGENT} | grep -o 'Watchdog timeout' | head -n 1", "Watchdog timeout")
        system.wait_for(f"systemctl is-active {AGENT}", "active")
        system.wait_for(OUTCOME, "valid")
        self.assertNotEqual(system.must(PROCESS), before)

    def test_upgrade_restarts_a_node_that_stays_valid(self):
        system = self.system
        before, credential = system.must(PROCESS), system.read(CREDENTIAL)
        system.must("apt-get install -qq -y /root/next.deb")
        self.assertEqual(system.must(f"systemctl is-active {AGENT}"), "active")
        self.assertNotEqual(system.must(PROCESS), before)
        system.wait_for(OUTCOME, "valid")
        self.assertEqual(system.read(CREDENTIAL), credential)
        self.assertEqual(system.must("systemctl --failed --quiet"), "")

    def test_purge_ends_the_daemon_and_leaves_nothing(self):
        system = self.system
        system.must("dpkg --purge jarvis-node")
        self.assertEqual(system.run("ls -l /proc/[0-9]*/exe 2>/dev/null | grep jarvis-node")[1], "")
        self.assertEqual(system.run(f"ls -d /etc/{AGENT} /var/lib/{AGENT} /run/{AGENT} 2>/dev/null")[1], "")
        self.assertNotEqual(system.run(f"getent passwd {AGENT}")[0], 0)
        self.assertEqual(system.must("systemctl is-system-running"), "running")
