//! An STS by the names of the services' variables: in the environment, and in a file in the form of SmartEM's agent.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use test_support::waiting::until;

use super::rig::{Rig, uid};

/// A request that names no audience.
const TOKEN: &str = "/v1/token";

/// The lines of an env file for the rig's STS, with this secret.
fn lines(rig: &Rig, secret: &str) -> String {
    let (url, realm) = rig.sts.issuer().split_once("/realms/").unwrap();
    format!(
        "# SmartEM\r\nKEYCLOAK_URL={url}/\r\nKEYCLOAK_REALM = {realm}\r\nKEYCLOAK_CLIENT_ID=jarvis-node\r\n\
         KEYCLOAK_CLIENT_SECRET={secret}\r\n"
    )
}

/// A rig whose `sts` is in an env file; the user of this test may have tokens without an audience.
fn with_env_file() -> Rig {
    let rig = Rig::new();
    rig.node.write_secret("agent.env", &lines(&rig, "jarvis-node-secret"));
    rig.node.configure("sts", json!({"env_file": "agent.env", "audiences": {"": {"users": [uid()]}}}));
    rig
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

/// The first warning with this code.
fn warning(rig: &Rig, code: &str) -> Option<String> {
    let warnings = rig.node.status()["warnings"].take();
    let found = warnings.as_array()?.iter().find(|one| one["code"] == code)?;
    Some(format!("{} {}", found["message"], found["fix"]))
}

#[test]
fn env_file_gives_tokens_without_an_audience() {
    let rig = with_env_file();
    let mut daemon = rig.daemon();
    let said = daemon.logs("as sts.env_file says");
    daemon.comes_to("valid");
    assert!(said.contains(rig.sts.issuer()) && !said.contains("jarvis-node-secret"), "{said}");
    for target in [TOKEN, "/v1/token?audience="] {
        let answer = rig.get(target);
        assert_eq!((answer.status, &answer.body["audience"]), (200, &json!("")), "{answer:?}");
        let claims = claims(answer.token());
        assert_eq!((&claims["azp"], &claims["iss"]), (&json!("jarvis-node"), &json!(rig.sts.issuer())));
    }
    assert_eq!(rig.get("/v1/token?audience=arp-run-gateway").brief(), (403, "audience_not_configured"));
    let done = rig.command("token").output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap().trim(), rig.get(TOKEN).token());
    assert_eq!(rig.sts.token_requests(), 1);
}

#[test]
fn secret_in_the_env_file_rotates_by_its_replacement() {
    let rig = with_env_file();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    assert_eq!(rig.get(TOKEN).status, 200);
    rig.sts.set_secret("jarvis-node", "s3cond").unwrap();
    rig.node.write_secret("agent.env", &lines(&rig, "s3cond"));
    let first = rig.sts.token_requests();
    until("the new secret is used", || rig.get(TOKEN).status == 200 && rig.sts.token_requests() > first);
    assert_eq!(rig.node.status()["warnings"], json!([]));
}

#[test]
fn env_file_that_cannot_be_used_costs_tokens_alone() {
    let rig = with_env_file();
    let path = rig.node.path("agent.env");
    let sound = lines(&rig, "jarvis-node-secret");
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    for (text, mode, says) in [
        (
            sound.replace("=jarvis-node-secret", "=\"jarvis-node-secret\""),
            0o600,
            "has quotes around its value",
        ),
        (sound.replace("KEYCLOAK_URL", "export KEYCLOAK_URL"), 0o600, "KEYCLOAK_URL has export before it"),
        (sound.replace("KEYCLOAK_REALM", "REALM"), 0o600, "are set: KEYCLOAK_REALM"),
        (sound.clone(), 0o644, "chmod 600"),
    ] {
        rig.node.write_secret("agent.env", &text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        until("it is warned of", || warning(&rig, "sts").is_some_and(|told| told.contains(says)));
        let told = warning(&rig, "sts").unwrap();
        assert!(told.contains("agent.env") && !told.contains("jarvis-node-secret"), "{told}");
        assert_eq!(rig.node.status()["outcome"], "valid");
        let check = rig.command("check").arg("--json").output().unwrap();
        let view: Value = serde_json::from_slice(&check.stdout).unwrap();
        assert_eq!((check.status.code(), &view["warnings"][0]["code"]), (Some(0), &json!("sts")), "{view}");
        assert!(!view.to_string().contains("jarvis-node-secret"), "{view}");
        rig.node.write_secret("agent.env", &sound);
        until("the warning goes", || rig.node.status()["warnings"] == json!([]));
    }
    assert_eq!(rig.get(TOKEN).status, 200);
}

#[test]
fn each_family_of_variables_gives_tokens() {
    for family in [
        [("ARP_AUTH_ISSUER", 0), ("ARP_AUTH_CLIENT_ID", 2), ("ARP_AUTH_CLIENT_SECRET", 3), ("UNUSED", 0)],
        [("KEYCLOAK_URL", 4), ("KEYCLOAK_REALM", 1), ("AGENT_CLIENT_ID", 2), ("AGENT_CLIENT_SECRET", 3)],
        [
            ("KEYCLOAK_URL", 4),
            ("KEYCLOAK_REALM", 1),
            ("KEYCLOAK_CLIENT_ID", 2),
            ("KEYCLOAK_CLIENT_SECRET", 3),
        ],
        [
            ("ARP_AUTH_TOKEN_ENDPOINT", 5),
            ("ARP_AUTH_CLIENT_ID", 2),
            ("ARP_AUTH_CLIENT_SECRET", 3),
            ("UNUSED", 0),
        ],
    ] {
        let rig = Rig::new();
        rig.node.configure("sts", Value::Null);
        let (url, realm) = rig.sts.issuer().split_once("/realms/").unwrap();
        let endpoint = rig.sts.token_endpoint();
        let values = [rig.sts.issuer(), realm, "jarvis-node", "jarvis-node-secret", url, &endpoint];
        let mut command = rig.command("run");
        command.envs(family.map(|(name, value)| (name, values[value])));
        let mut daemon = rig.daemon_by(&mut command);
        daemon.comes_to("valid");
        let unchecked = warning(&rig, "unchecked_tokens").is_some();
        assert_eq!(unchecked, family[0].0 == "ARP_AUTH_TOKEN_ENDPOINT", "{family:?}");
        assert_eq!(
            rig.node.status()["warnings"].as_array().unwrap().len(),
            usize::from(unchecked),
            "{family:?}"
        );
        let answer = rig.get(TOKEN);
        assert_eq!(answer.status, if uid() == 0 { 200 } else { 403 }, "{family:?}: {answer:?}");
    }
}

#[test]
fn token_endpoint_without_issuer_works_and_is_warned_of() {
    let rig = Rig::new();
    let endpoint = rig.sts.token_endpoint();
    let variables = format!(
        "ARP_AUTH_TOKEN_ENDPOINT={endpoint}\nARP_AUTH_CLIENT_ID=jarvis-node\nARP_AUTH_CLIENT_SECRET=jarvis-node-secret\n"
    );
    rig.node.write_secret("agent.env", &variables);
    rig.node.configure("sts", json!({"env_file": "agent.env", "audiences": {"": {"users": [uid()]}}}));
    rig.fault("token-wrong-iss");
    let mut daemon = rig.daemon();
    let said = daemon.logs("as sts.env_file says");
    assert!(said.contains(&endpoint), "{said}");
    daemon.comes_to("valid");
    assert_eq!(rig.get(TOKEN).status, 200);
    let told = warning(&rig, "unchecked_tokens").expect("a warning");
    assert!(
        told.contains("issuer of tokens is not checked") && told.contains("Set ARP_AUTH_ISSUER"),
        "{told}"
    );
    assert_eq!(rig.get("/v1/health").body["status"], "ok", "it is what is configured");
    let check = rig.command("check").output().unwrap();
    let told = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success() && told.contains("issuer of tokens is not checked"), "{told}");
}

#[test]
fn opaque_tokens_are_given_out_and_told_as_unchecked() {
    let rig = Rig::new();
    rig.rules(&json!({"arp-run-gateway": {"users": [uid()], "opaque": true}}));
    rig.fault("token-not-jwt");
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let answer = rig.get(TOKEN);
    assert_eq!((answer.status, answer.token().contains('.')), (200, false), "{answer:?}");
    assert_eq!(rig.get(TOKEN).token(), answer.token(), "it is kept");
    let told = warning(&rig, "unchecked_tokens").expect("a warning");
    assert!(told.contains("tokens for arp-run-gateway are opaque: nothing of them is checked"), "{told}");
    assert_eq!(rig.get("/v1/health").body["status"], "ok", "it is what is configured");
}

#[test]
fn mixture_of_variables_is_a_warning_and_no_more() {
    let rig = Rig::new();
    rig.node.configure("sts", Value::Null);
    let arp = [
        ("ARP_AUTH_ISSUER", "https://a.home/r"),
        ("ARP_AUTH_CLIENT_ID", "a"),
        ("ARP_AUTH_CLIENT_SECRET", "s3cret"),
    ];
    let place = [("KEYCLOAK_URL", "https://k.home"), ("KEYCLOAK_REALM", "dls")];
    let agent = [("AGENT_CLIENT_ID", "a"), ("AGENT_CLIENT_SECRET", "s3cret")];
    let smartem = [("KEYCLOAK_CLIENT_ID", "a"), ("KEYCLOAK_CLIENT_SECRET", "s3cret")];
    for (set, says) in [
        (&[&place[..1]][..], "KEYCLOAK_REALM, AGENT_CLIENT_ID, AGENT_CLIENT_SECRET; or"),
        (&[&smartem], "KEYCLOAK_URL, KEYCLOAK_REALM"),
        (&[&place, &smartem[1..]], "are set: KEYCLOAK_CLIENT_ID"),
        (&[&arp, &place, &agent], "ARP_AUTH_CLIENT_ID and AGENT_CLIENT_ID are both set"),
        (&[&place, &agent, &smartem], "AGENT_CLIENT_ID and KEYCLOAK_CLIENT_ID are both set"),
        (&[&arp, &place], "not used for tokens: KEYCLOAK_URL, KEYCLOAK_REALM"),
        (&[&place, &smartem, &arp[1..]], "not used for tokens: ARP_AUTH_CLIENT_ID, ARP_AUTH_CLIENT_SECRET"),
    ] {
        let check = rig.command("check").arg("--json").envs(set.concat()).output().unwrap();
        let view: Value = serde_json::from_slice(&check.stdout).unwrap();
        assert_eq!((check.status.code(), &view["outcome"]), (Some(0), &json!("valid")), "{view}");
        assert_eq!(
            (view["warnings"].as_array().unwrap().len(), &view["warnings"][0]["code"]),
            (1, &json!("tokens"))
        );
        assert!(view.to_string().contains(says) && !view.to_string().contains("s3cret"), "{says}: {view}");
    }
}
