//! The life of an update: queued, handed out once, ended.

use crate::client::Ask;
use server_stub::{Home, NotQueued, Stub};

use super::command_center::{access_token, heartbeat, plain};

fn states(stub: &Stub) -> Vec<String> {
    stub.tasks("kitchen-pi").iter().map(|task| task["state"].as_str().expect("a state").to_owned()).collect()
}

#[test]
fn update_is_handed_out_once_and_ends_with_its_version() {
    for home in [Home::Python, Home::Jarvisd] {
        let stub = plain(home);
        let id = stub.queue_update("kitchen-pi", "1.2.3").expect("queued");
        assert_eq!(states(&stub), ["pending"]);
        assert_eq!(heartbeat(&stub, "{\"is_busy\":true}").json(), serde_json::json!({ "status": "ok" }));
        let handed_out = heartbeat(&stub, "{\"is_busy\":false}").json();
        let update = serde_json::json!({ "task_id": id, "target_version": "1.2.3" });
        assert_eq!(handed_out["pending_update"], update, "{home}");
        assert!(heartbeat(&stub, "{}").json().get("pending_update").is_none());
        assert_eq!(states(&stub), ["dispatched"]);
        heartbeat(&stub, "{\"version_info\":{\"version\":\"1.2.3\",\"install_mode\":\"tarball\"}}");
        assert_eq!(states(&stub), ["success"], "{home}");
    }
}

#[test]
fn jarvisd_refuses_updates_that_a_node_would_ignore() {
    let stub = plain(Home::Jarvisd);
    heartbeat(&stub, "{\"version_info\":{\"version\":\"1.2.3\",\"install_mode\":\"docker\"}}");
    let refused = stub.queue_update("kitchen-pi", "1.3.0");
    assert_eq!(refused, Err(NotQueued::InstallMode("docker".to_owned())));
    assert_eq!(stub.queue_update("nobody", "1.3.0"), Err(NotQueued::NoNode));
    let python = plain(Home::Python);
    heartbeat(&python, "{\"version_info\":{\"version\":\"1.2.3\",\"install_mode\":\"docker\"}}");
    assert!(python.queue_update("kitchen-pi", "1.3.0").is_ok());
}

#[test]
fn update_is_queued_over_http_by_the_stubs_administrator() {
    let stub = plain(Home::Python);
    let body = "{\"node_id\":\"kitchen-pi\",\"target_version\":\"1.2.3\"}";
    let ask = || Ask::post("/__stub/updates", body);
    assert_eq!(ask().at(stub.command_center()).status, 401);
    let queued = ask().admin(&stub).at(stub.command_center());
    assert_eq!(queued.status, 201, "{queued:?}");
    let listed = Ask::get("/__stub/updates").admin(&stub).at(stub.command_center()).json();
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&queued.json()["task_id"], &"pending".into()));
    assert_eq!(ask().admin(&stub).at(stub.command_center()).status, 409);
    assert_eq!(Ask::post("/__stub/updates", "{}").admin(&stub).at(stub.command_center()).status, 400);
}

#[test]
fn app_asks_for_an_update_sees_it_and_cancels_it() {
    for home in [Home::Python, Home::Jarvisd] {
        let stub = plain(home);
        let bearer = format!("Bearer {}", access_token(&stub));
        let ask = |method: &str, path: &str, body: &str| {
            let ask = Ask::new(method, path).header("Authorization", &bearer);
            let ask = ask.header("Content-Type", "application/json").body(body);
            ask.at(stub.command_center())
        };
        let path = "/api/v0/nodes/kitchen-pi/update";
        let task = ask("POST", path, "{\"target_version\":\"v1.2.3\"}");
        assert_eq!((task.status, task.text("target_version").as_str()), (200, "1.2.3"), "{home}: {task:?}");
        let id = task.text("id");
        assert_eq!(ask("GET", &format!("/api/v0/tasks/{id}"), "").body, task.body, "{home}");
        assert_eq!(ask("GET", "/api/v0/nodes/kitchen-pi/tasks", "").json()[0]["id"], id.as_str(), "{home}");
        let cancel = format!("/api/v0/nodes/kitchen-pi/tasks/{id}/cancel");
        assert_eq!(ask("POST", &cancel, "").text("error_message"), "Cancelled by user", "{home}");
        assert_eq!(ask("POST", &cancel, "").text("detail"), "Task is already failed", "{home}");
        assert_eq!(Ask::new("POST", path).at(stub.command_center()).status, 401, "{home}");
    }
}

#[test]
fn malformed_body_is_told_in_the_command_centers_shape() {
    for (home, detail) in
        [(Home::Python, "body -> 5: JSON decode error"), (Home::Jarvisd, "body -> 0: JSON decode error")]
    {
        let refused = heartbeat(&plain(home), "{\"a\":}");
        assert_eq!((refused.status, &refused.json()["details"][0]), (400, &detail.into()), "{home}");
    }
}
