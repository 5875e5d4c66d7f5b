"""The token services: how each is installed, and how it is started."""

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from node import wait_for

HERE = Path(__file__).resolve().parent
PACKAGES = HERE / "packages"
# They are not needed for what is asked here, and large.
LEFT_OUT = ("apache2", "dbconfig-", "default-mysql-client", "fonts-", "lemonldap-ng-fastcgi-server", "libjs-", "mariadb-client",
            "mysql-client", "node-", "systemd", "udev")
# Debian's suites from which servers come.
SUITES = ("bookworm", "trixie")


@dataclass(frozen=True)
class Server:
    """A token service. `title` is its name and version in the table of docs/token-services.md."""

    title: str
    script: str
    kind: str

    def start(self, folder, clients_file, installed):
        """Starts it on a free port. Returns the process and the port."""
        with socket.socket() as held:
            # Nobody else is given the port until the server, which sets SO_REUSEADDR as well, listens there.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
            command = [*installed.command(self.kind, self.script), str(port), str(clients_file)]
            if self.kind in SUITES:
                command += [str(folder), str(installed.root(self.kind))]
            log = folder / "server.log"
            with open(log, "wb") as output:
                process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, start_new_session=True)
            try:
                wait_for(lambda: listens(port), process, log)
            except BaseException:
                stop(process)
                raise
            return process, port


SERVERS = {
    "oidc-provider": Server("oidc-provider 9.13.3", "oidc_provider.mjs", "npm"),
    "django-oauth-toolkit": Server("django-oauth-toolkit 3.4.1", "django_toolkit.py", "pip"),
    "authlib": Server("Authlib 1.9.10", "authlib_flask.py", "pip"),
    "idpyoidc": Server("idpyoidc 5.0.0", "idpyoidc_wsgi.py", "pip"),
    "glewlwyd-2.7.5": Server("Glewlwyd 2.7.5", "glewlwyd.py", "bookworm"),
    "glewlwyd-2.7.6": Server("Glewlwyd 2.7.6", "glewlwyd.py", "trixie"),
    "lemonldap-2.16": Server("LemonLDAP::NG 2.16.1", "lemonldap.py", "bookworm"),
    "lemonldap-2.21": Server("LemonLDAP::NG 2.21.2", "lemonldap.py", "trixie"),
}


class Installed:
    """The servers' packages, unpacked under `folder`. Nothing is installed into the system."""

    def __init__(self, folder):
        self.folder = folder
        self.venv, self.modules = folder / "venv", folder / "npm"

    def root(self, suite):
        """Where the packages of a suite of Debian are."""
        return self.folder / suite

    def install(self, kinds):
        """Fetches the packages of these kinds, unless the same ones are there."""
        ways = [("npm", self._npm, ("package.json", "package-lock.json")), ("pip", self._pip, ("requirements.txt",)),
                *((suite, lambda suite=suite: self._debian(suite), (f"{suite}.txt",)) for suite in SUITES)]
        for kind, install, lists in ways:
            mark = self.folder / f"{kind}.done"
            wanted = "".join((PACKAGES / name).read_text(encoding="utf-8") for name in lists)
            if kind in kinds and not (mark.exists() and mark.read_text(encoding="utf-8") == wanted):
                mark.unlink(missing_ok=True)
                install()
                mark.write_text(wanted, encoding="utf-8")

    def _npm(self):
        shutil.rmtree(self.modules, ignore_errors=True)
        self.modules.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGES / name, self.modules)
        subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=self.modules, check=True)

    def _pip(self):
        subprocess.run([sys.executable, "-m", "venv", "--clear", self.venv], check=True)
        subprocess.run([self.venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
                        "-r", PACKAGES / "requirements.txt"], check=True)

    def _debian(self, suite):
        root = self.root(suite)
        shutil.rmtree(root, ignore_errors=True)
        for folder in ("lists/partial", "archives/partial"):
            (root / "apt" / folder).mkdir(parents=True)
        # The archive that this machine's apt uses.
        targets = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
                                 check=True, capture_output=True, text=True).stdout
        uri = next(line for line in targets.splitlines() if "security" not in line)
        keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (root / "apt/sources.list").write_text(f"deb [signed-by={keys}] {uri} {suite} main\n", encoding="utf-8")
        # As if nothing were installed, so that this machine's libraries and perl do not matter.
        apt = ["apt-get", "-qq", f"-oDir::Etc::SourceList={root}/apt/sources.list", "-oDir::Etc::SourceParts=/dev/null",
               f"-oDir::State::Lists={root}/apt/lists", "-oDir::State::Status=/dev/null", f"-oDir::Cache={root}/apt",
               "-oAPT::Install-Recommends=false", "-oAPT::Sandbox::User=root"]
        subprocess.run([*apt, "update"], check=True)
        lines = (PACKAGES / f"{suite}.txt").read_text(encoding="utf-8").splitlines()
        wanted = [line for line in lines if line and not line.startswith("#")]
        plan = subprocess.run([*apt, "install", "--simulate", *wanted], check=True, capture_output=True, text=True).stdout
        # "Inst NAME (VERSION …)"
        words = [line.split() for line in plan.splitlines() if line.startswith("Inst ")]
        names = [f"{word[1]}={word[2].lstrip('(')}" for word in words if not word[1].startswith(LEFT_OUT)]
        subprocess.run([*apt, "download", *names], cwd=root / "apt/archives", check=True)
        for archive in (root / "apt/archives").glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", archive, root], check=True)
        shutil.rmtree(root / "apt")

    def command(self, kind, script):
        """How a script of that kind is run."""
        if kind == "npm":
            # node looks for modules beside the program.
            return ["node", shutil.copy(HERE / "serve" / script, self.modules)]
        python = self.venv / "bin/python" if kind == "pip" else sys.executable
        return [str(python), str(HERE / "serve" / script)]


def stop(process):
    """Ends what `start` started, with its children."""
    if process.poll() is None:
        os.killpg(process.pid, 15)
    process.wait(30)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
