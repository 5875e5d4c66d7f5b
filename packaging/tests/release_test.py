#!/usr/bin/env python3
"""release.sh, sign.sh and repo.sh, with a project, keys and a CI of the test's own."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from keys import key_ring, make_key

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n" + "\n".join(
    f"# {product}\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-28\n\n### Added\n- All of it.\n"
    for product in ("jarvis-node", "node-sim", "server-stub")
)
BUILD = """#!/bin/sh
mkdir "$1" && echo package >"$1/jarvis-node_0.2.0_armhf.deb" && cd "$1" && sha256sum *.deb >SHA256SUMS
"""


class Release(unittest.TestCase):
    """A project whose release is in order; each test breaks one thing of it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = Path(folder.name)
        self.project = self.place / "project"
        for script in (".ci/packages.sh", "packaging/release.sh", "packaging/sign.sh"):
            (self.project / script).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / script, self.project / script)
        self.write("Cargo.toml", '[workspace.package]\nversion = "0.2.0"\n\n[package]\nname = "jarvis-node"\n'
                                 'version.workspace = true\nedition = "2024"\n')
        self.write("src/lib.rs", "")
        self.write("CHANGELOG.md", CHANGELOG)
        self.write("docs/upgrading.md", "# Upgrading\n\n## From 0.1.0 to 0.2.0\n")
        self.write(".ci/run", "#!/bin/sh\n", 0o755)
        self.write("packaging/build.sh", BUILD, 0o755)
        subprocess.run(["cargo", "generate-lockfile", "--offline", "--quiet"], cwd=self.project, check=True)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit()
        self.key = self.place / "minisign.key"
        subprocess.run(["minisign", "-G", "-W", "-p", self.place / "minisign.pub", "-s", self.key],
                       check=True, stdout=subprocess.DEVNULL)

    def write(self, name, text, mode=0o644):
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def git(self, *arguments):
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.project, check=True, capture_output=True, text=True)
        return done.stdout

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=change")

    def release(self, version="0.2.0"):
        environment = os.environ | {"GIT_COMMITTER_NAME": "Test", "GIT_COMMITTER_EMAIL": "test@example.org"}
        return subprocess.run(["packaging/release.sh", version, self.place / "out", self.key],
                              cwd=self.project, capture_output=True, text=True, env=environment)

    def refused(self, sentence, version="0.2.0"):
        done = self.release(version)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(self.git("tag"), "", "a tag is left")
        self.assertFalse((self.place / "out").exists(), "artefacts are left")

    def test_release_in_order_is_signed_and_tagged(self):
        done = self.release()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.git("rev-parse", "v0.2.0^{commit}"), self.git("rev-parse", "HEAD"))
        verify = ["minisign", "-Vm", "SHA256SUMS", "-p", self.place / "minisign.pub"]
        said = subprocess.run(verify, cwd=self.place / "out", check=True, capture_output=True, text=True).stdout
        self.assertIn(f"jarvis-node 0.2.0 of commit {self.git('rev-parse', 'HEAD').strip()}", said)

    def test_signature_and_tag_are_of_the_commit_that_was_built(self):
        # Somebody commits while CI runs.
        self.write(".ci/run", f"#!/bin/sh\ngit -C {self.project} -c user.name=Test -c user.email=test@example.org "
                              "commit --quiet --allow-empty --message=meanwhile\n", 0o755)
        self.commit()
        built = self.git("rev-parse", "HEAD").strip()
        done = self.release()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(self.git("rev-parse", "HEAD").strip(), built)
        self.assertEqual(self.git("rev-parse", "v0.2.0^{commit}").strip(), built)
        self.assertIn(f"of commit {built}", (self.place / "out/SHA256SUMS.minisig").read_text())

    def test_red_ci_is_refused(self):
        self.write(".ci/run", "#!/bin/sh\nexit 1\n", 0o755)
        self.commit()
        self.refused("CI failed")

    def test_changed_tree_is_refused(self):
        self.write("src/lib.rs", "// changed\n")
        self.refused("the work tree differs")

    def test_other_branch_is_refused(self):
        self.git("switch", "--quiet", "--create=other")
        self.refused("this is not main")

    def test_other_version_is_refused(self):
        self.refused("Cargo.toml has version 0.2.0", version="0.3.0")

    def test_what_is_no_version_is_refused(self):
        self.refused("is no version", version="v0.2.0")

    def test_old_lock_file_is_refused(self):
        self.write("Cargo.lock", "version = 4\n")
        self.commit()
        self.refused("Cargo.lock does not go with Cargo.toml")

    def test_changelog_without_the_version_is_refused(self):
        self.write("CHANGELOG.md", CHANGELOG.replace("# node-sim\n\n## [Unreleased]\n\n## [0.2.0]", "# node-sim\n\n## [0.1.9]"))
        self.commit()
        self.refused("no '## [0.2.0] - YYYY-MM-DD' for node-sim")

    def test_unreleased_changes_are_refused(self):
        self.write("CHANGELOG.md", CHANGELOG.replace("## [Unreleased]\n", "## [Unreleased]\n\n### Fixed\n- More.\n", 1))
        self.commit()
        self.refused("unreleased changes of jarvis-node")

    def test_missing_upgrade_notes_are_refused(self):
        self.write("docs/upgrading.md", "# Upgrading\n")
        self.commit()
        self.refused("docs/upgrading.md has no")

    def test_version_with_a_tag_is_refused(self):
        self.git("tag", "v0.2.0")
        done = self.release()
        self.assertIn("there is a tag v0.2.0 already", done.stderr)
        self.assertEqual(done.returncode, 1)

    def test_missing_key_is_refused(self):
        self.key.unlink()
        self.refused("the key that signs, is missing")

    def test_all_that_is_wrong_is_said_at_once(self):
        self.write("CHANGELOG.md", "")
        self.write("docs/upgrading.md", "")
        done = self.release("0.3.0")
        self.assertEqual(done.stderr.count("\n- "), 6, done.stderr)

    def test_changed_artefact_is_not_signed(self):
        out = self.place / "out"
        subprocess.run([self.project / "packaging/build.sh", out], check=True)
        (out / "jarvis-node_0.2.0_armhf.deb").write_text("changed")
        self.not_signed("is not the one in SHA256SUMS")

    def test_unnamed_artefact_is_not_signed(self):
        out = self.place / "out"
        subprocess.run([self.project / "packaging/build.sh", out], check=True)
        (out / "more.deb").write_text("more")
        self.not_signed("more.deb")

    def not_signed(self, sentence):
        done = subprocess.run([self.project / "packaging/sign.sh", self.place / "out", self.key],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn(sentence, done.stderr)
        self.assertFalse((self.place / "out/SHA256SUMS.minisig").exists())


class Repository(unittest.TestCase):
    """A folder of packages, and a key ring with one key."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = Path(folder.name)
        self.environment = key_ring(self, self.place / "keys")
        make_key(self.environment, "test@example.org")
        (self.place / "packages").mkdir()
        self.build("0.2.0")

    def run_program(self, *command):
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, cwd=self.place)

    def build(self, version, description="first"):
        tree = self.place / "tree"
        (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
        (tree / "DEBIAN/control").write_text(
            f"Package: jarvis-node\nVersion: {version}\nArchitecture: armhf\nMaintainer: Test <test@example.org>\n"
            f"Description: {description}\n")
        done = self.run_program("dpkg-deb", "--build", "--root-owner-group", tree, self.place / "packages")
        self.assertEqual(done.returncode, 0, done.stderr)

    def publish(self, key="test@example.org"):
        return self.run_program(ROOT / "packaging/repo.sh", "packages", "repository", key)

    def test_repository_is_signed_and_names_each_package(self):
        self.assertEqual(self.publish().returncode, 0)
        repository = self.place / "repository"
        packages = (repository / "Packages").read_text()
        digest = hashlib.sha256((repository / "jarvis-node_0.2.0_armhf.deb").read_bytes()).hexdigest()
        self.assertIn(f"SHA256: {digest}", packages)
        self.assertIn("\nFilename: jarvis-node_0.2.0_armhf.deb\n", packages)
        self.assertIn(hashlib.sha256(packages.encode()).hexdigest(), (repository / "InRelease").read_text())
        for verify in (["InRelease"], ["Release.gpg", "Release"]):
            done = self.run_program("gpg", "--verify", *(repository / name for name in verify))
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_second_version_stands_beside_the_first(self):
        self.publish()
        self.build("0.2.1")
        self.assertEqual(self.publish().returncode, 0)
        self.assertEqual((self.place / "repository/Packages").read_text().count("\nVersion: "), 2)

    def test_published_package_with_other_bytes_is_refused(self):
        self.publish()
        before = (self.place / "repository/InRelease").read_text()
        self.build("0.2.0", "second")
        done = self.publish()
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs a new version to change", done.stderr)
        self.assertEqual((self.place / "repository/InRelease").read_text(), before)

    def test_failed_signature_leaves_the_repository_whole(self):
        self.publish()
        self.build("0.2.1")
        before = {file.name: file.read_bytes() for file in (self.place / "repository").iterdir() if file.suffix != ".deb"}
        gpg = self.place / "bin/gpg"
        gpg.parent.mkdir()
        gpg.write_text('#!/bin/sh\ncase "$*" in *--clearsign*) exit 2 ;; esac\nexec /usr/bin/gpg "$@"\n')
        gpg.chmod(0o755)
        self.environment["PATH"] = f"{gpg.parent}:{self.environment['PATH']}"
        done = self.publish()
        self.assertEqual(done.returncode, 1)
        self.assertIn("GnuPG did not sign", done.stderr)
        for name, content in before.items():
            self.assertEqual((self.place / "repository" / name).read_bytes(), content, name)

    def test_unknown_key_is_refused_before_anything_is_made(self):
        done = self.publish("nobody@example.org")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no secret key nobody@example.org", done.stderr)
        self.assertFalse((self.place / "repository").exists())


if __name__ == "__main__":
    unittest.main()
