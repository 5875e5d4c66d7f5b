//! What a node learns at the command center while the auth service is away, and for how long afterwards.

use crate::client::Ask;
use server_stub::{Home, Model, Options, Stub};

use super::command_center::{access_token, heartbeat, plain};

#[test]
fn outage_is_a_401_of_python_for_a_minute_after_it() {
    let stub = plain(Home::Python);
    stub.auth().go_down();
    let away = heartbeat(&stub, "{}");
    assert_eq!(away.status, 401);
    assert_eq!(away.text("detail"), "Auth service unavailable: [Errno 111] Connection refused");
    stub.auth().come_back().expect("the same address");
    assert_eq!(heartbeat(&stub, "{}").body, away.body, "it is remembered");
    stub.forget_verdicts();
    assert_eq!(heartbeat(&stub, "{}").status, 200);
}

#[test]
fn good_answer_of_python_outlives_key_and_node_for_a_minute() {
    for (home, status) in [(Home::Python, 200), (Home::Jarvisd, 401)] {
        let stub = plain(home);
        assert_eq!(heartbeat(&stub, "{}").status, 200);
        assert!(stub.deactivate("kitchen-pi"));
        assert_eq!(heartbeat(&stub, "{}").status, status, "{home}");
        stub.forget_verdicts();
        assert_eq!(heartbeat(&stub, "{}").text("detail"), "Node is inactive", "{home}");
    }
}

#[test]
fn outage_of_jarvisd_is_a_500_and_not_remembered() {
    let stub = plain(Home::Jarvisd);
    stub.set_faults("auth-error-500".parse().expect("a fault")).expect("set");
    let failed = heartbeat(&stub, "{}");
    assert_eq!((failed.status, failed.body.as_str()), (500, "{\"detail\":\"Internal Server Error\"}\n"));
    stub.set_faults("".parse().expect("none")).expect("set");
    assert_eq!(heartbeat(&stub, "{}").status, 200);
}

#[test]
fn faults_of_the_auth_service_show_at_pythons_command_center() {
    for (fault, detail) in [
        ("refused", "Auth service unavailable: [Errno 111] Connection refused"),
        ("status-503", "Auth service error: 503"),
        ("close-after-request", "Auth service unavailable: Server disconnected without sending a response."),
    ] {
        let stub = plain(Home::Python);
        stub.auth().set_faults(fault.parse().expect("a fault")).expect("set");
        let answer = heartbeat(&stub, "{}");
        assert_eq!((answer.status, answer.text("detail").as_str()), (401, detail), "{fault}");
    }
}

#[test]
fn python_asks_the_auth_service_and_jarvisd_does_not() {
    for (home, asked) in [(Home::Python, 1), (Home::Jarvisd, 0)] {
        let stub = plain(home);
        assert_eq!(heartbeat(&stub, "{}").status, 200);
        assert_eq!(heartbeat(&stub, "{}").status, 200);
        assert_eq!((stub.heartbeats(), stub.validations()), (2, asked), "{home}");
    }
}

#[test]
fn home_that_is_down_forgets_and_comes_back() {
    let options = Options { tls: false, model: Model::INSTANT, ..Options::default() };
    let stub = Stub::start(options).expect("a stub");
    stub.go_down();
    let refused = std::net::TcpStream::connect(stub.command_center().addr());
    assert!(refused.is_err());
    stub.come_back().expect("the same addresses");
    assert_eq!(heartbeat(&stub, "{}").status, 200);
    assert_eq!(Ask::get("/health").of(&stub).status, 200);
}

#[test]
fn python_takes_a_good_access_token_for_a_bad_one_in_an_outage() {
    let stub = plain(Home::Python);
    let bearer = format!("Bearer {}", access_token(&stub));
    let body = format!("{{\"household_id\":\"{}\"}}", stub.household_id());
    let mint = Ask::post("/api/v0/provisioning/token", body).header("Authorization", &bearer);
    stub.auth().go_down();
    let refused = mint.at(stub.command_center());
    assert_eq!((refused.status, refused.text("detail").as_str()), (401, "Invalid or expired JWT"));
    stub.auth().come_back().expect("the same address");
    assert_eq!(mint.at(stub.command_center()).status, 201);
}
