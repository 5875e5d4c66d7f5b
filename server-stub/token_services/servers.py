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
LEFT_OUT = ("dbconfig-", "default-mysql-client", "fonts-", "libjs-", "lemonldap-ng-fastcgi-server", "mariadb-client", "mysql-client")


@dataclass(frozen=True)
class Server:
    """A token service. `heading` names it in docs/wire/token-services.md."""

    heading: str
    script: str
    token_path: str
    kind: str

    def start(self, folder, clients_file, installed):
        """Starts it on a free port. Returns the process and the port."""
        port = free_port()
        command = [*installed.command(self.kind, self.script), str(port), str(clients_file)]
        if self.kind == "debian":
            command += [str(folder), str(installed.root)]
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
    "oidc-provider": Server("oidc-provider 9.13.3", "oidc_provider.mjs", "/token", "npm"),
    "django-oauth-toolkit": Server("django-oauth-toolkit 3.4.1", "django_toolkit.py", "/o/token/", "pip"),
    "authlib": Server("Authlib 1.9.10", "authlib_flask.py", "/token", "pip"),
    "idpyoidc": Server("idpyoidc 5.0.0", "idpyoidc_wsgi.py", "/token", "pip"),
    "glewlwyd": Server("Glewlwyd 2.7.5", "glewlwyd.py", "/api/oidc/token", "debian"),
    "lemonldap": Server("LemonLDAP::NG 2.16.1", "lemonldap.py", "/oauth2/token", "debian"),
}


class Installed:
    """The servers' packages, unpacked under `folder`. Nothing is installed into the system."""

    def __init__(self, folder):
        self.folder = folder
        self.root, self.venv, self.modules = folder / "debian", folder / "venv", folder / "npm"

    def install(self, kinds):
        """Fetches the packages of these kinds, unless the same ones are there."""
        for kind, install, lists in (("npm", self._npm, ("package.json", "package-lock.json")),
                                     ("pip", self._pip, ("requirements.txt",)), ("debian", self._debian, ("debian.txt",))):
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

    def _debian(self):
        shutil.rmtree(self.root, ignore_errors=True)
        archives = self.root / "archives"
        archives.mkdir(parents=True)
        lines = (PACKAGES / "debian.txt").read_text(encoding="utf-8").splitlines()
        wanted = [line for line in lines if line and not line.startswith("#")]
        # What apt would install here: the rest is there.
        plan = subprocess.run(["apt-get", "install", "--simulate", "--no-install-recommends", *wanted],
                              check=True, capture_output=True, text=True).stdout
        names = []
        for line in plan.splitlines():
            words = line.split()
            # "Inst NAME [INSTALLED] (NEW …)": with the second word it is an update.
            if words[:1] == ["Inst"] and not words[2].startswith("[") and not words[1].startswith(LEFT_OUT):
                names.append(f"{words[1]}={words[2].lstrip('(')}")
        subprocess.run(["apt-get", "download", "-qq", *names], cwd=archives, check=True, stderr=subprocess.DEVNULL)
        for archive in archives.iterdir():
            subprocess.run(["dpkg-deb", "--extract", archive, self.root], check=True)

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


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
