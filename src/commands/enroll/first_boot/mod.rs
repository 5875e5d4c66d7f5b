//! `jarvis-node first-boot`: enrols this board by a file that somebody has put on the boot partition of its card.
//!
//! The file is the only place of the token, until it is of no use: first the home is asked, then the file is overwritten
//! and removed. So a power cut at any moment leaves what the next start goes on with:
//!
//! | power is lost | what is there then | the next start |
//! |---|---|---|
//! | before the token is sent | the file | begins anew |
//! | before the answer is stored | the file; the home may have the node | is refused, says so, and removes the file |
//! | before the configuration is written | the file, the credential | writes it, and removes the file |
//! | before the file is removed | the file, or a part of it; all else | removes the file |

mod error;
mod file;

use std::fs;
use std::path::{Path, PathBuf};

use log::warn;
use serde_json::{Map, Value};

pub(crate) use self::error::FirstBootError;
use self::file::Wishes;
use super::done::{Done, prove};
use super::settings::Settings;
use super::{EnrollError, Enrolment, Token, enroll_by};
use crate::commands::installer;
use crate::commands::installer::Question;
use crate::config::{Config, Indicators};
use crate::error::SetupError;
use crate::files::{bounded, credential_store, durable};
use crate::net::service_url::ServiceUrl;

/// Enrols this board as the file says, which is then removed: the `named` one, or one on the boot partition. What was
/// done, in words. What went wrong is also left beside the file, and for the daemon to show.
///
/// # Errors
/// See [`FirstBootError`]. The file stays to be corrected, unless its token is of no use any more.
pub(crate) fn first_boot(config_file: &Path, named: Option<&Path>) -> Result<String, FirstBootError> {
    let Some(file) = file::find(named) else {
        tell_the_daemon(config_file, None);
        return Ok("there is no file to set this board up by".into());
    };
    let set_up = set_up(config_file, &file);
    let mut failed = match &set_up {
        Ok(Some(done)) if !done.is_accepted() => Some(done.to_string()),
        Ok(_) => None,
        Err(why) => Some(why.to_string()),
    };
    if set_up.as_ref().map_or_else(FirstBootError::is_token_spent, |_| true) {
        match file::wipe(&file) {
            Ok(()) if set_up.is_err() => {
                failed = failed.map(|why| {
                    format!(
                        "{}. The file is removed, since the home has had its token: write it anew, with a new one",
                        why.trim_end_matches('.')
                    )
                });
            }
            Ok(()) => {}
            Err(why) => {
                warn!("{}, with a used token, cannot be removed: {why}; remove it by hand", file.display());
            }
        }
    }
    tell(config_file, &file, failed.as_deref());
    set_up.map(|done| done.map_or_else(|| "this board is set up already".into(), |done| done.to_string()))
}

/// `None` if it was done before.
fn set_up(config_file: &Path, file: &Path) -> Result<Option<Done>, FirstBootError> {
    let settings = Settings::load(config_file).map_err(FirstBootError::Enroll)?;
    let stored = |settings: &Settings| {
        let config = settings.for_home(("command_center", &ServiceUrl::here())).ok()?;
        credential_store::load(&config.credential_file).ok().map(|found| found.credential)
    };
    let wishes = match file::read(file) {
        Err(why) if file::is_half_wiped(&why) && stored(&settings).is_some() => return Ok(None),
        read => read.map_err(FirstBootError::File)?,
    };
    let Wishes { home, token, node_id, room, allow_http, ca, keys } = wishes;
    let unfit = |why| FirstBootError::File(SetupError::Config { path: file.into(), why });
    let stored = stored(&settings).filter(|stored| stored.node_id.as_str() == node_id);
    let settings = match (&settings, &stored) {
        // The start before has got as far as this.
        (Settings::Kept(config), Some(credential)) => {
            return match prove(config_file, Config::clone(config), credential) {
                None => Ok(None),
                Some(why) => Err(FirstBootError::Unproven(credential.node_id.clone().into(), why)),
            };
        }
        (Settings::Kept(_), None) if ca.is_some() || !keys.is_empty() => {
            let why = "this board has a configuration already: here only home, token, node_id, room and allow_http count";
            return Err(unfit(why.into()));
        }
        (Settings::Kept(_), None) => settings,
        (Settings::New { .. }, _) => with_wishes(settings, config_file, file, ca, keys).map_err(unfit)?,
    };
    let enrolment =
        Enrolment { url: home, node_id: Some(node_id), room, replace: false, allow_http, write_config: None };
    match enroll_by(settings, config_file, &enrolment, Token::Given(&mut token.as_bytes())) {
        Ok(done) => Ok(Some(done)),
        Err(EnrollError::InUse(node_id, _)) if stored.is_some() => {
            Err(FirstBootError::Unproven(node_id, "its home does not accept it, or not yet".into()))
        }
        Err(EnrollError::InUse(node_id, path)) => Err(FirstBootError::InUse(node_id, path)),
        Err(why) => Err(FirstBootError::Enroll(why)),
    }
}

/// The settings with what the file says of a new configuration.
///
/// # Errors
/// A sentence about what is wrong with it.
fn with_wishes(
    settings: Settings,
    config_file: &Path,
    file: &Path,
    ca: Option<String>,
    keys: Map<String, Value>,
) -> Result<Settings, String> {
    let settings = settings.with(keys, None);
    match settings.for_home(("command_center", &ServiceUrl::here())) {
        // Nobody is there to see a warning.
        Ok(Config { warnings, .. }) => {
            if let Some(warning) = warnings.into_iter().next() {
                return Err(warning.message);
            }
        }
        Err(EnrollError::Setup(SetupError::Config { why, .. })) => {
            // The line is one of the text that was made of it.
            let place = why.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
            return Err(place.map_or(why.as_str(), |(_, rest)| rest).into());
        }
        Err(why) => return Err(why.to_string()),
    }
    let ca_file =
        ca.map(|ca| place_ca(&ca, file, config_file)).transpose().map_err(|why| format!("ca: {why}"))?;
    Ok(settings.with(Map::new(), ca_file))
}

/// Puts the certificates beside the configuration, where an enrolment looks for them, if they are not there.
fn place_ca(ca: &str, file: &Path, config_file: &Path) -> Result<PathBuf, String> {
    let bytes = if ca.contains("-----BEGIN") {
        ca.into()
    } else {
        let named = durable::folder(file).join(ca);
        bounded::read(&named, bounded::MAX_CERTIFICATES)
            .map_err(|why| format!("{}: {why}", named.display()))?
    };
    let folder = durable::folder(config_file);
    let place = folder.join("ca.pem");
    if bounded::read(&place, bounded::MAX_CERTIFICATES).is_ok_and(|there| there == bytes) {
        return Ok(place);
    }
    // Judged before it is where others look for it.
    let given = durable::beside(&place, ".given");
    let put = durable::replace_as(&given, &bytes, folder, 0o644);
    let put = put.map_err(|why| format!("{} cannot be written: {why}", given.display()));
    let judged = put.and_then(|()| {
        installer::answer(&Question::Ca, &given)
            .map_err(|why| if let SetupError::CaFile { why, .. } = why { why } else { why.to_string() })
    });
    let placed = judged.and_then(|_| fs::rename(&given, &place).map_err(|why| why.to_string()));
    if let Err(why) = placed {
        // It is in nobody's way.
        let _ = durable::remove(&given);
        return Err(why);
    }
    Ok(place)
}

/// Leaves what went wrong where a person looks: beside the file, and where the daemon finds it. Without that it takes away
/// what was left.
fn tell(config_file: &Path, file: &Path, failed: Option<&str>) {
    let text = failed.map(|failed| format!("{}.\n", failed.trim_end_matches('.')));
    if let Err(why) = file::leave_error(file, text.as_deref()) {
        warn!("nothing can be left beside {}: {why}", file.display());
    }
    tell_the_daemon(config_file, text.as_deref());
}

/// Leaves what went wrong for the daemon to show, or takes it away.
pub(super) fn tell_the_daemon(config_file: &Path, text: Option<&str>) {
    // While no daemon runs, there is no such folder, and nobody to read it.
    if let Some(note) = Indicators::note_file(config_file) {
        let _ = match text {
            Some(text) => durable::replace_public(&note, text.as_bytes()),
            None => durable::remove(&note),
        };
    }
}
