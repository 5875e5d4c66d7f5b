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
use server_stub::jwt::Algorithm as Signing;
use server_stub::{
    Coordinator, CoordinatorOptions, Gateway, GatewayOptions, GatewaySettings, InboundSettings, Realm,
    ServerOptions, StartError, Sts, StsOptions, Stub,
};

use super::{DemoError, PATIENCE, Screen, context};
use crate::node::{Display as _, LiveNode};

const CLIENT: &str = "jarvis-node";
const AUDIENCE: &str = "arp-run-gateway";
const ANOTHER: &str = "arp-run-coordinator";
const RUN: &str = "good-evening";
/// A real STS issues tokens for five minutes; here a token's whole life must fit into the demo.
const LIFE: Duration = Duration::from_secs(12);
/// How often the demo checks whether something has happened.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The services that accept tokens, and the STS.
struct Services {
    sts: Sts,
    _coordinator: Coordinator,
    gateway: Gateway,
}

impl Services {
    /// Starts them with the certificate authority of `stub`.
    fn start(stub: &Stub) -> Result<Self, StartError> {
        let server = ServerOptions { authority: stub.authority(), ..ServerOptions::default() };
        let sts = Sts::start(StsOptions {
            server: server.clone(),
            realm: Realm::dev().with_life(LIFE),
            algorithm: Signing::Es256,
            ..StsOptions::default()
        })?;
        let inbound = |audience: &str| InboundSettings {
            algorithms: vec![Signing::Es256],
            ..InboundSettings::required(sts.issuer(), audience)
        };
        let coordinator = Coordinator::start(CoordinatorOptions {
            server: server.clone(),
            inbound: inbound(ANOTHER),
            ..CoordinatorOptions::of_realm(sts.issuer())
        })?;
        let settings = GatewaySettings {
            inbound: inbound(AUDIENCE),
            ..GatewaySettings::of_realm(sts.issuer(), coordinator.url())
        };
        let gateway = Gateway::start(GatewayOptions { server, settings, authorities: Vec::new() })?;
        Ok(Self { sts, _coordinator: coordinator, gateway })
    }
}

/// Runs this half on `screen`; `dir` holds the node's files.
pub(super) fn run(screen: &Screen, node: &LiveNode, stub: &Stub, dir: &Path) -> Result<(), DemoError> {
    let services =
        Services::start(stub).map_err(context("the token service or the gateway did not start"))?;
    screen.say("Other programs on the board need tokens for the home's services.");
    let key = dir.join("sts.key");
    let keys = keygen::make(Algorithm::Es256, &key).map_err(context("the key was not made"))?;
    let keys = serde_json::from_str(&keys).map_err(context("the key's public half is not JSON"))?;
    services.sts.register_key(CLIENT, &keys).map_err(context("the token service does not accept the key"))?;
    screen.add(
        "The node makes a key that never leaves it. Its public half is registered with the token service.",
    );
    configure(dir, &key, services.sts.issuer()).map_err(context("the configuration cannot be written"))?;
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
    let requests = services.sts.token_requests();
    if again.fingerprint() != first.fingerprint() || requests != 1 {
        return Err(DemoError(format!("a second caller did not get the same token: {requests} requests")));
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
        ca_file: None,
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
fn configure(dir: &Path, key: &Path, issuer: &str) -> std::io::Result<()> {
    let config_file = dir.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&config_file)?)?;
    let user = fs::metadata(dir)?.uid();
    config["sts"] = serde_json::json!({
        "issuer": issuer,
        "client_id": CLIENT,
        "client_key_file": key,
        "audiences": { AUDIENCE: { "users": [user] } },
    });
    config["broker"] = serde_json::json!({ "socket": dir.join("node.sock") });
    fs::write(config_file, serde_json::to_vec_pretty(&config)?)
}
