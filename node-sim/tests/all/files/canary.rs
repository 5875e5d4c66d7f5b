//! A secret in the wrong place of the configuration is told to nobody.

use std::fs;

use serde_json::{Value, json};
use test_support::daemon::Daemon;
use test_support::process::run_to_end;
use test_support::rig::Rig;

const CANARY: &str = "c4nary";

/// Secrets of several forms, each with the canary in it.
fn secrets() -> [String; 7] {
    [
        format!("{CANARY}-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBw"),
        format!("K7gNU3/{CANARY}/sdo+OL0wNhqoVWhr3g6s1xYv72ol="),
        format!("/{CANARY}/pe+Unols="),
        format!("eyJhbGciOiJub25lIn0.eyJzdWIiOiI{CANARY}.AAAAAAAAAAAAAAAA"),
        format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"),
        format!("{{\"node_id\":\"kitchen-pi\",\"node_key\":\"{CANARY}\"}}"),
        format!("{CANARY}\u{202e}\n\u{1b}[2J, expected {CANARY}"),
    ]
}

/// The keys of a configuration, as paths into it, and whether any text is a right value.
const KEYS: [(&str, bool); 28] = [
    ("/auth_url", false),
    ("/service_id", true),
    ("/app_id", true),
    ("/app_key_file", false),
    ("/via", false),
    ("/credential_file", false),
    ("/state_file", false),
    ("/status_file", false),
    ("/ca_file", false),
    ("/spki_pins", false),
    ("/client_cert_file", false),
    ("/client_key_file", false),
    ("/allow_http", false),
    ("/led", false),
    ("/revalidate_secs", false),
    ("/offline_grace_secs", false),
    ("/start_splay_secs", false),
    ("/connect_timeout_secs", false),
    ("/request_timeout_secs", false),
    ("/sts", false),
    ("/sts/issuer", false),
    ("/sts/token_endpoint", false),
    ("/sts/client_id", true),
    ("/sts/client_secret_file", false),
    ("/sts/env_file", false),
    ("/sts/auth_method", false),
    ("/sts/ca_file", false),
    ("/broker/socket", false),
];

fn node() -> Rig {
    let rig = Rig::new();
    rig.write_secret("sts.secret", "secret of the STS\n");
    rig.edit(|config| {
        config.insert("led".into(), "none".into());
        config.insert("status_file".into(), "status.json".into());
        config.insert("state_file".into(), "state.json".into());
        config.insert("broker".into(), json!({"socket": "node.sock"}));
        config.insert(
            "sts".into(),
            json!({
                "issuer": "https://sts.home/r", "client_id": "c", "client_secret_file": "sts.secret",
                "audiences": {"a": {}},
            }),
        );
    });
    rig
}

/// The configuration with `value` at `key`.
fn with(config: &Value, key: &str, value: &Value) -> Value {
    let mut config = config.clone();
    let (object, name) = key.rsplit_once('/').unwrap();
    config.pointer_mut(object).unwrap()[name] = value.clone();
    config
}

#[test]
fn secret_in_a_wrong_place_is_never_quoted() {
    let rig = node();
    let right: Value = serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap();
    let mut told = 0;
    for (key, any_text) in KEYS {
        let texts = secrets().map(Value::from);
        let others =
            [json!([CANARY]), json!({"value": CANARY}), json!([{"x": [CANARY]}]), json!({"gpio": CANARY})];
        for value in texts.iter().filter(|_| !any_text).chain(&others) {
            fs::write(rig.config(), with(&right, key, value).to_string()).unwrap();
            let command = |format: &[&str]| {
                let mut command = rig.command("check");
                run_to_end(command.args(format).env("JARVIS_NODE_LOG", "debug"))
            };
            for (_, out, err) in [command(&["--json"]), command(&[])] {
                assert!(!out.contains(CANARY) && !err.contains(CANARY), "{key} {value}: {out}{err}");
                told += usize::from(out.contains(key.rsplit('/').next().unwrap()) || out.contains("line "));
            }
        }
    }
    // Most of these name their place.
    assert!(told > 300, "{told}");
}

/// Configurations with `secret` where any text is right, or a name of something else.
fn with_names(right: &Value, secret: &str) -> Vec<(&'static str, Value)> {
    let rule =
        json!({"users": [secret], "groups": [secret], "azp": [secret], "scope": secret, "exchange": false});
    let mut audience = with(right, "/sts/audiences", &json!({ (secret): rule }));
    audience["sts"]["client_id"] = secret.into();
    let nested = with(right, "/sts/audiences", &json!({"a": { (secret): [] }}));
    let mut unknown = right.clone();
    unknown[secret] = secret.into();
    let led = with(right, "/led", &json!({ "sysfs": secret }));
    let led_key = with(right, "/led", &json!({ (secret): 17 }));
    let broker = with(right, "/broker", &json!({ (secret): "x" }));
    let mut app = with(right, "/app_id", &secret.into());
    app["service_id"] = secret.into();
    vec![
        ("audience", audience),
        ("rule", nested),
        ("key", unknown),
        ("led", led),
        ("led key", led_key),
        ("broker", broker),
        ("app", app),
    ]
}

#[test]
fn secret_as_a_name_is_never_quoted() {
    let rig = node();
    let right: Value = serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap();
    for secret in secrets() {
        for (what, config) in with_names(&right, &secret) {
            fs::write(rig.config(), config.to_string()).unwrap();
            let (_, out, err) = run_to_end(rig.command("check").env("JARVIS_NODE_LOG", "debug"));
            assert!(!out.contains(CANARY) && !err.contains(CANARY), "{what} {secret}: {out}{err}");
        }
    }
    // And where the daemon runs with it, the callers of its socket.
    let secret = &secrets()[0];
    for (what, config) in with_names(&right, secret) {
        fs::write(rig.config(), config.to_string()).unwrap();
        let mut daemon = Daemon::start(rig.command("run").env("JARVIS_NODE_LOG", "debug"));
        daemon.comes_to(match what {
            "key" => "setup",
            "app" => "app-rejected",
            _ => "valid",
        });
        let (_, out, err) = run_to_end(&mut rig.command("status"));
        let mut token = rig.command("token");
        let (_, token_out, token_err) =
            run_to_end(token.args(["--audience", "a"]).env("JARVIS_NODE_LOG", "debug"));
        let (_, _, log) = daemon.end();
        let all = [out, err, token_out, token_err, log.join("\n")].join("\n");
        assert!(!all.contains(CANARY), "{what}: {all}");
    }
}

#[test]
fn daemon_with_a_misplaced_secret_never_tells_it() {
    for key in
        ["/app_key_file", "/credential_file", "/status_file", "/sts/client_secret_file", "/broker/socket"]
    {
        for value in [json!(secrets()[0]), json!([CANARY])] {
            let rig = node();
            let right: Value = serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap();
            fs::write(rig.config(), with(&right, key, &value).to_string()).unwrap();
            let mut daemon = Daemon::start(rig.command("run").env("JARVIS_NODE_LOG", "debug"));
            let outcome =
                if key.starts_with("/sts") || key.starts_with("/broker") { "valid" } else { "setup" };
            daemon.comes_to(outcome);
            let (_, out, err) = run_to_end(&mut rig.command("status"));
            let (_, _, log) = daemon.end();
            let all = [out, err, log.join("\n")].join("\n");
            assert!(!all.contains(CANARY), "{key}: {all}");
            let names = fs::read_dir(rig.dir.path()).unwrap();
            assert!(
                !names.into_iter().any(|file| file.unwrap().file_name().to_string_lossy().contains(CANARY))
            );
        }
    }
}
