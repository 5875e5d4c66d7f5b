//! Checks of the files, as the daemon's user sees them.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::context::Context;
use super::finding::{Finding, Safe};
use crate::commands::installed::UNIT;
use crate::config::{Config, Led, Tokens, Via};
use crate::files::durable::{beside, folder};
use crate::files::state::board_serial;
use crate::led_pin;
use crate::system::bounded;
use crate::system::failure::shell_word;
use crate::system::own::is_nodes;

/// The folders that systemd-tmpfiles makes.
const OWN_FOLDERS: [&str; 2] = ["/etc/jarvis-node-agent", "/var/lib/jarvis-node-agent"];

/// Whether the folders are there that the daemon keeps its files in.
pub(super) fn folders(context: &mut Context) -> Finding {
    let Some(config) = Config::load(&context.config_file).ok() else {
        return Finding::pass("which ones are used is in the configuration");
    };
    let folders = [folder(&config.credential_file), folder(&config.state_file)];
    let Some(missing) = folders.iter().find(|folder| !folder.exists()) else {
        return Finding::pass(format!("{} is there", folders[0].display()));
    };
    let says = format!("there is no folder {}", missing.display());
    if OWN_FOLDERS.iter().any(|own| missing == &Path::new(own)) {
        let tool = Safe::Run(&["systemd-tmpfiles", "--create", "jarvis-node-agent.conf"]);
        return Finding::fail(says, "sudo systemd-tmpfiles --create jarvis-node-agent.conf").safely(tool);
    }
    Finding::fail(says, format!("sudo install -d -m 700 -o jarvis-node-agent {}", shell_word(missing)))
}

/// Reads the setup, and judges the configuration.
pub(super) fn configuration(context: &mut Context) -> Finding {
    let mut loaded = None;
    let read = context.setups.read(&mut loaded);
    context.loaded = loaded;
    context.warnings.append(&mut context.setups.warnings);
    let troubled = context.setups.troubled.take();
    context.trouble = read.err().map(|trouble| (troubled.unwrap_or_default(), trouble));
    context.config = Config::load(&context.config_file).ok();
    let file = context.config_file.clone();
    let found = context.troubled([file.as_path()].into_iter());
    match found {
        Some(found) => owned(context, found, &file, 0o644),
        None => Finding::pass(format!("{} can be used", file.display())),
    }
}

/// What is wrong in the configuration with parts that the node does without.
pub(super) fn settings(context: &mut Context) -> Finding {
    // What programs lack comes before what nobody may miss.
    let is_malformed = matches!(context.config.as_ref().map(Config::tokens), Some(Tokens::Malformed));
    if let Some(found) = context.warned(&["tokens"]).filter(|_| is_malformed) {
        return found.into_failure();
    }
    let codes = [
        "tokens",
        "folder",
        "check_config",
        "log",
        "log_level",
        "ca_file",
        "client_cert_file",
        "shared_identity",
    ];
    context.warned(&codes).unwrap_or_else(|| Finding::pass("all of it is understood"))
}

/// Whether the LED can be driven.
pub(super) fn led(context: &mut Context) -> Finding {
    if let Some(found) = context.warned(&["led"]) {
        return found.into_failure();
    }
    let Some(led) = context.config.as_ref().map(|config| &config.indicators.led) else {
        return Finding::skipped("configuration");
    };
    let files = led_pin::files(led);
    let through = files.first().map_or(String::new(), |file| format!(", through {}", file.display()));
    match led {
        Led::None => Finding::pass("no LED is configured"),
        Led::Gpio { pin, .. } => Finding::pass(format!("GPIO {pin}{through}")),
        Led::Sysfs(name) => Finding::pass(format!("the kernel's LED {name}{through}")),
    }
}

/// Whether the app key can be read.
pub(super) fn app_key_file(context: &mut Context) -> Finding {
    let Some(Via::App { app_key_file, .. }) = context.config.as_ref().map(|config| &config.via) else {
        return Finding::pass("none is needed: the node's own key is shown");
    };
    let file = app_key_file.clone();
    match context.troubled([file.as_path()].into_iter()) {
        Some(found) => owned(context, found, &file, 0o600),
        None => Finding::pass(format!("{} can be read", file.display())),
    }
}

/// Whether the certificates can be read.
pub(super) fn tls_files(context: &mut Context) -> Finding {
    let Some(tls) = context.config.as_ref().map(|config| config.tls.clone()) else {
        return Finding::skipped("configuration");
    };
    let own = tls
        .client_certificate
        .iter()
        .flat_map(|own| [(own.certificate.as_path(), 0o644), (own.key.as_path(), 0o600)]);
    let files = tls.ca_file.iter().map(|file| (file.as_path(), 0o644)).chain(own);
    for (file, mode) in files {
        if let Some(found) = context.troubled([file].into_iter()) {
            return owned(context, found, file, mode);
        }
    }
    let ca = tls.ca_file.as_ref().map_or("Mozilla's CAs".into(), |file| file.display().to_string());
    Finding::pass(format!("{ca} can be used"))
}

/// Whether the card is still in the board that the node was accepted on.
pub(super) fn board(context: &mut Context) -> Finding {
    let state_file = context.config.as_ref().map(|config| config.state_file.clone()).unwrap_or_default();
    if let Some(found) = context.troubled([state_file.as_path()].into_iter()) {
        return found;
    }
    let model = bounded::read(Path::new("/proc/device-tree/model"), 4096).unwrap_or_default();
    let model = String::from_utf8_lossy(&model).trim_end_matches('\0').to_owned();
    let model = if model.is_empty() { "a board without a device tree".into() } else { model };
    let serial = board_serial().map_or("no serial number".into(), |serial| format!("serial number {serial}"));
    Finding::pass(format!("{model}, {serial}"))
}

/// Whether the credential can be used.
pub(super) fn credential(context: &mut Context) -> Finding {
    let file = context.config.as_ref().map(|config| config.credential_file.clone()).unwrap_or_default();
    if let Some((about, trouble)) = &context.trouble {
        let found = Finding::failed(trouble);
        return if about.file == file { owned(context, found, &file, 0o600) } else { found };
    }
    let damaged = beside(&file, ".damaged");
    if damaged.exists() {
        let fix = format!("Once the node is valid it is of no use: sudo rm {}", shell_word(&damaged));
        return Finding::warn(
            format!("a credential that could not be read was kept as {}", damaged.display()),
            fix,
        );
    }
    Finding::pass(format!("{} can be used", file.display()))
}

/// Whether the state can be written.
pub(super) fn state_file(context: &mut Context) -> Finding {
    written(context, "state_file", |config| config.state_file.display().to_string())
}

/// Whether the status can be written.
pub(super) fn status_file(context: &mut Context) -> Finding {
    written(context, "status_file", |config| {
        config.indicators.status_file.as_ref().map_or("none".into(), |file| file.display().to_string())
    })
}

/// Whether the metrics can be written.
pub(super) fn metrics_file(context: &mut Context) -> Finding {
    written(context, "metrics_file", |config| {
        config.indicators.metrics_file.as_ref().map_or("none".into(), |file| file.display().to_string())
    })
}

fn written(context: &Context, code: &str, file: fn(&Config) -> String) -> Finding {
    match context.warned(&[code]) {
        Some(found) => found.into_failure(),
        None => Finding::pass(context.config.as_ref().map(file).unwrap_or_default()),
    }
}

/// `found`, which is about this file, with the fix that it gets the daemon's owner and this mode, if its owner or its mode
/// is the trouble and nobody else can need it as it is. A file with another fault keeps its mode: a person has closed it.
fn owned(context: &Context, found: Finding, file: &Path, mode: u32) -> Finding {
    let owner = context.setups.installed.as_ref().map(|daemon| daemon.uid());
    let is_of_rights = context.trouble.as_ref().is_some_and(|(about, _)| about.is_of_rights);
    let Some(about) = file.symlink_metadata().ok().filter(|_| is_of_rights) else { return found };
    let is_secret = mode == 0o600;
    let is_wrong = if is_secret {
        about.mode() & 0o077 != 0 || owner.is_some_and(|owner| about.uid() != owner)
    } else {
        about.mode() & 0o044 != 0o044
    };
    if about.is_file() && is_wrong && is_nodes(file) {
        return found.safely(Safe::Own { file: file.into(), owner: owner.filter(|_| is_secret), mode });
    }
    found
}

/// What helps if the daemon keeps to what it read before.
pub(super) fn reload() -> String {
    format!("sudo systemctl reload {UNIT}")
}
