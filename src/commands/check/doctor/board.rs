//! Checks of the board itself: its clock, its card, its memory and its supply.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use node_core::trouble::Trouble;
use rustix::fs::{StatVfs, StatVfsMountFlags};

use super::context::Context;
use super::finding::Finding;
use crate::config::DEFAULT_STATE_FILE;
use crate::files::durable::folder;
use crate::files::state::NodeState;
use crate::system::clock as board_clock;
use crate::system::failure::shell_word;

/// In bytes. A credential and a state file need a thousandth of it.
const LEAST_SPACE: u64 = 1024 * 1024;
/// In files.
const LEAST_FILES: u64 = 16;
/// In kB. Twice what the unit allows the daemon.
const LEAST_MEMORY: u64 = 32 * 1024;

/// The folder of the credential and the state, or the nearest one above it that is there.
fn kept_in(context: &Context) -> PathBuf {
    let config = crate::config::Config::load(&context.config_file).ok();
    let state_file = config.map_or_else(|| DEFAULT_STATE_FILE.into(), |config| config.state_file);
    let there = folder(&state_file).ancestors().find(|folder| folder.is_dir());
    there.unwrap_or(Path::new("/")).to_owned()
}

fn file_system(folder: &Path) -> Option<StatVfs> {
    rustix::fs::statvfs(folder).ok()
}

/// Whether the file system is writable.
pub(super) fn disk(context: &mut Context) -> Finding {
    let folder = kept_in(context);
    let place = shell_word(&folder);
    match file_system(&folder) {
        Some(found) if found.f_flag.contains(StatVfsMountFlags::RDONLY) => Finding::fail(
            format!("the file system of {place} is read-only; after errors the kernel makes it so"),
            format!("sudo mount -o remount,rw \"$(findmnt -no TARGET -T {place})\""),
        ),
        _ => Finding::pass(format!("the file system of {place} can be written")),
    }
}

/// Whether the file system has room.
pub(super) fn space(context: &mut Context) -> Finding {
    let folder = kept_in(context);
    let place = shell_word(&folder);
    let Some(found) = file_system(&folder) else { return Finding::pass("the system does not tell") };
    let bytes = found.f_bavail.saturating_mul(found.f_frsize);
    // Some file systems have no such number, and say 0 of 0.
    let is_out_of_files = found.f_files > 0 && found.f_favail < LEAST_FILES;
    if bytes < LEAST_SPACE || is_out_of_files {
        let what = if is_out_of_files { "files (inodes)" } else { "space" };
        return Finding::fail(
            format!("the file system of {place} has no {what} left"),
            format!(
                "Make room: sudo journalctl --vacuum-size=8M; sudo apt-get clean; `df {place}` and `df -i {place}` show what is left."
            ),
        );
    }
    Finding::pass(format!("{} MB are free on the file system of {place}", bytes / 1_000_000))
}

/// Whether the kernel has met errors on the card.
pub(super) fn card(context: &mut Context) -> Finding {
    let folder = kept_in(context);
    let device = folder.metadata().map(|found| found.dev()).unwrap_or_default();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let device = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).unwrap_or_default();
    let Some(name) = device.file_name() else {
        return Finding::pass("the system does not tell of errors on it");
    };
    let number = |file: &str| -> Option<u64> {
        fs::read_to_string(Path::new("/sys/fs/ext4").join(name).join(file)).ok()?.trim().parse().ok()
    };
    let name = name.to_string_lossy();
    match number("errors_count") {
        None => Finding::pass(format!("{name} has no ext4 file system, which would count its errors")),
        Some(0) => Finding::pass(format!("ext4 has met no error on {name}")),
        Some(errors) => Finding::fail(
            format!(
                "ext4 has met {errors} errors on {name}: the card fails, or power was lost at a bad moment"
            ),
            "Copy the card while it can be read, then have it checked at the next start: sudo touch /forcefsck && sudo reboot",
        ),
    }
}

/// Whether there is memory left.
pub(super) fn memory(_: &mut Context) -> Finding {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let left: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    match left {
        None => Finding::pass("the system does not tell"),
        Some(left) if left < LEAST_MEMORY => Finding::warn(
            format!("only {} MB of memory are available", left / 1024),
            "`ps axu --sort=-rss | head` shows which programs have it.",
        ),
        Some(left) => Finding::pass(format!("{} MB of memory are available", left / 1024)),
    }
}

/// Whether the firmware has seen the supply fall below 4.63 V.
pub(super) fn supply(_: &mut Context) -> Finding {
    let sensors = fs::read_dir("/sys/class/hwmon").into_iter().flatten().flatten().map(|entry| entry.path());
    let of = |sensor: &Path, file: &str| fs::read_to_string(sensor.join(file)).unwrap_or_default();
    let mut sensors = sensors.filter(|sensor| of(sensor, "name").trim() == "rpi_volt");
    match sensors.next().map(|sensor| of(&sensor, "in0_lcrit_alarm")) {
        None => Finding::pass("this board does not measure its supply"),
        Some(alarm) if alarm.trim() == "1" => Finding::fail(
            "the supply's voltage is too low, which corrupts cards and stops Wi-Fi",
            "Use a supply of 5.1 V and a short cable.",
        ),
        Some(_) => Finding::pass("the supply's voltage is sufficient"),
    }
}

/// Whether the clock is set, where it matters.
pub(super) fn clock(context: &mut Context) -> Finding {
    let Some(config) = &context.config else { return Finding::skipped("configuration") };
    let now = board_clock::now().wall;
    let shown = httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(now.0));
    if now >= NodeState::load(&config.state_file).clock_floor() {
        return Finding::pass(format!("the clock says {shown}"));
    }
    if config.needs_clock() {
        let Trouble { reason, .. } = Trouble::clock();
        return Finding::fail(
            format!("{reason}: it says {shown}"),
            "Let it be set from the network (sudo timedatectl set-ntp true), or set it by hand: sudo date -s '2026-01-31 12:00'",
        );
    }
    Finding::pass(format!("the clock says {shown}, which nothing here depends on"))
}

/// Who sets the clock.
pub(super) fn clock_source(_: &mut Context) -> Finding {
    let is_there = |path: &&str| Path::new(path).exists();
    if is_there(&"/run/systemd/timesync/synchronized") {
        return Finding::pass("systemd-timesyncd has set the clock");
    }
    let others = ["/run/chrony/chronyd.pid", "/run/chronyd.pid", "/run/ntpd.pid", "/run/openntpd.sock"];
    if let Some(other) = others.iter().find(|path| is_there(path)) {
        return Finding::pass(format!("another program keeps the clock ({other})"));
    }
    if is_there(&"/run/systemd/timesync") {
        return Finding::warn(
            "systemd-timesyncd has not set the clock since the board started",
            "`timedatectl timesync-status` shows which server it asks.",
        );
    }
    Finding::warn("nothing sets this board's clock", "sudo timedatectl set-ntp true")
}
