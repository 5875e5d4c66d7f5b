//! A token service, a coordinator whose runs are stepped by the test, and a gateway, over plain HTTP.

use serde_json::{Value, json};
use server_stub::jwt::Algorithm;
use server_stub::{
    AuthMode, Coordinator, CoordinatorOptions, Gateway, GatewayOptions, GatewaySettings, InboundSettings,
    Pace, Server, ServerOptions, Sts, StsOptions,
};

use crate::client::{Answer, Ask, Connection};

/// Its keys are generated, unlike RSA keys.
pub(crate) const ALGORITHM: Algorithm = Algorithm::Es256;

pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) coordinator: Coordinator,
    pub(crate) sts: Sts,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn in_mode(mode: AuthMode) -> Self {
        Self::with(|settings| settings.inbound.mode = mode)
    }

    pub(crate) fn with(change: impl FnOnce(&mut GatewaySettings)) -> Self {
        let sts = sts();
        let coordinator = Coordinator::start(CoordinatorOptions {
            inbound: inbound(&sts, "arp-run-coordinator"),
            pace: Pace::ByHand,
            ..CoordinatorOptions::of_realm(sts.issuer())
        });
        let coordinator = coordinator.expect("a coordinator");
        let mut settings = GatewaySettings {
            inbound: inbound(&sts, "arp-run-gateway"),
            ..GatewaySettings::of_realm(sts.issuer(), coordinator.url())
        };
        change(&mut settings);
        let options = GatewayOptions { server: ServerOptions::default(), settings, authorities: Vec::new() };
        Self { gateway: Gateway::start(options).expect("a gateway"), coordinator, sts }
    }

    /// A caller's token, as the token service would issue it.
    pub(crate) fn token(&self) -> String {
        self.sts.token(&json!({ "aud": "arp-run-gateway", "azp": "jarvis-node" }))
    }

    pub(crate) fn ask(&self, ask: Ask) -> Answer {
        asked(self.gateway.server(), &ask.header("Authorization", &format!("Bearer {}", self.token())))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(Ask::get(path))
    }

    pub(crate) fn start(&self, run_id: &str) -> Answer {
        self.ask(Ask::post("/v1/runs", run(run_id)))
    }
}

pub(crate) fn sts() -> Sts {
    Sts::start(StsOptions { algorithm: ALGORITHM, ..StsOptions::default() }).expect("a token service")
}

pub(crate) fn inbound(sts: &Sts, audience: &str) -> InboundSettings {
    InboundSettings { algorithms: vec![ALGORITHM], ..InboundSettings::required(sts.issuer(), audience) }
}

pub(crate) fn asked(server: &Server, ask: &Ask) -> Answer {
    Connection::plain(server.addr()).ask(ask)
}

/// A request to start this run.
pub(crate) fn run(run_id: &str) -> String {
    let reference = json!({ "node_type_id": "say", "version": "1" });
    json!({ "run_id": run_id, "root_node_type_ref": reference, "input": { "say": "hello" } }).to_string()
}

/// A JSON body, which contains no null.
pub(crate) fn body(answer: &Answer) -> Value {
    let body: Value = serde_json::from_str(&answer.body).expect("a JSON body");
    assert!(!answer.body.contains("null"), "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    body
}

/// Status and code of a refusal, whose body is exactly `{"error":{"code","message"}}`.
pub(crate) fn refusal(answer: &Answer) -> (u16, String) {
    let body = body(answer);
    let error = body["error"].as_object().expect("an error");
    assert_eq!(body.as_object().map(|body| body.len()), Some(1), "{body}");
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message"], "{body}");
    (answer.status, error["code"].as_str().expect("a code").to_owned())
}
