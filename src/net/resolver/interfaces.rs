//! Network interfaces by what the kernel tells of them in /sys/class/net: the standard library
//! has no way to ask, and libc's is not the same on every target.

use std::fs;
use std::path::PathBuf;

/// In an interface's `flags`.
const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;
const MULTICAST: u32 = 0x1000;
/// A board has two or three; a machine with containers may have hundreds.
const MOST: usize = 8;

#[derive(Debug)]
pub(super) struct Interfaces(pub(super) PathBuf);

impl Interfaces {
    /// The number of the interface with this name.
    pub(super) fn index(&self, name: &str) -> Option<u32> {
        if name.contains('/') || name.starts_with('.') {
            return None;
        }
        self.read(name, "ifindex")?.parse().ok()
    }

    /// The numbers of those that reach neighbours by multicast, at most eight. Where the kernel
    /// tells nothing, 0: the one of its own choice.
    pub(super) fn multicast(&self) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if let Some(index) = entry.file_name().to_str().and_then(|name| self.reaches_neighbours(name)) {
                // In order: the board's own have the lowest numbers.
                found.insert(found.partition_point(|other| *other < index), index);
            }
        }
        found.truncate(MOST);
        if found.is_empty() {
            found.push(0);
        }
        found
    }

    /// Its number, if it does.
    fn reaches_neighbours(&self, name: &str) -> Option<u32> {
        let flags = self.read(name, "flags")?;
        let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
        (flags & (UP | MULTICAST | LOOPBACK) == UP | MULTICAST).then(|| self.index(name))?
    }

    fn read(&self, name: &str, file: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name).join(file)).ok().map(|text| text.trim().into())
    }
}
