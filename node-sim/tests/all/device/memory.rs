//! The node key is on the daemon's heap while it runs, and nowhere else, then or later.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use test_support::daemon::Daemon;
use test_support::rig::Rig;

/// A mapping of a process, from `/proc/PID/maps`.
struct Mapping {
    start: u64,
    end: u64,
    permissions: String,
    name: String,
}

fn mappings(pid: u32) -> Vec<Mapping> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.lines()
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            let (start, end) = words[0].split_once('-').unwrap();
            let number = |hex| u64::from_str_radix(hex, 16).unwrap();
            Mapping {
                start: number(start),
                end: number(end),
                permissions: words[1].into(),
                name: words.get(5).copied().unwrap_or_default().into(),
            }
        })
        .collect()
}

/// The stack pointers of a process's threads.
fn stack_pointers(pid: u32) -> Vec<u64> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .filter_map(|task| {
            // "nr, six arguments, stack pointer, program counter" while it waits in a system call.
            let syscall = fs::read_to_string(task.unwrap().path().join("syscall")).ok()?;
            u64::from_str_radix(syscall.split_whitespace().nth(7)?.strip_prefix("0x")?, 16).ok()
        })
        .collect()
}

/// Whether `bytes` hold a quarter of `secret`: half a key would be a leak, too.
fn holds(bytes: &[u8], secret: &str) -> bool {
    let quarters: Vec<&[u8]> = secret.as_bytes().chunks_exact(16).collect();
    bytes.windows(16).any(|window| quarters.contains(&window))
}

/// The kinds of memory of a process that hold `secret`; `None` where the kernel lets nobody look.
fn holders(pid: u32, secret: &str) -> Option<BTreeSet<String>> {
    let memory = match File::open(format!("/proc/{pid}/mem")) {
        Ok(memory) => memory,
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return None,
        Err(e) => panic!("{e}"),
    };
    let stacks = stack_pointers(pid);
    let mut found = BTreeSet::new();
    for Mapping { start, end, permissions, name } in mappings(pid) {
        let len = usize::try_from(end - start).unwrap();
        // glibc reserves a heap for each thread, most of which is unused.
        if !permissions.starts_with('r') || name.starts_with("[v") || len > 1 << 30 {
            continue;
        }
        let mut bytes = vec![0; len];
        if memory.read_exact_at(&mut bytes, start).is_err() {
            continue;
        }
        if holds(&bytes, secret) {
            let kind = if name == "[stack]" || stacks.iter().any(|sp| (start..end).contains(sp)) {
                "stack".into()
            } else if name.is_empty() || name == "[heap]" {
                "heap".into()
            } else {
                name
            };
            found.insert(kind);
        }
    }
    Some(found)
}

#[test]
fn node_key_is_on_the_daemons_heap_only() {
    let rig = Rig::new();
    rig.configure("revalidate_secs", 1);
    let node_key = rig.stub.node().1.to_owned();
    let mut daemon = Daemon::start(rig.command("run").env("JARVIS_NODE_LOG", "trace"));
    daemon.comes_to("valid");
    // A few more calls, which may leave copies behind.
    let validations = rig.stub.validations();
    while rig.stub.validations() < validations + 3 {
        std::thread::sleep(core::time::Duration::from_millis(50));
    }
    let Some(holders) = holders(daemon.pid(), &node_key) else {
        // An ordinary user cannot look into the process, which is as it should be.
        return;
    };
    assert_eq!(
        holders,
        BTreeSet::from(["heap".into()]),
        "the key is where it must not be, or not read at all"
    );

    for entry in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{}/{entry}", daemon.pid())).unwrap();
        assert!(!holds(&bytes, &node_key), "{entry}");
    }
    // After its end no file is renamed while it is read.
    let (_, _, lines) = daemon.end();
    for name in fs::read_dir(rig.dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let found = holds(&fs::read(&name).unwrap(), &node_key);
        assert_eq!(found, name.ends_with("credential.json"), "{}", name.display());
    }
    assert!(!lines.iter().any(|line| holds(line.as_bytes(), &node_key)));
}

#[test]
fn memory_is_closed_to_programs_of_the_same_user() {
    let rig = Rig::new();
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    // The kernel gives the files of a process that is not dumpable to root.
    let owner_of = |pid: u32| fs::metadata(format!("/proc/{pid}/mem")).unwrap().uid();
    assert_eq!(owner_of(daemon.pid()), 0);
    if owner_of(std::process::id()) != 0 {
        assert!(File::open(format!("/proc/{}/mem", daemon.pid())).is_err());
    }
    daemon.stop();
}
