//! What shows a home that the node is alive, and what comes of it: an update that waits there
//! (docs/wire/jarvis-home.md, "Heartbeat").

use std::time::{Duration, Instant};

use node_core::answer::Answer;
use node_core::service::Service;
use node_core::trouble::Trouble;
use node_core::wire::TASKS_PATH;
use ureq::http::HeaderValue;

use super::judge::{Asked, judge_heartbeat};
use super::proof::api_key;
use super::update::{Update, runtime_folder};
use crate::config::Config;
use crate::error::Warning;
use crate::files::credential::Credential;
use crate::net::http::{HttpClient, HttpResponse, JSON, Post};
use crate::net::service_url::ServiceUrl;
use crate::system::clock;

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The commit that it was built from, if the build said so.
pub(crate) const GIT_SHA: Option<&str> = option_env!("JARVIS_NODE_GIT_SHA");

/// How long a call beside the validation may take. Three of them are over before the answer to another validation is
/// taken for lost.
const PATIENCE: Duration = Duration::from_secs(15);

/// Name and value of each.
type Headers = [(&'static str, HeaderValue)];

/// The heartbeats of a node whose identity is its own.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// Asks the command center, where the validation does not.
    beside: Option<HttpClient>,
    url: String,
    tasks: String,
    body: String,
    hands_updates_over: bool,
}

impl Heartbeat {
    /// Those to the command center at `url`, asked by `beside` or by the client of the validation.
    pub(super) fn new(config: &Config, url: &ServiceUrl, beside: Option<HttpClient>) -> Self {
        let hands_updates_over = config.update_command.is_some();
        Self {
            beside,
            url: url.heartbeat(),
            tasks: url.at(TASKS_PATH),
            body: body(hands_updates_over),
            hands_updates_over,
        }
    }

    /// The request, with this proof of the node.
    pub(super) fn post<'a>(&'a self, headers: &'a Headers) -> Post<'a> {
        Post { url: &self.url, headers, content_type: JSON, body: self.body.as_bytes() }
    }

    /// Does what is left to do after a good validation by `main`: sends the heartbeat if that was none, and answers an
    /// update that was handed out. Returns what did not work.
    pub(super) fn follow_up(
        &self,
        main: &HttpClient,
        credential: &Credential,
        handed_out: Option<Update>,
    ) -> Vec<Warning> {
        let Some(key) = api_key(credential) else { return Vec::new() };
        let headers = &[key];
        let handed_out = match &self.beside {
            None => handed_out,
            Some(http) => match beat(http, &self.post(headers), credential) {
                Ok(handed_out) => handed_out,
                Err(Trouble { reason, fix, .. }) => {
                    let message = format!(
                        "the app may show this node as offline, since it was not told otherwise: {reason}"
                    );
                    return vec![Warning::new("heartbeat", message, fix.as_str())];
                }
            },
        };
        let mut warnings = Vec::new();
        if self.hands_updates_over
            && let Ok(Some(left)) = Update::take_overdue(&runtime_folder(), clock::instant())
        {
            let why = "nothing on the board takes up the update that the app has asked for";
            let fix = "sudo systemctl enable --now jarvis-node-agent-update.path";
            warnings.push(Warning::new("update", why, fix));
            warnings.extend(self.report_failed(main, headers, &left, why));
        }
        warnings.extend(handed_out.and_then(|update| self.answer(main, headers, &update)));
        warnings
    }

    /// Has the update made, or says why it is not. Returns what did not work.
    fn answer(&self, main: &HttpClient, headers: &Headers, update: &Update) -> Option<Warning> {
        let Some(version) = &update.version else {
            return self.report_failed(main, headers, update, "what is to be installed is not a version");
        };
        if version == VERSION {
            // The next heartbeat says so.
            return None;
        }
        if !self.hands_updates_over {
            let why = format!(
                "jarvis-node {VERSION} is updated at its board: with systemd/install.sh and the program of version {version}, \
                 or from here once update_command is in its configuration"
            );
            return self.report_failed(main, headers, update, &why);
        }
        let why = update.leave(&runtime_folder(), clock::instant()).err()?;
        let why = format!("the update to {version} cannot be handed over on the board: {why}");
        let untold = self.report_failed(main, headers, update, &why);
        let fix = "Look at the folder /run/jarvis-node-agent: the daemon leaves its requests there.";
        untold.or(Some(Warning::new("update", why, fix)))
    }

    /// Reports that the update was not made, by the client of the heartbeat or `main`. Returns what did not work.
    pub(super) fn report_failed(
        &self,
        main: &HttpClient,
        headers: &Headers,
        update: &Update,
        why: &str,
    ) -> Option<Warning> {
        let body =
            format!(r#"{{"state":"failed","error_message":{}}}"#, serde_json::Value::from(format!("{why}.")));
        let url = format!("{}/{}/status", self.tasks, update.task_id);
        let post = Post { url: &url, headers, content_type: JSON, body: body.as_bytes() };
        let http = self.beside.as_ref().unwrap_or(main);
        let reason = match http.post_until(&post, Instant::now() + PATIENCE) {
            // A task that is not there or has ended needs no report.
            Ok(HttpResponse { status: 200 | 404 | 409, .. }) => return None,
            Ok(HttpResponse { status, .. }) => format!("the command center answered {status}"),
            Err(unanswered) => unanswered.trouble.reason.to_string(),
        };
        let message = format!(
            "the app could not be told why an update was not made, and will show a time-out: {reason}"
        );
        Some(Warning::new("update", message, "Look at the log of the command center if this comes again."))
    }
}

/// Sends a heartbeat, and returns the update that it was answered with.
fn beat(http: &HttpClient, post: &Post<'_>, credential: &Credential) -> Result<Option<Update>, Trouble> {
    let response = http.post_until(post, Instant::now() + PATIENCE).map_err(|e| e.trouble)?;
    let keys = &[credential.node_key.expose().as_bytes()];
    match judge_heartbeat(&Asked { response: &response, keys, now: http.now() }, Service::HEARTBEAT) {
        Answer::Valid(_) => Ok(Update::in_answer(&response.body)),
        Answer::Inconclusive { trouble, .. } => Err(trouble),
        Answer::Rejected(reason) => Err(Trouble::setup(
            format_args!("the command center rejects the node ({reason})"),
            format_args!(
                "Check that heartbeat.command_center leads to the home that the node was registered in."
            ),
        )),
        // Only probes are answered like this.
        Answer::Reachable => Ok(None),
    }
}

/// What a heartbeat says: a program without sound, protocols or a key of the app's, of which the app offers an update if
/// it was installed as a tarball.
fn body(is_updated_from_the_app: bool) -> String {
    let mode = if is_updated_from_the_app { "tarball" } else { "package" };
    let text = |text: Option<&str>| serde_json::Value::from(text);
    let program = std::env::current_exe().unwrap_or_default();
    let folder = program.parent().and_then(|folder| folder.to_str());
    format!(
        r#"{{"version_info":{{"version":"{VERSION}","install_mode":"{mode}","git_sha":{},"install_dir":{}}},"is_busy":false,"protocols":[],"needs_k2":false}}"#,
        text(GIT_SHA),
        text(folder),
    )
}
