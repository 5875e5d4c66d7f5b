//! The client that asks the auth service, or the command center in its place, whether the node is valid.

use std::fmt;

use node_core::agent::PROBE_TIMEOUT;
use node_core::answer::Answer;
use node_core::service::Service;
use node_core::time::UnixTime;
use node_core::trouble::{Trouble, TroubleKind};
use node_core::wire::{API_KEY_HEADER, APP_ID_HEADER, APP_KEY_HEADER, ValidateRequest};
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use super::judge::{Asked, judge, judge_heartbeat, judge_probe};
use crate::config::{Config, Via};
use crate::files::credential::Credential;
use crate::net::http::{HttpClient, HttpResponse, JSON, Post};
use crate::net::tls::Tls;

/// A client of the one service that decides whether a node is valid.
pub struct AuthClient {
    pub(super) http: HttpClient,
    pub(super) endpoint: String,
    mode: AuthMode,
}

/// The service that is asked, and the credential that is shown to it.
enum AuthMode {
    /// The auth service, by the key of an app.
    App { service_id: String, app_id: String, app_key: Zeroizing<Vec<u8>> },
    /// The command center, by the node's own credential.
    CommandCenter,
}

/// The result of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The meaning of the result for the node.
    pub answer: Answer,
    /// The server's clock at the time of its answer. Only known if the server authenticated itself by TLS.
    pub server_time: Option<UnixTime>,
}

impl From<Trouble> for Reply {
    fn from(trouble: Trouble) -> Self {
        Self { answer: Answer::Inconclusive { trouble, retry_after: None }, server_time: None }
    }
}

impl fmt::Debug for AuthClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl AuthClient {
    /// Makes a client of the service that `config` names. It uses `tls` when the URL is `https`. It uses
    /// `app_key`, which must be visible ASCII, when an app asks.
    #[must_use]
    pub fn new(config: &Config, tls: Tls, app_key: Zeroizing<Vec<u8>>) -> Self {
        let (endpoint, mode) = match &config.via {
            Via::App { service_id, app_id, .. } => (
                config.auth_url.validate_node(),
                AuthMode::App { service_id: service_id.clone(), app_id: app_id.clone(), app_key },
            ),
            Via::CommandCenter => (config.auth_url.heartbeat(), AuthMode::CommandCenter),
        };
        let (connect, request) = (config.connect_timeout, config.request_timeout);
        let http = HttpClient::new(config.via.service(), &config.auth_url, connect, request, tls);
        Self { http, endpoint, mode }
    }

    /// Asks whether the node with this credential is valid. Returns within the configured time-outs.
    #[must_use]
    pub fn validate(&self, credential: &Credential) -> Reply {
        self.ask(credential).map_or_else(Reply::from, |response| self.conclude(&response, credential))
    }

    /// Asks only whether the service can be asked. The result is inconclusive while it is away or does not answer in
    /// time; everything else counts as [`Answer::Reachable`], because only a validation can tell what is wrong.
    #[must_use]
    pub fn probe(&self) -> Reply {
        let answer = match self.http.probe(PROBE_TIMEOUT) {
            Ok(Some(response)) => {
                let asked = Asked { response: &response, keys: &[], now: self.http.now() };
                judge_probe(&asked, self.http.peer().service)
            }
            Ok(None) => Answer::Reachable,
            Err(trouble) => return Reply::from(trouble),
        };
        Reply { answer, server_time: None }
    }

    pub(super) fn conclude(&self, response: &HttpResponse, credential: &Credential) -> Reply {
        let app_key = match &self.mode {
            AuthMode::App { app_key, .. } => app_key.as_slice(),
            AuthMode::CommandCenter => b"",
        };
        let keys = [credential.node_key.expose().as_bytes(), app_key];
        let asked = Asked { response, keys: &keys, now: self.http.now() };
        let answer = match &self.mode {
            AuthMode::App { app_id, .. } => judge(&asked, &credential.node_id, app_id),
            AuthMode::CommandCenter => judge_heartbeat(&asked),
        };
        Reply { answer, server_time: self.http.proven_time(response) }
    }

    fn ask(&self, credential: &Credential) -> Result<HttpResponse, Trouble> {
        let Credential { node_id, node_key } = credential;
        // Cannot happen: the configuration and the credential file allow only characters that a header takes.
        let unfit = || {
            Service::AUTH
                .trouble(TroubleKind::RequestRefused, format_args!("the request cannot be put together"))
        };
        match &self.mode {
            AuthMode::App { service_id, app_id, app_key } => {
                let request =
                    ValidateRequest { node_id: node_id.as_str(), node_key: node_key.expose(), service_id };
                // A buffer that grows leaves unwiped copies of the key behind, so it gets its full size at
                // once.
                let mut body = Zeroizing::new(Vec::with_capacity(2048));
                serde_json::to_writer(&mut *body, &request).map_err(|_| unfit())?;
                let id = HeaderValue::from_str(app_id).map_err(|_| unfit())?;
                let mut key = HeaderValue::from_bytes(app_key).map_err(|_| unfit())?;
                key.set_sensitive(true);
                let headers = &[(APP_ID_HEADER, id), (APP_KEY_HEADER, key)];
                self.http
                    .post_again_if_failed_at_once(&Post {
                        url: &self.endpoint,
                        headers,
                        content_type: JSON,
                        body: &body,
                    })
                    .map(|posted| posted.response)
                    .map_err(|e| e.trouble)
            }
            AuthMode::CommandCenter => {
                let mut key =
                    Zeroizing::new(Vec::with_capacity(node_id.as_str().len() + 1 + node_key.expose().len()));
                for part in [node_id.as_str(), ":", node_key.expose()] {
                    key.extend_from_slice(part.as_bytes());
                }
                let mut key = HeaderValue::from_bytes(&key).map_err(|_| unfit())?;
                key.set_sensitive(true);
                let headers = &[(API_KEY_HEADER, key)];
                self.http
                    .post_again_if_failed_at_once(&Post {
                        url: &self.endpoint,
                        headers,
                        content_type: JSON,
                        body: b"{}",
                    })
                    .map(|posted| posted.response)
                    .map_err(|e| e.trouble)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use node_core::credential::NodeId;
    use ureq::http::HeaderMap;

    use super::*;
    use crate::files::credential::NodeKey;

    fn kitchen() -> Credential {
        Credential {
            node_id: NodeId::parse("kitchen-pi").expect("a node id"),
            node_key: NodeKey::parse("s3cret").expect("a key"),
        }
    }

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, headers: HeaderMap::new(), body: body.into() }
    }

    /// A client with these lines in its configuration.
    fn client(whom: &str) -> AuthClient {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("config.json");
        std::fs::write(&path, format!(r#"{{{whom},"credential_file":"c.json"}}"#)).expect("written");
        let config = Config::load(&path).expect("sound");
        AuthClient::new(&config, Tls::trusting(None).expect("TLS"), Zeroizing::new(b"app/k\"y".to_vec()))
    }

    #[test]
    fn key_repeated_by_server_is_never_shown() {
        let clients = [
            client(r#""auth_url":"http://127.0.0.1","service_id":"s","app_id":"a","app_key_file":"k.key""#),
            client(r#""via":{"command_center":"http://127.0.0.1"}"#),
        ];
        for key in ["s3cret", "\\u00733cret", "\\u0073\\u0033\\u0063\\u0072\\u0065\\u0074", "s3c\\ret"] {
            for (status, body) in [
                (200, format!(r#"{{"valid":false,"reason":"no such key: {key}"}}"#)),
                (401, format!(r#"{{"detail":"Auth service unavailable: {key} {key}"}}"#)),
                (401, format!(r#"{{"detail":"Node is not authorized to access service {key}"}}"#)),
            ] {
                for client in &clients {
                    let shown = format!("{:?}", client.conclude(&response(status, &body), &kitchen()));
                    assert!(!shown.contains("s3cret"), "{shown}");
                }
            }
        }
        // The documented part of a reason stays, because the fix depends on it.
        let body = r#"{"valid":false,"reason":"Node is not authorized to access service 's3cret'"}"#;
        let shown = format!("{:?}", clients[0].conclude(&response(200, body), &kitchen()));
        assert!(shown.contains("Node is not authorized to access service (not shown"), "{shown}");
        let body = r#"{"valid":false,"reason":"app\/k\"y"}"#;
        let shown = format!("{:?}", clients[0].conclude(&response(200, body), &kitchen()));
        assert!(shown.contains("not shown"), "{shown}");
    }
}
