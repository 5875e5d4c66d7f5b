//! The services' OpenAPI documents: where they are served, and that what is served and what was recorded is as they say.

use serde_json::Value;
use server_stub::{
    AuthMode, Backend, BackendOptions, Home, InboundSettings, Options, Server, ServerOptions, Stub,
};
use test_support::described::Described;

use crate::client::{Answer, Ask, Connection};
use crate::run::rig::Rig;

mod recorded;

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "PATCH", "QUERY"];

fn household(home: Home) -> Stub {
    Stub::start(Options { home, tls: false, ..Options::default() }).expect("a stub")
}

fn get(server: &Server, path: &str) -> Answer {
    Connection::plain(server.addr()).ask(&Ask::get(path))
}

/// The services of a home.
fn services(stub: &Stub) -> [(&'static str, &Server); 4] {
    [
        ("auth", stub.auth()),
        ("command-center", stub.command_center()),
        ("config-service", stub.config()),
        ("logs", stub.logs()),
    ]
}

/// The document that is kept under this name.
fn document(name: &str) -> Value {
    let found = server_stub::documents().into_iter().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("no document is called {name}")).1
}

#[test]
fn python_services_serve_their_documents_as_fastapi() {
    let stub = household(Home::Python);
    for (name, server) in services(&stub) {
        let document = document(&format!("{name}.python.json"));
        for path in ["/openapi.json", "/__stub/openapi.json"] {
            let answer = get(server, path);
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
            assert_eq!(answer.json(), document, "{name} {path}");
        }
    }
}

#[test]
fn jarvisd_has_no_document_but_the_stub_has() {
    let stub = household(Home::Jarvisd);
    for (name, server) in services(&stub) {
        assert_eq!(get(server, "/openapi.json").body, "404 page not found\n");
        let served = get(server, "/__stub/openapi.json").json();
        assert_eq!(served, document(&format!("{name}.jarvisd.json")), "{name}");
    }
}

#[test]
fn document_is_served_whatever_the_faults_are() {
    let stub = household(Home::Python);
    stub.set_faults("status-503".parse().expect("a fault")).expect("set");
    assert_eq!(get(stub.auth(), "/openapi.json").status, 503);
    assert_eq!(get(stub.auth(), "/__stub/openapi.json").status, 200);
}

/// Asks with each method at each path of the document that a server serves. Other paths are compared with the router's
/// where that is (`src/stub/routes_tests.rs`).
fn check_methods(server: &Server, token: &str) {
    let described = Described::new(get(server, "/__stub/openapi.json").json());
    for path in described.paths() {
        let asked = path.replace(['{', '}'], "");
        for method in METHODS {
            // What is cancelled by one method is by the others a run of that id.
            if path.ends_with(":cancel") && method != "POST" {
                continue;
            }
            let ask = Ask::new(method, &asked).header("Authorization", &format!("Bearer {token}"));
            let answer = Connection::plain(server.addr()).ask(&ask);
            let is_served = !matches!(described.elsewhere(&answer), Some(404 | 405));
            let is_described = described.operation(method, &asked).is_some();
            assert_eq!(is_served, is_described, "{method} {path}: {answer:?}");
            described.check(method, &asked, &answer).unwrap_or_else(|why| panic!("{why}"));
        }
    }
}

#[test]
fn methods_of_each_homes_paths_are_those_described() {
    for home in [Home::Python, Home::Jarvisd] {
        let stub = household(home);
        for (_, server) in services(&stub) {
            check_methods(server, "none");
        }
    }
}

#[test]
fn methods_of_the_other_services_are_those_described() {
    let rig = Rig::new();
    check_methods(rig.sts.server(), "none");
    check_methods(rig.gateway.server(), &rig.token());
    let token = rig.sts.token(&serde_json::json!({ "aud": "arp-run-coordinator" }));
    check_methods(rig.coordinator.server(), &token);
    let options = BackendOptions {
        server: ServerOptions::default(),
        inbound: InboundSettings { mode: AuthMode::Disabled, ..InboundSettings::smartem(rig.sts.issuer()) },
        authorities: Vec::new(),
    };
    check_methods(Backend::start(options).expect("a backend").server(), "none");
}

#[test]
fn answers_of_a_run_are_as_described() {
    let rig = Rig::new();
    let described = Described::new(document("run-gateway.json"));
    let check = |method: &str, path: &str, answer: &Answer| {
        described.check(method, path, answer).unwrap_or_else(|why| panic!("{why}"));
    };
    check("POST", "/v1/runs", &rig.start("r"));
    check("POST", "/v1/runs", &rig.start("r"));
    check("POST", "/v1/runs", &rig.ask(Ask::post("/v1/runs", "{}")));
    check("GET", "/v1/runs/r", &get(rig.gateway.server(), "/v1/runs/r"));
    for path in ["/v1/health", "/v1/version", "/v1/runs/r", "/v1/runs/none", "/v1/nothing"] {
        check("GET", path, &rig.get(path));
    }
    check("POST", "/v1/runs/r:cancel", &rig.ask(Ask::new("POST", "/v1/runs/r:cancel")));
    let events = rig.get("/v1/runs/r/events");
    check("GET", "/v1/runs/r/events", &events);
    assert!(events.body.lines().count() > 1, "{events:?}");
    for line in events.body.lines() {
        let event = serde_json::from_str(line).expect("JSON");
        described.check_schema("Event", &event).unwrap_or_else(|why| panic!("{why}: {line}"));
    }
}
