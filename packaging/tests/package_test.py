"""The package of jarvis-node in a Debian where nothing runs. ../test.sh runs it."""

import json
import shutil
import tempfile
import unittest

from debian import AGENT, CONFIG, CREDENTIAL, NODE, OLD_UNIT, ROOT, UNITS, System

VOICE_UNIT_TEXT = "[Service]\nUser=pi\nExecStart=/opt/jarvis-node/voice\n"
# Between two places where take_over.sh is killed, in commands.
STEP = 41


class Package(unittest.TestCase):
    """One system for each test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.system = System(folder.name)

    def assert_set_up(self):
        """The unit is the package's and enabled, and configuration and credential are the user's."""
        system = self.system
        self.assertEqual(system.enabled(), "enabled")
        self.assertIn("ExecStart=/usr/bin/jarvis-node run\n", system.read(f"{UNITS}/{AGENT}.service"))
        self.assertEqual(system.read(CREDENTIAL), NODE)
        self.assertEqual(system.must(f"stat -c '%U %a' {CREDENTIAL}"), f"{AGENT} 600")
        self.assertEqual(json.loads(system.read(CONFIG))["credential_file"], CREDENTIAL)
        self.assertEqual(system.read(f"/etc/{AGENT}/app.key"), "secret")
        for path in ("/usr/local/bin/jarvis-node", f"/etc/systemd/system/{AGENT}.service", f"/etc/sysusers.d/{AGENT}.conf",
                     f"/etc/tmpfiles.d/{AGENT}.conf", f"/etc/udev/rules.d/60-{AGENT}.rules", OLD_UNIT, "/etc/jarvis-node",
                     "/var/lib/jarvis-node", f"/etc/.{AGENT}.new"):
            self.assertFalse(system.is_there(path), path)

    def test_install_by_apt_sets_all_up(self):
        system = self.system
        said = system.must("cd /root && apt-get install -qq -y ./first.deb")
        self.assertNotIn("systemctl", said)
        self.assertIn("jarvis-node-agent", system.must("id -nG jarvis-node-agent"))
        self.assertIn("gpio", system.must("id -nG jarvis-node-agent"))
        self.assertEqual(system.must(f"stat -c '%U %a' /etc/{AGENT} /var/lib/{AGENT}"), f"root 755\n{AGENT} 700")
        self.assertEqual([system.enabled(), system.enabled(f"{AGENT}-first-boot.service"), system.enabled(f"{AGENT}-update.path")],
                         ["enabled", "enabled", "disabled"])
        system.must("jarvis-node --version")
        for unit in (f"{AGENT}.service", f"{AGENT}-first-boot.service", f"{AGENT}-update.service"):
            self.assertNotIn("/usr/local", system.read(f"{UNITS}/{unit}"))

    def test_package_has_its_manual(self):
        self.system.must("apt-get -qq install --no-install-recommends /root/first.deb")
        for file in ("man/man1/jarvis-node.1.gz", "man/man5/jarvis-node.json.5.gz", "bash-completion/completions/jarvis-node",
                     "zsh/vendor-completions/_jarvis-node", "fish/vendor_completions.d/jarvis-node.fish",
                     "jarvis-node/configuration.schema.json", "jarvis-node/openapi/socket.json"):
            with self.subTest(file=file):
                self.assertTrue(self.system.is_there(f"/usr/share/{file}"))

    def test_install_without_proc_succeeds(self):
        status, said = self.system.run("dpkg -i /root/first.deb", proc=False)
        self.assertEqual(status, 0, said)

    def test_purge_leaves_no_file(self):
        before = self.system.files()
        self.system.must("dpkg -i /root/first.deb")
        self.system.provision()
        self.system.must("dpkg -i /root/next.deb && dpkg --purge jarvis-node")
        self.assertEqual(self.system.files() - before, set())
        self.assertEqual(before - self.system.files(), set())
        self.assertNotEqual(self.system.run(f"getent passwd {AGENT} || getent group {AGENT}")[0], 0)

    def test_remove_keeps_what_is_the_users(self):
        self.system.must("dpkg -i /root/first.deb")
        self.system.provision()
        self.system.must("dpkg --remove jarvis-node")
        self.assertFalse(self.system.is_there("/usr/bin/jarvis-node"))
        self.assertEqual(self.system.read(CREDENTIAL), NODE)
        self.system.must("dpkg -i /root/first.deb")
        self.assert_set_up()

    def test_upgrade_keeps_credential_and_what_is_enabled(self):
        self.system.must("dpkg -i /root/first.deb")
        self.system.provision()
        self.system.must(f"systemctl enable {AGENT}-update.path && dpkg -i /root/next.deb && dpkg -i /root/next.deb")
        self.assertIn("99.0", self.system.must("dpkg-query -W jarvis-node"))
        self.assertEqual(self.system.enabled(f"{AGENT}-update.path"), "enabled")
        self.assert_set_up()

    def test_upgrade_keeps_a_disabled_unit_disabled(self):
        self.system.must(f"dpkg -i /root/first.deb && systemctl disable {AGENT} && dpkg -i /root/next.deb")
        self.assertEqual(self.system.enabled(), "disabled")

    def test_layout_of_the_installer_is_taken_over(self):
        system = self.system
        system.install_by_script()
        drop_in = f"/etc/systemd/system/{AGENT}.service.d/own.conf"
        system.put(drop_in, "[Service]\nNice=5\n")
        changed = f"/etc/tmpfiles.d/{AGENT}.conf"
        system.put(changed, system.read(changed) + "d /srv/mine\n")
        said = system.must("dpkg -i /root/first.deb")
        self.assert_set_up()
        self.assertIn(f"{changed}.dpkg-old", said)
        self.assertIn("/srv/mine", system.read(f"{changed}.dpkg-old"))
        self.assertTrue(system.is_there(drop_in))

    def test_disabled_unit_of_the_installer_stays_disabled(self):
        self.system.install_by_script()
        self.system.must(f"systemctl disable {AGENT} && dpkg -i /root/first.deb")
        self.assertEqual(self.system.enabled(), "disabled")
        self.assertFalse(self.system.is_there(f"/etc/systemd/system/{AGENT}.service"))

    def test_version_0_1_0_is_moved_over(self):
        self.system.install_version_0_1_0()
        said = self.system.must("dpkg -i /root/first.deb")
        self.assertIn("Version 0.1.0 is moved over", said)
        self.assert_set_up()

    def test_conflict_is_said_and_configured_later(self):
        self.system.install_version_0_1_0()
        self.system.put(f"/etc/{AGENT}/app.key", "another")
        status, said = self.system.run("dpkg -i /root/first.deb")
        self.assertNotEqual(status, 0)
        self.assertIn("only you can say which of these files count", said)
        self.assertIn("sudo dpkg --configure -a", said)
        self.system.must(f"rm /etc/{AGENT}/app.key && dpkg --configure -a")
        self.assert_set_up()

    def test_voice_node_is_untouched(self):
        system = self.system
        theirs = {OLD_UNIT: VOICE_UNIT_TEXT, "/opt/jarvis-node/config.json": "{}", "/opt/jarvis-node/voice": "#!/bin/sh\n",
                  "/usr/local/bin/jarvis-node": "#!/bin/sh\n# a starter\n"}
        for path, text in theirs.items():
            system.put(path, text)
        said = system.must("dpkg -i /root/first.deb && dpkg -i /root/next.deb && dpkg --purge jarvis-node")
        self.assertIn("The voice node is on this board", said)
        self.assertIn("/usr/local/bin/jarvis-node is another program", said)
        self.assertEqual({path: system.read(path) for path in theirs}, theirs)

    def test_installer_refuses_beside_the_package(self):
        shutil.copytree(ROOT / "systemd", self.system.tree / "root/systemd")
        self.system.must("dpkg -i /root/first.deb")
        before = self.system.files()
        for command in ("install.sh /usr/bin/jarvis-node", "uninstall.sh --purge"):
            status, said = self.system.run(f"/root/systemd/{command}")
            self.assertNotEqual(status, 0)
            self.assertIn("The package jarvis-node is installed", said)
        self.assertEqual(self.system.files(), before)

    def test_take_over_killed_anywhere_is_finished(self):
        """Ended before one command after another, as by a power cut, and then finished by `dpkg --configure -a`."""
        kill = "set -T; n=0; trap '((++n < AT)) || kill -KILL $$' DEBUG; source /usr/lib/jarvis-node/take_over.sh"
        for layout in (System.install_by_script, System.install_version_0_1_0):
            layout(self.system)
            self.system.must("dpkg --unpack /root/first.deb && tar cf /root/before.tar etc usr/local var/lib")
            kills = 0
            for at in range(5, 2000, STEP):
                status, _ = self.system.run(f"AT={at} bash -c \"{kill}\"")
                if status == 0:
                    break
                kills += 1
                self.system.must("dpkg --configure -a")
                with self.subTest(layout=layout.__name__, at=at):
                    self.assert_set_up()
                self.system.must("rm -rf /etc /usr/local /var/lib && tar xf /root/before.tar")
            self.assertGreater(kills, 5)
            self.setUp()
