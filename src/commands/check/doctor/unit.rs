//! Checks of the program and its unit.

use std::fs;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::finding::{Finding, Safe};
use crate::commands::installed::{UNIT, printed_by, systemctl};
use crate::config::Led;
use crate::system::accounts;
use crate::system::bounded;
use crate::system::failure::shell_word;

/// Whether the program that the unit starts runs on this CPU.
pub(super) fn program(context: &mut Context) -> Finding {
    let own = || std::env::current_exe().unwrap_or_default();
    let program = context.unit().and_then(|unit| unit.program()).unwrap_or_else(own);
    let system = rustix::system::uname();
    let (machine, shown) = (system.machine().to_string_lossy(), program.display());
    let fix =
        format!("Install the package for this CPU ({machine}): sudo apt-get install --reinstall jarvis-node");
    match printed_by(&program, &["--version"]) {
        Err(why) => Finding::fail(format!("{shown} cannot be started: {why}"), fix),
        Ok(told) => match told.trim().strip_prefix("jarvis-node ") {
            None => Finding::fail(format!("{shown} does not run on this CPU ({machine})"), fix),
            Some(env!("CARGO_PKG_VERSION")) => {
                Finding::pass(format!("{shown} is {} and runs on this CPU ({machine})", told.trim()))
            }
            Some(other) => Finding::warn(
                format!("{shown} is version {other}, and this program {}", env!("CARGO_PKG_VERSION")),
                format!("Ask that one: sudo {} doctor", shell_word(&program)),
            ),
        },
    }
}

/// Whether systemd can start the unit.
pub(super) fn unit(context: &mut Context) -> Finding {
    let found = match &context.unit {
        Err(why) => {
            return Finding::fail(
                format!("systemctl does not answer: {why}"),
                "sudo systemctl daemon-reexec",
            );
        }
        Ok(None) if Path::new("/run/systemd/system").is_dir() => {
            return Finding::fail(
                format!("{UNIT} is not installed"),
                "sudo apt-get install --reinstall jarvis-node",
            );
        }
        Ok(None) => {
            return Finding::warn(
                "no systemd runs here, so it is not known what starts the daemon",
                "Run this on the board itself.",
            );
        }
        Ok(Some(found)) => found,
    };
    let wrong = found.unstartable().or_else(|| found.unusable_files().into_iter().next());
    wrong.map_or_else(
        || Finding::pass(format!("{UNIT} is installed")),
        |warning| Finding::warned(&warning).into_failure(),
    )
}

/// Whether systemd has read the unit's files as they are.
pub(super) fn changed(context: &mut Context) -> Finding {
    let Some(unit) = context.unit() else { return Finding::skipped("unit") };
    match unit.changed() {
        Some(warning) => {
            Finding::warned(&warning).into_failure().safely(Safe::Run(&["systemctl", "daemon-reload"]))
        }
        None => Finding::pass("systemd has read its files as they are"),
    }
}

/// Which user the daemon runs as.
pub(super) fn user(context: &mut Context) -> Finding {
    if !context.is_root {
        return Finding::warn(
            "what follows is judged as another user than the daemon's may see it",
            "sudo jarvis-node doctor",
        );
    }
    let unknown = context.setups.warnings.iter().find(|warning| warning.code == "check_user");
    if let Some(unknown) = unknown {
        let is_elsewhere = context.unit().is_none_or(|unit| {
            unit.value("DynamicUser") == "yes"
                || ["RootDirectory", "RootImage"].iter().any(|key| !unit.value(key).is_empty())
        });
        if is_elsewhere {
            return Finding::warned(unknown);
        }
        let fix = format!("sudo systemd-sysusers && sudo systemctl restart {UNIT}");
        return Finding::fail(&unknown.message, fix).safely(Safe::Run(&["systemd-sysusers"]));
    }
    let uid = context.setups.installed.as_ref().map_or(0, |daemon| daemon.uid());
    Finding::pass(format!("the daemon's user is {}", accounts::name_or_number(uid)))
}

/// What else the unit keeps from the daemon.
pub(super) fn sandbox(context: &mut Context) -> Finding {
    let Some(unit) = context.unit() else { return Finding::skipped("unit") };
    unit.cut_off().first().map_or_else(
        || Finding::pass("nothing keeps the daemon from the network"),
        |warning| Finding::warned(warning).into_failure(),
    )
}

/// Whether the daemon starts with the board.
pub(super) fn enabled(context: &mut Context) -> Finding {
    let Some(unit) = context.unit() else { return Finding::skipped("unit") };
    match unit.value("UnitFileState") {
        "enabled" => Finding::pass("the daemon starts with the board"),
        state @ ("disabled" | "enabled-runtime" | "linked" | "linked-runtime") => Finding::fail(
            format!("the daemon does not start with the board ({state})"),
            format!("sudo systemctl enable {UNIT}"),
        ),
        state => Finding::warn(
            format!(
                "the daemon starts with the board only if something else starts it: {UNIT} is \"{state}\""
            ),
            format!("`systemctl list-dependencies --reverse {UNIT}` shows what does."),
        ),
    }
}

/// Whether the daemon runs.
pub(super) fn running(context: &mut Context) -> Finding {
    let Some(unit) = context.unit() else {
        return match context.daemon {
            Some(_) => Finding::pass("a daemon keeps its status up"),
            None => Finding::skipped("unit"),
        };
    };
    if let Some((message, fix)) = unit.downfall() {
        return Finding::fail(message, fix);
    }
    let pid = unit.value("MainPID");
    let program = fs::read_link(Path::new("/proc").join(pid).join("exe")).unwrap_or_default();
    match unit.value("ActiveState") {
        "active" | "reloading" if program.to_string_lossy().ends_with(" (deleted)") => Finding::warn(
            "the daemon that runs is of a program that has been replaced since",
            format!("sudo systemctl restart {UNIT}"),
        ),
        "active" | "reloading" | "activating" => Finding::pass(format!("the daemon runs (process {pid})")),
        _ => Finding::fail("the daemon does not run", format!("sudo systemctl start {UNIT}")),
    }
}

/// What else on the board has our names or our LED (docs/wire/jarvis-home.md, "The incumbent's files").
pub(super) fn neighbours(context: &mut Context) -> Finding {
    let folders = ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"];
    let units = folders.map(|folder| Path::new(folder).join("system/jarvis-node.service"));
    let unit = units.iter().find_map(|unit| Some((unit, bounded::read(unit, bounded::MAX_TEXT).ok()?)));
    if let Some((unit, text)) = &unit
        && String::from_utf8_lossy(text).contains("/jarvis-node run")
    {
        return Finding::fail(
            format!("{} is the unit of version 0.1.0, which runs a second daemon", unit.display()),
            "sudo systemctl disable --now jarvis-node.service",
        );
    }
    let folder = PathBuf::from("/opt/jarvis-node");
    let Some(place) = unit.map(|(unit, _)| unit).or_else(|| folder.exists().then_some(&folder)) else {
        return Finding::pass("no voice node is on this board");
    };
    let place = place.display();
    let led = crate::config::Indicators::load_lenient(&context.config_file).led;
    let is_its_own = match &led {
        Led::Gpio { pin, .. } => *pin == 17,
        Led::Sysfs(name) => name == "ACT" || name == "led0",
        Led::None => false,
    };
    if is_its_own {
        return Finding::warn(
            format!("the voice node on this board ({place}) uses the same LED, or GPIO 17 for its button"),
            format!("Set led in {} to another pin or to \"none\".", context.config_file.display()),
        );
    }
    Finding::pass(format!("the voice node on this board ({place}) has another LED"))
}

/// Whether somebody takes up the updates that the app asks for.
pub(super) fn update(context: &mut Context) -> Finding {
    let told = |says| context.warned(&["update"]).unwrap_or_else(|| Finding::pass(says));
    if context.config.as_ref().is_none_or(|config| config.update_command.is_none()) {
        return told("updates from the app are not configured");
    }
    const PATH: &str = "jarvis-node-agent-update.path";
    let shown = systemctl(&["show", "--no-pager", "--property=ActiveState", PATH]).unwrap_or_default();
    if shown.trim() == "ActiveState=active" {
        return told("updates that the app asks for are made");
    }
    Finding::fail(
        "nobody takes up the updates that the app asks for",
        format!("sudo systemctl enable --now {PATH}"),
    )
}
