"""Keys for a test's own signatures."""

import os
import subprocess


def key_ring(test, folder):
    """The environment in which GnuPG has the keys in this new folder and no others, until the test ends."""
    folder.mkdir(mode=0o700)
    environment = os.environ | {"GNUPGHOME": str(folder)}
    test.addCleanup(subprocess.run, ["gpgconf", "--kill", "all"], env=environment, check=True, capture_output=True)
    return environment


def make_key(environment, address):
    """A new key that signs, without a passphrase."""
    subprocess.run(["gpg", "--batch", "--passphrase", "", "--quick-gen-key", f"Test <{address}>", "ed25519", "sign"],
                   env=environment, check=True, capture_output=True)
