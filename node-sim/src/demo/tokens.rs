//! The second half of the demo: tokens for other programs on the board.

use core::time::Duration;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Instant;

use jarvis_node::broker::client as broker_client;
use jarvis_node::broker::client::{ClientError, Token};
use jarvis_node::commands::keygen;
use jarvis_node::commands::request;
use jarvis_node::commands::request::{Data, ServiceRequest};
use jarvis_node::sts::Algorithm;
use server_stub::{
    Coordinator, CoordinatorOptions, Gateway, GatewayOptions, GatewaySettings, InboundSettings,
    ServerOptions, StartError, Stub,
};

use super::token_service::TokenService;
use super::{DemoError, PATIENCE, Screen, context};
use crate::node::{Display as _, LiveNode};

pub(super) const CLIENT: &str = "jarvis-node";
const AUDIENCE: &str = "arp-run-gateway";
const ANOTHER: &str = "arp-run-coordinator";
const RUN: &str = "good-evening";
/// A real STS issues tokens for five minutes; here a token's whole life must fit into the demo.
const LIFE: Duration = Duration::from_secs(12);
/// How often the demo checks whether something has happened.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The services that accept tokens, and the STS.
struct Services {
    sts: TokenService,
    _coordinator: Coordinator,
    gateway: Gateway,
}

impl Services {
    /// Starts the services in front of `sts` with the certificate authority of `stub`.
    fn start(stub: &Stub, sts: TokenService) -> Result<Self, StartError> {
        let server = ServerOptions { authority: stub.authority(), ..ServerOptions::default() };
        // One that cannot be read leaves the gateway without keys, and the demo says so.
        let authorities: Vec<_> =
            sts.ca_file().and_then(|file| fs::read_to_string(file).ok()).into_iter().collect();
        let issuer = sts.issuer();
        let inbound = |audience: &str| InboundSettings {
            algorithms: vec![sts.algorithm()],
            ..InboundSettings::required(&issuer, audience)
        };
        let coordinator = Coordinator::start(CoordinatorOptions {
            server: server.clone(),
            inbound: inbound(ANOTHER),
            authorities: authorities.clone(),
            ..CoordinatorOptions::of_realm(&issuer)
        })?;
        let settings = GatewaySettings {
            inbound: inbound(AUDIENCE),
            ..GatewaySettings::of_realm(&issuer, coordinator.url())
        };
        let gateway = Gateway::start(GatewayOptions { server, settings, authorities })?;
        Ok(Self { sts, _coordinator: coordinator, gateway })
    }
}

/// Runs this half on `screen`; `dir` holds the node's files. The token service is a real Keycloak if `keycloak` says so.
pub(super) fn run(
    screen: &Screen,
    node: &LiveNode,
    stub: &Stub,
    dir: &Path,
    keycloak: bool,
) -> Result<(), DemoError> {
    screen.say("Other programs on the board need tokens for the home's services.");
    let key = dir.join("sts.key");
    let keys = keygen::make(Algorithm::Es256, &key).map_err(context("the key was not made"))?;
    screen.add(
        "The node makes a key that never leaves it. Its public half is registered with the token service.",
    );
    let sts = if keycloak {
        screen.say("Keycloak starts, which takes half a minute. The first time it is downloaded: 176 MB.");
        TokenService::keycloak(dir, &keys, LIFE)?
    } else {
        TokenService::stub(stub, &keys, LIFE)?
    };
    let services = Services::start(stub, sts).map_err(context("the gateway did not start"))?;
    screen.add(&format!("The token service is {}.", services.sts.issuer()));
    configure(dir, &key, &services.sts).map_err(context("the configuration cannot be written"))?;
    node.reload();

    let socket = dir.join("node.sock");
    let first = poll("the broker did not open its socket", || {
        match broker_client::token(&socket, AUDIENCE, None, None) {
            Err(ClientError::NoBroker { .. }) => Ok(None),
            asked => asked.map(Some),
        }
    })?;
    let since = Instant::now();
    screen.say(&format!("token {} for {AUDIENCE}, over the node's socket", first.fingerprint()));
    screen.add("The node signed the request with its key. The program itself has no secret.");
    let again = fetch(&socket).map_err(context("there is no token for a second caller"))?;
    if again.fingerprint() != first.fingerprint() || services.sts.requests().is_some_and(|count| count != 1) {
        return Err(DemoError(
            "a second caller did not get the same token, or the service was asked again".into(),
        ));
    }
    screen.add("Another program gets the same token at once: the token service was asked only once.");

    start_run(screen, &services.gateway, dir)?;

    match broker_client::token(&socket, ANOTHER, None, None) {
        Err(refused @ ClientError::Refused { status: 403, .. }) => {
            screen.say(&format!("{ANOTHER} is not on the list:"));
            screen.add(&refused.to_string());
        }
        Err(other) => return Err(DemoError(format!("the broker gave no reason for its refusal: {other}"))),
        Ok(_) => return Err(DemoError(format!("the broker gave out a token for {ANOTHER}"))),
    }

    let next = poll("the token was not refreshed", || {
        fetch(&socket).map(|token| (token.fingerprint() != first.fingerprint()).then_some(token))
    })?;
    if since.elapsed() >= LIFE {
        return Err(DemoError("the token was refreshed only after it had expired".into()));
    }
    screen.say(&format!(
        "token {}, fetched before the {} s of the first one were over",
        next.fingerprint(),
        LIFE.as_secs()
    ));
    Ok(())
}

/// Starts a run through the gateway, as `jarvis-node request` does, and prints its events.
fn start_run(screen: &Screen, gateway: &Gateway, dir: &Path) -> Result<(), DemoError> {
    let reference = serde_json::json!({ "node_type_id": "say", "version": "1" });
    let wanted = serde_json::json!({ "run_id": RUN, "root_node_type_ref": reference, "input": { "say": "good evening" } });
    let started = call(gateway, dir, "POST", "/v1/runs", Some(wanted.to_string()))?;
    let state = serde_json::from_str::<serde_json::Value>(&started).unwrap_or_default()["state"].to_string();
    screen.say(&format!("run {RUN} through the Run Gateway with that token: it is {state}, and then"));
    let events = call(gateway, dir, "GET", &format!("/v1/runs/{RUN}/events"), None)?;
    for event in events.lines() {
        let event: serde_json::Value =
            serde_json::from_str(event).map_err(context("an event is not JSON"))?;
        screen.add(&format!("event {}: {}", event["seq"], event["type"]));
    }
    Ok(())
}

fn call(
    gateway: &Gateway,
    dir: &Path,
    method: &str,
    path: &str,
    data: Option<String>,
) -> Result<String, DemoError> {
    let request = ServiceRequest {
        method: method.into(),
        url: format!("{}{path}", gateway.url()),
        audience: AUDIENCE.into(),
        scope: None,
        data: data.map(Data::Text),
        content_type: None,
        socket: None,
        // The home's; that of the token service may be another.
        ca_file: Some(dir.join("ca.pem")),
    };
    let mut body = Vec::new();
    let done = request::request(&request, &dir.join("config.json"), io::empty(), &mut |_| (), &mut body)
        .map_err(context("the gateway gave no answer"))?;
    let body = String::from_utf8_lossy(&body).into_owned();
    if done.status == 200 {
        Ok(body)
    } else {
        Err(DemoError(format!("the gateway answered {}: {body}", done.status)))
    }
}

fn fetch(socket: &Path) -> Result<Token, ClientError> {
    broker_client::token(socket, AUDIENCE, None, None)
}

/// Polls until `look` finds something.
fn poll<T>(
    otherwise: &'static str,
    mut look: impl FnMut() -> Result<Option<T>, ClientError>,
) -> Result<T, DemoError> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Some(found) = look().map_err(context(otherwise))? {
            return Ok(found);
        }
        thread::sleep(POLL_INTERVAL);
    }
    Err(DemoError(otherwise.into()))
}

/// Adds the STS and the broker to the node's configuration, with this user as an allowed caller.
fn configure(dir: &Path, key: &Path, sts: &TokenService) -> std::io::Result<()> {
    let config_file = dir.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&config_file)?)?;
    let user = fs::metadata(dir)?.uid();
    config["sts"] = serde_json::json!({
        "issuer": sts.issuer(),
        "client_id": CLIENT,
        "client_key_file": key,
        "audiences": { AUDIENCE: { "users": [user] } },
    });
    if let Some(ca_file) = sts.ca_file() {
        config["sts"]["ca_file"] = ca_file.to_string_lossy().into();
    }
    config["broker"] = serde_json::json!({ "socket": dir.join("node.sock") });
    fs::write(config_file, serde_json::to_vec_pretty(&config)?)
}
