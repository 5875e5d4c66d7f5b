//! The daemon as it is installed on this board: the user it runs as, and what its unit keeps from it. A check by root
//! is made as that user: root may read and write what the daemon may not.

use std::io;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use node_core::trouble::Trouble;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Access;

use crate::config::{Config, Led};
use crate::error::Warning;
use crate::files::durable::folder;
use crate::system::accounts;
use crate::system::accounts::Accounts;

const UNIT: &str = "jarvis-node-agent.service";
/// How long systemctl may take on a busy board.
const PATIENCE: Duration = Duration::from_secs(10);
/// Folders that the kernel fills, which `ProtectSystem=strict` leaves alone.
const KERNEL_FOLDERS: [&str; 2] = ["/dev", "/proc"];

/// The installed daemon.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Installed {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    sandbox: Sandbox,
}

/// What the unit keeps from the daemon.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sandbox {
    hides_homes: bool,
    hides_temporary_files: bool,
    /// The only folders that can be written to; `None` if the unit does not limit them.
    writable: Option<Vec<PathBuf>>,
}

/// The user that a check has to be made as.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CheckUser {
    /// The one that runs this program.
    Own,
    /// A daemon's.
    Daemon(Installed),
    /// One that cannot be told, for this reason.
    Unknown(String),
}

impl Installed {
    /// The daemon that keeps its state in `state_folder`: as its unit says, else as the folder's owner.
    pub(super) fn find(state_folder: &Path) -> CheckUser {
        if !rustix::process::geteuid().is_root() {
            return CheckUser::Own;
        }
        let accounts = Accounts::read();
        if let Some(fault) = accounts.faults().next() {
            return CheckUser::Unknown(fault.to_owned());
        }
        let shown = match properties_of_unit() {
            Ok(shown) => shown,
            Err(why) => {
                return CheckUser::Unknown(format!("systemctl does not say whose the unit is: {why}"));
            }
        };
        Self::of_unit(&shown, &accounts).unwrap_or_else(|| Self::of_folder(state_folder, &accounts))
    }

    fn of_folder(folder: &Path, accounts: &Accounts) -> CheckUser {
        let owner = match folder.metadata() {
            Ok(owner) => owner,
            Err(why) => {
                let folder = folder.display();
                return CheckUser::Unknown(format!(
                    "no unit is installed, and {folder} has no owner to go by: {why}"
                ));
            }
        };
        if owner.uid() == 0 {
            return CheckUser::Own;
        }
        let name = accounts.name_of(owner.uid());
        let gid = name.and_then(|name| accounts.primary_group(name)).unwrap_or(owner.gid());
        let groups = name.map(|name| accounts.groups_of(name)).unwrap_or_default();
        CheckUser::Daemon(Self { uid: owner.uid(), gid, groups, sandbox: Sandbox::default() })
    }

    /// The daemon of the unit with these `properties`, as `systemctl show` prints them; `None` if there is no such unit.
    fn of_unit(properties: &str, accounts: &Accounts) -> Option<CheckUser> {
        let value = |key: &str| {
            let mut values = properties.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            values.next().unwrap_or_default().trim()
        };
        if value("LoadState") != "loaded" {
            return None;
        }
        let user = value("User");
        let group = |name: &str| name.parse().ok().or_else(|| accounts.group(name).map(|(id, _)| id));
        let uid = user.parse().ok().or_else(|| accounts.user(user));
        let name = uid.and_then(|uid| accounts.name_of(uid)).unwrap_or(user);
        let (uid, gid) = match (uid, group(value("Group")).or_else(|| accounts.primary_group(name))) {
            _ if user.is_empty() || uid == Some(0) => return Some(CheckUser::Own),
            (Some(uid), Some(gid)) => (uid, gid),
            (None, _) | (_, None) => {
                return Some(CheckUser::Unknown(format!(
                    "this board has no user or no group for User={user} of the unit"
                )));
            }
        };
        let mut groups = accounts.groups_of(name);
        groups.extend(value("SupplementaryGroups").split_ascii_whitespace().filter_map(group));
        let below = |parent: &str, names: &str| -> Vec<PathBuf> {
            names.split_ascii_whitespace().map(|name| Path::new(parent).join(name)).collect()
        };
        let writable = (value("ProtectSystem") == "strict").then(|| {
            let named = value("ReadWritePaths").split_ascii_whitespace();
            let named = named.map(|path| PathBuf::from(path.trim_start_matches(['-', '+'])));
            let own = [
                below("/var/lib", value("StateDirectory")),
                below("/run", value("RuntimeDirectory")),
                below("/var/cache", value("CacheDirectory")),
                below("/var/log", value("LogsDirectory")),
            ];
            named.chain(own.into_iter().flatten()).collect()
        });
        let sandbox = Sandbox {
            hides_homes: matches!(value("ProtectHome"), "yes" | "tmpfs"),
            hides_temporary_files: !matches!(value("PrivateTmp"), "no" | ""),
            writable,
        };
        Some(CheckUser::Daemon(Self { uid, gid, groups, sandbox }))
    }

    /// Makes the rest of this program run as the daemon's user.
    ///
    /// # Errors
    /// When the system does not allow it.
    #[cfg(target_os = "linux")]
    pub(super) fn become_its_user(&self) -> io::Result<()> {
        use rustix::process::{Gid, Uid};
        use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups: Vec<_> = self.groups.iter().copied().map(Gid::from_raw).collect();
        // Locked memory is limited for that user, and an allocation beyond the limit would fail.
        rustix::mm::munlockall()?;
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        Ok(set_thread_res_uid(uid, uid, uid)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn become_its_user(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The trouble with a file that the unit hides from the daemon.
    pub(super) fn hidden(&self, path: &Path) -> Option<Trouble> {
        let within = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        let (kind, setting) = if self.sandbox.hides_homes && within(&["/home", "/root", "/run/user"]) {
            ("in a home folder", "ProtectHome=")
        } else if self.sandbox.hides_temporary_files && within(&["/tmp", "/var/tmp"]) {
            ("in a folder for temporary files", "PrivateTmp=")
        } else {
            return None;
        };
        Some(Trouble::setup(
            format_args!("{} is {kind}, which the unit hides from the daemon ({setting})", path.display()),
            format_args!("Move it to /etc/jarvis-node-agent, and name it there in the configuration."),
        ))
    }

    /// What the daemon will not be able to do, though its verdict does not depend on it. To be asked after
    /// [`Self::become_its_user`].
    pub(super) fn warnings(&self, config: &Config) -> Vec<Warning> {
        let user = accounts::name_or_number(self.uid);
        let (state, runtime) = ("/var/lib/jarvis-node-agent", "/run/jarvis-node-agent");
        let written = [
            ("state_file", "state_file", Some(&config.state_file), state),
            ("status_file", "status_file", Some(&config.indicators.status_file), runtime),
            ("broker_socket", "broker.socket", config.broker.as_ref().map(|broker| &broker.socket), runtime),
        ];
        let folders = written.into_iter().filter_map(|(code, key, path, place)| {
            let path = path?;
            let folder = folder(path);
            if !folder.exists() && folder.starts_with(place) {
                // systemd makes it when it starts the daemon.
                return None;
            }
            let why = self.unwritable(folder, &user)?;
            let message = format!("{} cannot be written: {why}", path.display());
            let fix = format!("Set {key} to a path in {place}, or let user {user} write there.");
            Some(Warning::new(code, message, fix))
        });
        folders.chain(self.led_warning(&config.indicators.led, &user)).collect()
    }

    /// Why nothing can be put into this folder.
    fn unwritable(&self, folder: &Path, user: &str) -> Option<String> {
        let place = folder.display();
        if !folder.exists() {
            return Some(format!("there is no folder {place}"));
        }
        if rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            return Some(format!("user {user} may not write to {place}"));
        }
        self.is_read_only(folder)
            .then(|| format!("the unit makes {place} read-only for the daemon (ProtectSystem=)"))
    }

    fn is_read_only(&self, path: &Path) -> bool {
        self.sandbox.writable.as_ref().is_some_and(|writable| {
            let all = writable.iter().map(PathBuf::as_path).chain(KERNEL_FOLDERS.iter().map(Path::new));
            !all.into_iter().any(|folder| path.starts_with(folder))
        })
    }

    fn led_warning(&self, led: &Led, user: &str) -> Option<Warning> {
        let may_write = |path: &Path| rustix::fs::access(path, Access::WRITE_OK).is_ok();
        let (why, fix) = match led {
            Led::None => return None,
            Led::Gpio { pin, .. } => {
                let devices = gpio_devices();
                if devices.iter().any(|device| may_write(device)) {
                    return None;
                }
                match devices.first() {
                    None => (
                        format!(
                            "GPIO {pin} cannot be had: this board has no /dev/gpiomem and no /dev/gpiochip0"
                        ),
                        "Correct led, or set it to \"none\".".into(),
                    ),
                    Some(device) => (
                        format!("GPIO {pin} cannot be had: user {user} may not open {}", device.display()),
                        format!(
                            "sudo usermod -aG gpio {user}, and install the udev rule that gives the device to gpio."
                        ),
                    ),
                }
            }
            Led::Sysfs(name) => {
                let led = Path::new("/sys/class/leds").join(name);
                let closed = ["trigger", "brightness"].map(|file| led.join(file));
                let closed = closed.iter().find(|file| !may_write(file));
                match closed {
                    _ if !led.exists() => (
                        format!("there is no LED {}", led.display()),
                        "Name one of the folders in /sys/class/leds, or set led to \"none\".".into(),
                    ),
                    Some(file) => (
                        format!("user {user} may not write to {}", file.display()),
                        format!(
                            "Give {name} to the group gpio with a udev rule, as 60-jarvis-node-agent.rules does."
                        ),
                    ),
                    None if self.is_read_only(&led) => (
                        format!("the unit makes {} read-only for the daemon", led.display()),
                        format!(
                            "Add ReadWritePaths=-{} to the unit (sudo systemctl edit {UNIT}).",
                            led.display()
                        ),
                    ),
                    None => return None,
                }
            }
        };
        Some(Warning::new("led", why, fix))
    }
}

fn gpio_devices() -> Vec<PathBuf> {
    let chips = (0..8).map(|number| PathBuf::from(format!("/dev/gpiochip{number}")));
    [PathBuf::from("/dev/gpiomem")].into_iter().chain(chips).filter(|device| device.exists()).collect()
}

/// What systemd knows of the unit, its drop-ins included; nothing where there is no systemd.
///
/// # Errors
/// When it does not answer.
fn properties_of_unit() -> io::Result<String> {
    let keys = "LoadState,User,Group,SupplementaryGroups,ProtectHome,PrivateTmp,ProtectSystem,ReadWritePaths,\
                StateDirectory,RuntimeDirectory,CacheDirectory,LogsDirectory";
    let started = Command::new("systemctl")
        .args(["show", "--no-pager", &format!("--property={keys}"), UNIT])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut systemctl) = started else { return Ok(String::new()) };
    let shown =
        systemctl.stdout.take().map_or_else(|| Ok(String::new()), |mut stdout| read_in_time(&mut stdout));
    // It has ended, or is not needed any more.
    let _ = systemctl.kill();
    systemctl.wait()?;
    shown
}

fn read_in_time(stdout: &mut ChildStdout) -> io::Result<String> {
    let end = Instant::now() + PATIENCE;
    let mut shown = Vec::new();
    loop {
        let left = Timespec::try_from(end.saturating_duration_since(Instant::now()));
        let left = left.map_err(|_| io::ErrorKind::InvalidInput)?;
        if poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&left))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut chunk = [0; 1024];
        match stdout.read(&mut chunk)? {
            0 => return Ok(String::from_utf8_lossy(&shown).into_owned()),
            len => shown.extend_from_slice(&chunk[..len]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: &str = "LoadState=loaded\nUser=jarvis-node-agent\nGroup=jarvis-node-agent\nSupplementaryGroups=gpio\n\
        ProtectHome=yes\nPrivateTmp=yes\nProtectSystem=strict\nReadWritePaths=-/sys/class/leds/ACT\n\
        StateDirectory=jarvis-node-agent\nRuntimeDirectory=jarvis-node-agent\n";

    fn accounts() -> Accounts {
        Accounts::of(
            "root:x:0:0::/:/x\njarvis-node-agent:x:990:991::/:/x\n",
            "gpio:x:997:\njarvis-node-agent:x:991:\nspi:x:999:pi,jarvis-node-agent\n",
        )
    }

    #[test]
    fn unit_tells_user_groups_and_sandbox() {
        let Some(CheckUser::Daemon(daemon)) = Installed::of_unit(SHOWN, &accounts()) else {
            panic!("not installed")
        };
        assert_eq!((daemon.uid, daemon.gid, &daemon.groups[..]), (990, 991, &[999, 997][..]));
        for (path, hidden) in [
            ("/home/pi/credential.json", true),
            ("/root/ca.pem", true),
            ("/tmp/app.key", true),
            ("/etc/jarvis-node-agent/app.key", false),
            ("/homestead/app.key", false),
        ] {
            assert_eq!(daemon.hidden(Path::new(path)).is_some(), hidden, "{path}");
        }
        for (path, read_only) in [
            ("/var/lib/jarvis-node-agent", false),
            ("/run/jarvis-node-agent/more", false),
            ("/sys/class/leds/ACT", false),
            ("/sys/class/leds/PWR", true),
            ("/srv", true),
        ] {
            assert_eq!(daemon.is_read_only(Path::new(path)), read_only, "{path}");
        }
    }

    #[test]
    fn unit_without_a_user_of_this_board_is_told() {
        let accounts = accounts();
        let of_unit = |rest: &str| Installed::of_unit(&format!("LoadState=loaded\n{rest}"), &accounts);
        for none in ["", "LoadState=not-found\nUser=\n"] {
            assert_eq!(Installed::of_unit(none, &accounts), None);
        }
        for root in ["User=\n", "User=root\n", "User=0\n"] {
            assert_eq!(of_unit(root), Some(CheckUser::Own), "{root}");
        }
        for unknown in ["User=ghost\nGroup=\n", "User=4242\nGroup=\n", "User=ghost\nGroup=gpio\n"] {
            assert!(matches!(of_unit(unknown), Some(CheckUser::Unknown(_))), "{unknown}");
        }
        let open = of_unit("User=990\nGroup=\nProtectHome=no\nProtectSystem=no\nPrivateTmp=no\n");
        let Some(CheckUser::Daemon(daemon)) = open else { panic!("a user by number") };
        assert_eq!((daemon.uid, daemon.gid, daemon.sandbox), (990, 991, Sandbox::default()));
        let Some(CheckUser::Daemon(daemon)) = of_unit("User=4242\nGroup=gpio\n") else {
            panic!("no entry needed")
        };
        assert_eq!((daemon.uid, daemon.gid, daemon.groups), (4242, 997, vec![]));
    }
}
