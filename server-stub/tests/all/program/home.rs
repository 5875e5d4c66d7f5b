//! The program as a home: what it announces, and what its folder is good for.

use std::fs;

use super::services::{Program, asked};
use crate::client::{Ask, Connection};

#[test]
fn jarvisd_is_announced_and_its_folder_opens_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let key = [("ADMIN_API_KEY", "an-admin-api-key")];
    let program =
        Program::start(dir, &["--only", "home", "--home", "jarvisd", "--control", "127.0.0.1:0"], &key);
    assert_eq!((program.url("home"), program.line().get("sts")), ("jarvisd", None));
    let center = program.url("command_center");
    let read = |name: &str| fs::read_to_string(dir.join(name)).expect("a file").trim().to_owned();
    let credential: serde_json::Value = serde_json::from_str(&read("credential.json")).expect("JSON");
    let shown = format!("kitchen-pi:{}", credential["node_key"].as_str().expect("a key"));
    let beat = || {
        let ask = Ask::post("/api/v0/admin/nodes/heartbeat", "{}").header("X-API-Key", &shown);
        asked(dir, center, &ask)
    };
    assert_eq!(beat().body, "{\"status\":\"ok\"}\n");

    // An update is queued at the control address, in plain HTTP.
    let control = program.url("command_center_control");
    let control = control.strip_prefix("http://").and_then(|url| url.strip_suffix("/__stub/faults"));
    let control = control.expect("a URL").parse().expect("an address");
    let update = "{\"node_id\":\"kitchen-pi\",\"target_version\":\"1.2.3\"}";
    let update = Ask::post("/__stub/updates", update).header("X-Jarvis-Admin-Token", &read("admin.token"));
    assert_eq!(Connection::plain(control).ask(&update).status, 201);
    assert_eq!(beat().json()["pending_update"]["target_version"], "1.2.3");

    // A member logs in with the password in the folder, and gets a token for a node.
    let body =
        serde_json::json!({ "email": "member@example.com", "password": read("member.password") }).to_string();
    let bearer = asked(dir, program.url("url"), &Ask::post("/auth/login", body)).text("access_token");
    let bearer = format!("Bearer {bearer}");
    let households =
        asked(dir, program.url("url"), &Ask::get("/households").header("Authorization", &bearer));
    let body = serde_json::json!({ "household_id": households.json()[0]["id"] }).to_string();
    let mint = || Ask::post("/api/v0/provisioning/token", body.clone());
    assert_eq!(asked(dir, center, &mint().header("Authorization", &bearer)).status, 201);
    assert_eq!(asked(dir, center, &mint().header("X-API-Key", "an-admin-api-key")).status, 201);
    // Without JARVIS_AUTH_ADMIN_TOKEN nobody is jarvisd's administrator.
    let rotate = Ask::new("POST", "/admin/nodes/kitchen-pi/rotate-key");
    let rotate = rotate.header("X-Jarvis-Admin-Token", &read("admin.token"));
    assert_eq!(asked(dir, program.url("url"), &rotate).status, 401);
}
