"""The Debian package on a board, by the board's own apt."""

from ..card import WORK
from ..node import SERVICE, SETUP

# apt and the package's scripts start some hundred programs, each of which takes the emulator a while.
APT_SECONDS = 900
LATER = "-later"
# What apt, dpkg, systemd and the tools for users keep for themselves.
THEIRS = (
    "/var/lib/dpkg /var/lib/apt /var/cache /var/log /var/lib/systemd /var/tmp /tmp /root"
    " /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/.pwd.lock"
).split()


def package(board, kind=""):
    """The package that packaging/build.sh has made for a board; that of the next version is of the kind LATER."""
    found = list((WORK / "packages" / f"{board.architecture}{kind}").glob("*.deb"))
    if len(found) != 1:
        raise RuntimeError(f"there is not one package for {board.architecture}{kind}, but {found}: run prepare.sh")
    return found[0]


def install(node, deb):
    """Installs a package from root's folder as the README says."""
    report, machine = node.report, node.machine
    command = f"cd /root && apt install -y ./{deb.name}"
    said = machine.run(f"{command} 2>&1", seconds=APT_SECONDS, check=False)
    report.check(command, said.status == 0, said.output)
    report.equal("the service runs", node.property("ActiveState"), "active")
    report.equal("and at the next boot too", machine.read(f"systemctl is-enabled {SERVICE}", check=False), "enabled")
    report.equal("as", machine.read(f"stat -c %U /proc/{node.pid()}"), "jarvis-node-agent")
    node.shows("installed without a configuration", SETUP, seconds=240)


def purge(node, before):
    """Removes all of it, and compares with the list of files from before."""
    report, machine = node.report, node.machine
    said = machine.run("apt purge -y jarvis-node 2>&1", seconds=APT_SECONDS, check=False)
    report.check("apt purge jarvis-node", said.status == 0, said.output)
    report.equal("the service is gone", node.property("LoadState"), "not-found")
    after = file_list(machine)
    report.equal("no file is left, and none is missing", sorted(before ^ after), [])
    users = machine.read("grep -c jarvis /etc/passwd /etc/group", check=False).split()
    report.equal("nor a user", users, ["/etc/passwd:0", "/etc/group:0"])


def file_list(machine):
    """All files of the card, and where the kernel keeps those that go with the power, but for those of the tools."""
    left_out = " -o ".join(f"-path {path}" for path in THEIRS)
    listed = machine.read(f"find / /run -xdev \\( {left_out} -o -path '/run/systemd' -o -path '/run/udev' -o -path '/run/log' \\) -prune -o -print", seconds=APT_SECONDS)
    return set(listed.splitlines())
