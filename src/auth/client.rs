//! The client that asks the auth service, or another service in its place, whether the node is valid.

use std::fmt;

use node_core::agent::PROBE_TIMEOUT;
use node_core::answer::Answer;
use node_core::service::Service;
use node_core::time::UnixTime;
use node_core::trouble::{Trouble, TroubleKind};
use node_core::wire::{APP_ID_HEADER, APP_KEY_HEADER, LOGS_PATH, MQTT_CREDENTIALS_PATH, ValidateRequest};
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use super::heartbeat::Heartbeat;
use super::judge::{Asked, judge, judge_heartbeat, judge_logs, judge_mqtt_credentials, judge_probe};
use super::logs::{Logs, NotTaken};
use super::proof::{api_key, id_and_key, secret};
use super::update::Update;
use crate::config::{Config, Via};
use crate::error::Warning;
use crate::files::credential::Credential;
use crate::files::json;
use crate::net::http::{HttpClient, HttpResponse, JSON, Post};
use crate::net::service_url::ServiceUrl;
use crate::net::tls::{Chain, Tls};

/// A client of the one service that decides whether a node is valid.
pub struct AuthClient {
    pub(super) http: HttpClient,
    pub(super) endpoint: String,
    mode: AuthMode,
    /// `None`: the home is not shown that the node is alive.
    heartbeat: Option<Heartbeat>,
    /// `None`: the home does not get the node's log.
    logs: Option<Logs>,
}

/// The service that is asked, and the credential that is shown to it.
enum AuthMode {
    /// The auth service, by the key of an app.
    App { service_id: String, app_id: String, app_key: Zeroizing<Vec<u8>> },
    /// The command center, by the node's own credential.
    CommandCenter,
    /// The logs, by the node's own credential.
    Logs,
}

/// The result of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The meaning of the result for the node.
    pub answer: Answer,
    /// The server's clock at the time of its answer. Only known if the server authenticated itself by TLS.
    pub server_time: Option<UnixTime>,
    /// The update that was handed out with it, and never is again.
    pub update: Option<Update>,
}

impl From<Trouble> for Reply {
    fn from(trouble: Trouble) -> Self {
        Self { answer: Answer::Inconclusive { trouble, retry_after: None }, server_time: None, update: None }
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
        let url = &config.auth_url;
        let (endpoint, mode, heartbeat) = match &config.via {
            Via::App { service_id, app_id, .. } => (
                url.validate_node(),
                AuthMode::App { service_id: service_id.clone(), app_id: app_id.clone(), app_key },
                None,
            ),
            Via::CommandCenter => (
                url.at(MQTT_CREDENTIALS_PATH),
                AuthMode::CommandCenter,
                Some(Heartbeat::new(config, url, None)),
            ),
            Via::Logs => (url.at(LOGS_PATH), AuthMode::Logs, None),
        };
        let http = http(config, config.via.service(), url, tls);
        Self { http, endpoint, mode, heartbeat, logs: None }
    }

    /// This client, which also shows the command center at `url` that the node is alive.
    #[must_use]
    pub fn with_heartbeat(self, config: &Config, url: &ServiceUrl, tls: Tls) -> Self {
        let beside = http(config, Service::HEARTBEAT, url, tls);
        Self { heartbeat: Some(Heartbeat::new(config, url, Some(beside))), ..self }
    }

    /// This client, which also sends lines of the log to the logs at `url`.
    #[must_use]
    pub fn with_logs(self, config: &Config, url: &ServiceUrl, tls: Tls) -> Self {
        Self { logs: Some(Logs::new(url, http(config, Service::LOG_INTAKE, url, tls))), ..self }
    }

    /// From now on notes the chain of certificates that the service is accepted by.
    pub(crate) fn note_chain(&self) {
        self.http.note_chain();
    }

    /// The chain that was last accepted, if that is noted.
    pub(crate) fn chain(&self) -> Option<Chain> {
        self.http.chain()
    }

    /// Whether the home gets the node's log.
    #[must_use]
    pub const fn sends_log(&self) -> bool {
        self.logs.is_some()
    }

    /// Sends the home a batch of lines, if it gets any. Takes 15 s at most.
    ///
    /// # Errors
    /// Why it did not take them.
    pub fn send_log(&self, credential: &Credential, body: &str) -> Result<(), NotTaken> {
        self.logs.as_ref().map_or(Ok(()), |logs| logs.send(credential, body))
    }

    /// Asks whether the node with this credential is valid. Returns within the configured time-outs. The home takes it for
    /// nothing else: it hands no update out.
    #[must_use]
    pub fn validate(&self, credential: &Credential) -> Reply {
        self.ask(credential).map_or_else(Reply::from, |response| self.conclude(&response, credential))
    }

    /// Asks the same as the daemon does, which shows the home that the node is alive: by this call if it can be one, or by
    /// [`Self::follow_up`]. Not if the identity is shared.
    #[must_use]
    pub fn validate_alive(&self, credential: &Credential) -> Reply {
        let (AuthMode::CommandCenter, Some(heartbeat)) = (&self.mode, &self.heartbeat) else {
            return self.validate(credential);
        };
        let Some(key) = api_key(credential).filter(|_| credential.may_be_shown_alive()) else {
            return self.validate(credential);
        };
        match self.http.post_again_if_failed_at_once(&heartbeat.post(&[key])) {
            Ok(posted) => self.hear(&posted.response, credential),
            Err(unanswered) => Reply::from(unanswered.trouble),
        }
    }

    /// Judges `response`, an answer to a heartbeat.
    pub(super) fn hear(&self, response: &HttpResponse, credential: &Credential) -> Reply {
        let keys = [credential.node_key.expose().as_bytes()];
        let answer = judge_heartbeat(&self.asked(response, &keys), self.service());
        let update = matches!(answer, Answer::Valid(_)).then(|| Update::in_answer(&response.body)).flatten();
        Reply { answer, server_time: self.http.proven_time(response), update }
    }

    /// What is left to do once [`Self::validate_alive`] has found the node valid: the heartbeat, if that was none, and the
    /// answer to an update that was handed out. Takes 45 s at most. Returns what did not work.
    #[must_use]
    pub fn follow_up(&self, credential: &Credential, update: Option<Update>) -> Vec<Warning> {
        let heartbeat = self.heartbeat.as_ref().filter(|_| credential.may_be_shown_alive());
        heartbeat.map(|heartbeat| heartbeat.follow_up(&self.http, credential, update)).unwrap_or_default()
    }

    /// Reports to the home that `update` was not made, for this reason. Returns what did not work.
    pub(crate) fn report_failed(
        &self,
        credential: &Credential,
        update: &Update,
        why: &str,
    ) -> Option<Warning> {
        let heartbeat = self.heartbeat.as_ref()?;
        heartbeat.report_failed(&self.http, &[api_key(credential)?], update, why)
    }

    /// Asks only whether the service can be asked. The result is inconclusive while it is away or does not answer in
    /// time; everything else counts as [`Answer::Reachable`], because only a validation can tell what is wrong.
    #[must_use]
    pub fn probe(&self) -> Reply {
        let answer = match self.http.probe(PROBE_TIMEOUT) {
            Ok(Some(response)) => judge_probe(&self.asked(&response, &[]), self.service()),
            Ok(None) => Answer::Reachable,
            Err(trouble) => return Reply::from(trouble),
        };
        Reply { answer, server_time: None, update: None }
    }

    /// Judges `response`, of which nothing is kept.
    pub(super) fn conclude(&self, response: &HttpResponse, credential: &Credential) -> Reply {
        let app_key = match &self.mode {
            AuthMode::App { app_key, .. } => app_key.as_slice(),
            AuthMode::CommandCenter | AuthMode::Logs => b"",
        };
        let keys = [credential.node_key.expose().as_bytes(), app_key];
        let asked = self.asked(response, &keys);
        let answer = match &self.mode {
            AuthMode::App { app_id, .. } => judge(&asked, &credential.node_id, app_id),
            AuthMode::CommandCenter => judge_mqtt_credentials(&asked),
            AuthMode::Logs => judge_logs(&asked, Service::LOGS),
        };
        let server_time = self.http.proven_time(response);
        Reply { answer, server_time, update: None }
    }

    fn asked<'a>(&self, response: &'a HttpResponse, keys: &'a [&'a [u8]]) -> Asked<'a> {
        Asked { response, keys, now: self.http.now() }
    }

    fn service(&self) -> Service {
        self.http.peer().service
    }

    fn ask(&self, credential: &Credential) -> Result<HttpResponse, Trouble> {
        // Cannot happen: the configuration and the credential file allow only characters that a header takes.
        let unfit = || {
            Service::AUTH
                .trouble(TroubleKind::RequestRefused, format_args!("the request cannot be put together"))
        };
        let post = |headers: &[(&'static str, HeaderValue)], body: &[u8]| {
            let post = Post { url: &self.endpoint, headers, content_type: JSON, body };
            self.http.post_again_if_failed_at_once(&post).map(|posted| posted.response)
        };
        match &self.mode {
            AuthMode::App { service_id, app_id, app_key } => {
                let Credential { node_id, node_key, .. } = credential;
                let request =
                    ValidateRequest { node_id: node_id.as_str(), node_key: node_key.expose(), service_id };
                // A buffer that grows leaves unwiped copies of the key behind, so it gets its full size at
                // once. JSON writes a character with six at most.
                let values = node_id.as_str().len() + node_key.expose().len() + service_id.len();
                let mut body = Zeroizing::new(Vec::with_capacity(6 * values + 64));
                json::write(&mut *body, &request).map_err(|_| unfit())?;
                let id = HeaderValue::from_str(app_id).map_err(|_| unfit())?;
                post(&[(APP_ID_HEADER, id), secret(APP_KEY_HEADER, app_key).ok_or_else(unfit)?], &body)
            }
            AuthMode::CommandCenter => {
                let headers = [api_key(credential).ok_or_else(unfit)?];
                self.http.get(&self.endpoint, &headers)
            }
            AuthMode::Logs => post(&id_and_key(credential).ok_or_else(unfit)?, br#"{"logs":[]}"#),
        }
        .map_err(|unanswered| unanswered.trouble)
    }
}

fn http(config: &Config, service: Service, url: &ServiceUrl, tls: Tls) -> HttpClient {
    HttpClient::new(service, url, config.connect_timeout, config.request_timeout, tls)
}

#[cfg(test)]
mod tests {
    use node_core::credential::NodeId;
    use ureq::http::HeaderMap;

    use super::*;
    use crate::files::credential::NodeKey;

    fn kitchen() -> Credential {
        let node_key = NodeKey::parse("s3cret").expect("a key");
        Credential::new(NodeId::parse("kitchen-pi").expect("a node id"), node_key)
    }

    fn response(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, headers: HeaderMap::new(), body: Vec::from(body).into() }
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
            client(r#""via":{"logs":"http://127.0.0.1"}"#),
        ];
        for key in ["s3cret", "\\u00733cret", "\\u0073\\u0033\\u0063\\u0072\\u0065\\u0074", "s3c\\ret"] {
            for (status, body) in [
                (200, format!(r#"{{"valid":false,"reason":"no such key: {key}"}}"#)),
                (401, format!(r#"{{"detail":"Auth service unavailable: {key} {key}"}}"#)),
                (401, format!(r#"{{"detail":"Node is not authorized to access service {key}"}}"#)),
                (403, format!(r#"{{"detail":"Auth service error: {key}"}}"#)),
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
