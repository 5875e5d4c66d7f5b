"""Programs from Debian's packages that are unpacked in a folder, with the libraries and the perl that are there."""


def command(root, program, *arguments):
    """The command that runs a program of the packages under `root`."""
    (loader,) = {path.resolve() for path in [*root.glob("lib/*/ld-linux*"), *root.glob("usr/lib/*/ld-linux*")]}
    libraries = ":".join(map(str, [*root.glob("lib/*-linux-gnu*"), *root.glob("usr/lib/*-linux-gnu*")]))
    return [str(loader), "--library-path", libraries, f"{root}/{program}", *arguments]


def perl_modules(root):
    """PERL5LIB for the perl under `root`."""
    places = ("usr/share/perl5", "usr/lib/*/perl5/*", "usr/lib/*/perl/5.??", "usr/share/perl/5.??", "usr/lib/*/perl-base")
    return ":".join(str(path) for place in places for path in root.glob(place))
