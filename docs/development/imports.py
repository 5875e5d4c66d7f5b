#!/usr/bin/env python3
"""Draws which top-level modules of each crate use which, and exits 1 on a circle or an import against the order:

    docs/development/imports.py [CRATE…]

An arrow `a -> b` means that code in module a names something in module b of the same crate. Test code is left
out, and so is the crate's root file, which names every module. Needs Python only.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# The source folder of each crate.
CRATES = {
    "node-core": "node-core/src",
    "jarvis-node": "src",
    "server-stub": "server-stub/src",
    "node-sim": "node-sim/src",
}

# For each crate its modules from the top down: a module may use those on later lines only. Modules on one line do
# not use each other. A new module has to be given its place here.
ORDERS = {
    "node-core": [
        "agent lamp", "wire", "answer led", "household jitter trouble", "credential outcome plain service text time",
    ],
    "jarvis-node": [
        "fuzzing", "cli", "commands", "daemon", "setup", "auth broker led_pin", "sts", "config", "net", "files",
        "error", "system",
    ],
    "server-stub": [
        "cli", "stub", "command_center config_service keycloak logs run", "auth", "openapi", "home jwt", "server", "moment secrets",
    ],
    "node-sim": ["cli", "board demo fleet scenarios", "keycloak node progress world", "span"],
}

NOT_CODE = re.compile(
    r"""//[^\n]*|/\*.*?\*/|b?r(?P<hash>\#*)".*?"(?P=hash)|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^']*|[^'\\])'""", re.DOTALL
)
TEST_CODE = re.compile(r"#\[cfg\((?:all\()?test\b[^\]]*\]")
MODULE_FILE = re.compile(r"\bmod\s+(\w+)\s*;")
# `use` with all that follows it, or a path that starts at the crate or at a module above.
IMPORT = re.compile(r"\buse\s+([^;]+);|\b((?:crate|super|self)(?:::\w+)+)")
REEXPORT = re.compile(r"\bpub\s+use\s+([^;]+);")


def without_tests(code):
    """Removes each item under `#[cfg(test)]`: up to its semicolon, or to the end of its block."""
    while match := TEST_CODE.search(code):
        depth, end = 0, match.end()
        while end < len(code):
            character = code[end]
            depth += (character in "{([") - (character in "})]")
            end += 1
            if depth == 0 and character in ";}":
                break
        code = code[: match.start()] + code[end:]
    return code


def paths_of(tree):
    """The paths in a `use` tree: `a::{b, c::d as e}` holds a::b and a::c::d."""
    tree = re.sub(r"\bas\s+\w+", "", tree)
    prefix, _, group = tree.partition("{")
    if not group:
        yield [name.strip() for name in tree.split("::")]
        return
    start = [name.strip() for name in prefix.split("::") if name.strip()]
    depth, part = 0, ""
    for character in group[: group.rindex("}")] + ",":
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            if part.strip():
                yield from (start + path for path in paths_of(part))
            part = ""
        else:
            part += character


def module_of(file, source):
    """The module's path in its crate: src/net/tls/mod.rs is net::tls."""
    parts = list(file.relative_to(source).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "mod" else parts


def source_files(source):
    """The crate's files without test code, each with its module's path and its code."""
    found, tests = [], set()
    for file in sorted(source.rglob("*.rs")):
        module = module_of(file, source)
        if module[0] == "bin":
            continue
        code = NOT_CODE.sub(" ", file.read_text(encoding="utf-8"))
        kept = without_tests(code)
        parent = [] if module in (["lib"], ["main"]) else module
        tests |= {tuple(parent + [name]) for name in set(MODULE_FILE.findall(code)) - set(MODULE_FILE.findall(kept))}
        found.append((module, kept))
    for module, code in found:
        if not any(tuple(module[: i + 1]) in tests for i in range(len(module))):
            yield module, code


def resolve(path, module):
    """Where `path`, written in `module`, starts at the crate's root; nothing if it belongs to another crate."""
    if path[0] == "crate":
        return path[1:]
    if path[0] not in ("self", "super"):
        return []
    base = list(module)
    for name in path:
        if name == "super":
            base = base[:-1]
        elif name != "self":
            break
    return base + [name for name in path if name not in ("self", "super")]


def arrows(source):
    """The modules of a crate, and for each those that it uses."""
    files = list(source_files(source))
    modules = {module[0] for module, _ in files} - {"lib", "main"}
    # A name that the root re-exports stands for the module that it comes from.
    exported = {}
    for module, code in files:
        if module == ["lib"]:
            for tree in REEXPORT.findall(code):
                for path in paths_of(tree):
                    path = [name for name in path if name not in ("crate", "self")]
                    exported[path[-1]] = path[0]
    used = {module: set() for module in modules}
    for module, code in files:
        if module[0] not in modules:
            continue
        for tree, plain in IMPORT.findall(code):
            for path in paths_of(tree or plain):
                target = resolve(path, module)
                room = exported.get(target[0], target[0]) if target else None
                if room in modules and room != module[0]:
                    used[module[0]].add(room)
    return used


def circles(used):
    """Groups of modules that use each other, directly or by way of others."""
    reached = {}
    for start in used:
        seen, waiting = set(), [start]
        while waiting:
            for module in used[waiting.pop()] - seen:
                seen.add(module)
                waiting.append(module)
        reached[start] = seen
    groups = {tuple(sorted(m for m in used if m in reached[s] and s in reached[m])) for s in used if s in reached[s]}
    return sorted(groups)


def against_order(used, order):
    """Imports that do not point downward, and modules without a place in the order."""
    levels = {module: level for level, line in enumerate(order) for module in line.split()}
    for module in sorted(used.keys() - levels.keys()):
        yield f"{module} has no place in the order: add it to ORDERS in {Path(__file__).relative_to(ROOT)}"
    for module in sorted(levels.keys() - used.keys()):
        yield f"{module} is in the order and not in the crate"
    for module in sorted(used.keys() & levels.keys()):
        for target in sorted(used[module] & levels.keys()):
            if levels[target] <= levels[module]:
                yield f"{module} -> {target} is against the order"


def draw(crate, used, order):
    print(f"{crate}: {len(used)} modules, {sum(map(len, used.values()))} arrows")
    placed = [module for line in order for module in line.split()]
    width = max(map(len, used))
    for module in sorted(used, key=lambda name: (placed.index(name) if name in placed else len(placed), name)):
        print(f"  {module:{width}} -> {' '.join(sorted(used[module])) or '(none)'}")


def main():
    faults = defaultdict(list)
    for crate in sys.argv[1:] or CRATES:
        if crate not in CRATES:
            sys.exit(f"There is no crate {crate} here; there are {', '.join(CRATES)}.")
        used = arrows(ROOT / CRATES[crate])
        order = ORDERS.get(crate, [])
        draw(crate, used, order)
        faults[crate] += [f"a circle: {' '.join(group)}" for group in circles(used)]
        if order:
            faults[crate] += against_order(used, order)
    for crate, found in faults.items():
        print(*(f"{crate}: {fault}" for fault in found), sep="\n", end="\n" if found else "")
    if any(faults.values()):
        sys.exit(1)
    print("ok: no circle and no import against the order")


if __name__ == "__main__":
    main()
