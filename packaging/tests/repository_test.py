"""A real apt and a repository of repo.sh: it takes what the key's owner has signed, and nothing else.

../test.sh runs it.
"""

import functools
import http.server
import shutil
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from debian import NEXT, PACKAGE, ROOT, System
from keys import key_ring, make_key


class Repository(unittest.TestCase):
    """A repository on this machine's loopback, with one package, and a system that knows it and no other."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = Path(folder.name)
        self.environment = key_ring(self, self.place / "keys")
        make_key(self.environment, "owner@example.org")
        self.repository = self.place / "repository"
        self.publish(PACKAGE)
        self.system = System(self.place)
        shutil.copy(self.repository / "jarvis-node.asc", self.system.path("/usr/share/keyrings/"))
        self.system.put("/etc/apt/sources.list", "deb [signed-by=/usr/share/keyrings/jarvis-node.asc] "
                                                 f"http://127.0.0.1:{self.serve()}/ ./\n")

    def publish(self, package, key="owner@example.org"):
        packages = Path(tempfile.mkdtemp(dir=self.place))
        shutil.copy(package, packages)
        command = [ROOT / "packaging/repo.sh", packages, self.repository, key]
        subprocess.run(command, env=self.environment, check=True, capture_output=True)

    def serve(self):
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=self.repository))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def change(self, name, old, new):
        """Other bytes of the same length."""
        content = (self.repository / name).read_bytes()
        self.assertIn(old, content)
        (self.repository / name).write_bytes(content.replace(old, new, 1))

    def assert_refused(self, sentence):
        status, said = self.system.run("apt-get update")
        self.assertEqual(status, 100, said)
        self.assertIn(sentence, said)
        self.assertNotEqual(self.system.run("apt-get install -qq -y jarvis-node")[0], 0)
        self.assertFalse(self.system.is_there("/usr/bin/jarvis-node"))

    def test_apt_installs_and_upgrades(self):
        self.system.must("apt-get update && apt-get install -qq -y jarvis-node && jarvis-node --version")
        self.publish(NEXT)
        self.system.must("apt-get update && apt-get upgrade -qq -y")
        self.assertEqual(self.system.must("dpkg-query -W -f '${Version} ${Status}' jarvis-node"), "99.0 install ok installed")
        # The one before is there to go back to.
        self.assertEqual(self.system.must("apt-cache madison jarvis-node | wc -l"), "2")

    def test_changed_release_is_refused(self):
        self.change("InRelease", b"Suite: stable", b"Suite: stolen")
        self.assert_refused("is not signed")

    def test_release_without_a_signature_is_refused(self):
        (self.repository / "InRelease").unlink()
        (self.repository / "Release.gpg").unlink()
        self.assert_refused("is not signed")

    def test_release_of_another_key_is_refused(self):
        make_key(self.environment, "other@example.org")
        self.publish(NEXT, "other@example.org")
        self.assert_refused("NO_PUBKEY")

    def test_changed_index_is_refused(self):
        (self.repository / "Packages.gz").unlink()
        self.change("Packages", b"Package: jarvis-node", b"Package: jarvis-nodf")
        self.assert_refused("Hash Sum mismatch")

    def test_changed_package_is_not_installed(self):
        self.system.must("apt-get update")
        name = PACKAGE.name
        content = bytearray((self.repository / name).read_bytes())
        content[-1] ^= 1
        (self.repository / name).write_bytes(content)
        status, said = self.system.run("apt-get install -qq -y jarvis-node")
        self.assertEqual(status, 100, said)
        self.assertIn("Hash Sum mismatch", said)
        self.assertFalse(self.system.is_there("/usr/bin/jarvis-node"))
