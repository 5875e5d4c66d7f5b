//! What a phone is told, and which phone may pair this node. Pure: it has no socket and no clock.

use std::fs;
use std::net::IpAddr;

use log::{info, warn};
use node_core::credential::NodeId;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::request::{Form, Request};
use crate::broker::Answer;
use crate::files::credential_file;
use crate::net::service_url::ServiceUrl;

/// How far pairing is.
pub(super) enum Stage {
    /// No phone has sent what is needed.
    Waiting,
    /// The node is being registered.
    Registering,
    /// This node is registered, and its credential stored: what was done in words.
    Paired(Box<NodeId>, String),
    /// Registering failed for this reason; the phone may try again.
    Failed(String),
}

/// What a phone has sent, checked.
pub(super) struct Provisioning {
    pub(super) command_center: String,
    pub(super) node_id: String,
    pub(super) room: Option<String>,
    pub(super) token: Zeroizing<String>,
}

pub(super) struct Session {
    /// The node that it has been so far.
    pub(super) before: Option<NodeId>,
    pub(super) allow_http: bool,
    pub(super) stage: Stage,
    /// The first peer that sent something.
    phone: Option<IpAddr>,
}

const OTHER_PHONE: &str =
    "another phone is pairing this node; if it is not yours, start pairing again at the board";

impl Session {
    pub(super) const fn new(before: Option<NodeId>, allow_http: bool) -> Self {
        Self { before, allow_http, stage: Stage::Waiting, phone: None }
    }

    /// The answer to what the peer at `from` asks for, and what is to be registered now.
    pub(super) fn answer(&mut self, request: &Request, from: IpAddr) -> (Answer, Option<Provisioning>) {
        let mut accepted = None;
        let body = match request {
            Request::Info => self.info(),
            // The app goes on only with a network that a person has picked.
            Request::Networks => json!({ "networks": [{
                "ssid": "The network this node is on",
                "signal_strength": 0,
                "security": "stays as it is: type any password",
            }] }),
            Request::Status => self.status(),
            Request::Provision(form) => match self.take(form, from) {
                Ok(provisioning) => {
                    self.stage = Stage::Registering;
                    accepted = Some(provisioning);
                    json!({ "success": true, "message": "the node registers now" })
                }
                Err(why) => {
                    // The app does not show it.
                    if self.phone == Some(from) {
                        warn!("what the phone at {from} sent was refused: {why}");
                    }
                    json!({ "success": false, "message": why })
                }
            },
            Request::K2(form) => match self.bind(from) {
                // It is not kept: this node has no settings that it would decrypt.
                Ok(()) => json!({
                    "success": true,
                    "node_id": form.node_id.as_deref(),
                    "kid": form.kid.as_deref(),
                    "error": null,
                }),
                Err(why) => json!({ "success": false, "node_id": null, "kid": null, "error": why }),
            },
            Request::FactoryReset => json!({
                "success": false,
                "cleared": [],
                "error": "nobody on the network can reset this node; at the board, `jarvis-node pair --replace` gives it a \
                          new credential",
            }),
        };
        (Answer::ok(&body), accepted)
    }

    fn bind(&mut self, from: IpAddr) -> Result<(), &'static str> {
        if self.phone.is_none() {
            info!("the phone at {from} pairs this node");
        }
        if *self.phone.get_or_insert(from) == from { Ok(()) } else { Err(OTHER_PHONE) }
    }

    fn take(&mut self, form: &Form, from: IpAddr) -> Result<Provisioning, String> {
        self.bind(from)?;
        match self.stage {
            Stage::Waiting | Stage::Failed(_) => {}
            Stage::Registering => return Err("the node is being registered already".into()),
            Stage::Paired(..) => return Err("this node is paired already".into()),
        }
        let text = |field: &Option<Zeroizing<String>>| field.as_deref().cloned().unwrap_or_default();
        let (node_id, command_center) = (text(&form.node_id), text(&form.command_center_url));
        NodeId::parse(&node_id).map_err(|why| format!("node_id {why}"))?;
        let token = form.provisioning_token.as_ref().filter(|token| credential_file::is_token(token));
        let token = token.ok_or("provisioning_token is missing, or is no provisioning token")?.clone();
        self.check_url("command_center_url", &command_center, from)?;
        if let Some(url) = &form.config_service_url {
            self.check_url("config_service_url", url, from)?;
        }
        let room = form.room.as_deref().cloned().filter(|room| !room.is_empty());
        Ok(Provisioning { command_center, node_id, room, token })
    }

    /// A home's registry may hand out what leads to its own machine only. From a phone that is this machine itself, as a
    /// simulated one is, such an address is right.
    fn check_url(&self, key: &str, text: &str, from: IpAddr) -> Result<(), String> {
        let url = ServiceUrl::parse(key, text, true)?;
        if !url.is_https() && !url.is_loopback() && !self.allow_http {
            return Err(format!(
                "{key} is plain HTTP, which shows the token, and later the node's key, to everyone on the network; to agree to \
                 that, start pairing with --allow-http"
            ));
        }
        if url.is_this_machine() && !from.to_canonical().is_loopback() {
            return Err(format!(
                "{key} leads each machine to itself ({}); set the address by which nodes reach the home in the home's \
                 settings, or in the app",
                url.host()
            ));
        }
        Ok(())
    }

    fn info(&self) -> Value {
        let mac = mac_address();
        let digits: String = mac.chars().filter(|c| *c != ':').collect();
        let node_id = match (&self.before, &self.stage) {
            (_, Stage::Paired(node_id, _)) => node_id.as_str().into(),
            (Some(node_id), _) => node_id.as_str().into(),
            (None, _) => format!("jarvis-{}", digits.get(4..).unwrap_or_default()),
        };
        json!({
            "node_id": node_id,
            "firmware_version": env!("CARGO_PKG_VERSION"),
            "hardware": hardware(),
            "mac_address": mac,
            "capabilities": [],
            "state": self.state(),
            "previously_provisioned": self.before.is_some(),
        })
    }

    const fn state(&self) -> &'static str {
        match self.stage {
            // There is no access point; it is the app's word for a node that waits.
            Stage::Waiting => "AP_MODE",
            Stage::Registering => "REGISTERING",
            Stage::Paired(..) => "PROVISIONED",
            Stage::Failed(_) => "ERROR",
        }
    }

    fn status(&self) -> Value {
        let (message, percent, error) = match &self.stage {
            Stage::Waiting => ("waits for a phone", 0, None),
            Stage::Registering => ("registers at the command center", 50, None),
            Stage::Paired(..) => ("this node is paired", 100, None),
            Stage::Failed(why) => ("pairing failed; try again", 0, Some(why)),
        };
        json!({ "state": self.state(), "message": message, "progress_percent": percent, "error": error })
    }
}

/// The board's model; else the kind of processor.
fn hardware() -> String {
    let model = fs::read_to_string("/proc/device-tree/model").unwrap_or_default();
    let model = model.trim_end_matches('\0');
    if model.is_empty() { std::env::consts::ARCH.into() } else { model.into() }
}

/// The hardware address of this board's first interface that has one, by the names that Raspberry Pi OS gives them.
fn mac_address() -> String {
    let listed = fs::read_dir("/sys/class/net").into_iter().flatten().flatten().map(|entry| entry.path());
    let usual = ["wlan0", "eth0"].map(|name| format!("/sys/class/net/{name}").into());
    let mut addresses =
        usual.into_iter().chain(listed).filter_map(|path| fs::read_to_string(path.join("address")).ok());
    let found = addresses.find(|address| address.len() == 18 && !address.starts_with("00:00:00:00:00:00"));
    found.unwrap_or_default().trim_end().into()
}
