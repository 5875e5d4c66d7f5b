//! Network interfaces as listed in /sys/class/net: the standard library cannot list them, and libc's way
//! differs between targets.

use std::fs;
use std::path::PathBuf;

/// Bits of an interface's `flags`.
const UP: u32 = 0x1;
const LOOPBACK: u32 = 0x8;
const MULTICAST: u32 = 0x1000;
/// A board has two or three; a machine with containers may have hundreds.
const MOST: usize = 8;

#[derive(Debug)]
pub(super) struct Interfaces(pub(super) PathBuf);

impl Interfaces {
    /// The index of the interface with this name.
    pub(super) fn index(&self, name: &str) -> Option<u32> {
        if name.contains('/') || name.starts_with('.') {
            return None;
        }
        self.read(name, "ifindex")?.parse().ok()
    }

    /// The indexes of at most eight interfaces that reach neighbours by multicast; 0, which lets the kernel
    /// choose, if none is known.
    pub(super) fn multicast(&self) -> Vec<u32> {
        let mut found: Vec<u32> = Vec::new();
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if let Some(index) = entry.file_name().to_str().and_then(|name| self.reaches_neighbours(name)) {
                // Sorted, because the board's own interfaces have the lowest indexes.
                found.insert(found.partition_point(|other| *other < index), index);
            }
        }
        found.truncate(MOST);
        if found.is_empty() {
            found.push(0);
        }
        found
    }

    /// Its index, if it is up and supports multicast.
    fn reaches_neighbours(&self, name: &str) -> Option<u32> {
        let flags = self.read(name, "flags")?;
        let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
        (flags & (UP | MULTICAST | LOOPBACK) == UP | MULTICAST).then(|| self.index(name))?
    }

    fn read(&self, name: &str, file: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name).join(file)).ok().map(|text| text.trim().into())
    }
}
