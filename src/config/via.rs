//! The service that is asked whether the node is valid.

use std::path::{Path, PathBuf};

use node_core::credential::{NodeId, ValueError};
use node_core::service::Service;
use serde::Deserialize;

use super::File;
use crate::files::secret_file;
use crate::net::service_url::ServiceUrl;

/// The service the node wants to use unless another is configured: a command center grants it to the nodes it enrolls.
const DEFAULT_SERVICE_ID: &str = "jarvis-command-center";

/// The client that asks whether the node is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// An app, at the auth service.
    App {
        /// The service the node wants to use.
        service_id: String,
        /// The app's name.
        app_id: String,
        /// The file with the app's key.
        app_key_file: PathBuf,
    },
    /// The command center, which asks the auth service in the node's place.
    CommandCenter,
    /// The logs, which ask the auth service in the node's place and are told nothing.
    Logs,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("minProperties" = 1, "maxProperties" = 1)))]
#[serde(deny_unknown_fields)]
pub(super) struct ViaForm {
    /// The address of the command center.
    command_center: Option<String>,
    /// The address of the logs.
    logs: Option<String>,
}

impl Via {
    /// The service that is asked, in the words of the configuration.
    #[must_use]
    pub const fn service(&self) -> Service {
        match self {
            Self::App { .. } => Service::AUTH,
            Self::CommandCenter => Service::COMMAND_CENTER,
            Self::Logs => Service::LOGS,
        }
    }

    /// Checks that the service can read a node id.
    ///
    /// # Errors
    /// The problem with it.
    pub(crate) fn check(&self, node_id: &NodeId) -> Result<(), ValueError> {
        match self {
            // It gets id and key as one text (docs/wire/jarvis-home.md).
            Self::CommandCenter if node_id.as_str().contains(':') => Err(ValueError::Forbidden(
                "a colon, where the service in via.command_center splits id and key",
            )),
            Self::CommandCenter | Self::App { .. } | Self::Logs => Ok(()),
        }
    }
}

/// The service to ask, and how.
pub(super) fn service(file: &File, path: &Path) -> Result<(ServiceUrl, Via), String> {
    let File { auth_url, service_id, app_id, app_key_file, via, allow_http, .. } = file;
    match (via, auth_url, service_id, app_id, app_key_file) {
        (Some(form), None, None, None, None) => {
            let (url, via) = match form {
                ViaForm { command_center: Some(url), logs: None } => (url, Via::CommandCenter),
                ViaForm { command_center: None, logs: Some(url) } => (url, Via::Logs),
                ViaForm { .. } => return Err("via must name one service: command_center or logs".into()),
            };
            Ok((ServiceUrl::parse(via.service().address, url, *allow_http)?, via))
        }
        (Some(_), ..) => {
            Err("via takes the place of auth_url, service_id, app_id and app_key_file: leave those out"
                .into())
        }
        (None, Some(auth_url), service_id, Some(app_id), Some(app_key_file)) => {
            let app_key_file = secret_file::locate(app_key_file, path);
            let service_id = service_id.as_deref().unwrap_or(DEFAULT_SERVICE_ID);
            let (service_id, app_id) = (name("service_id", service_id)?, name("app_id", app_id)?);
            let auth_url = ServiceUrl::parse("auth_url", auth_url, *allow_http)?;
            Ok((auth_url, Via::App { service_id, app_id, app_key_file }))
        }
        (None, None, ..) => Err("missing field `auth_url`".into()),
        (None, _, _, None, _) => Err("missing field `app_id`".into()),
        (None, .., None) => Err("missing field `app_key_file`".into()),
    }
}

fn name(key: &str, text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 100 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("{key} must be 1 to 100 visible ASCII characters"));
    }
    Ok(text.to_owned())
}
