//! The config service.

use serde_json::{Value, json};

use super::parts::{
    answer, described, elsewhere, integer, integer_or_null, like, list, named, object, one_of, only,
    refusal_like, text, text_or_null, unprocessable,
};
use super::{Document, Operation};
use crate::home::Home;

/// What the config service of a home answers.
pub(crate) fn document(home: Home) -> Value {
    let what = "The config service, port 7700: it tells where the services of a home are.";
    let mut document = Document::new("Jarvis config service", described(home, what), elsewhere(home));
    document.schema("Service", service());
    let info = object([("service", only("jarvis-config-service"))]);
    let info =
        Operation::new("info", "Says which service this is.").answers(200, answer("It is this one.", info));
    document.add("get", "/info", info);
    let health = Operation::new("health", "Says that the process runs.")
        .answers(200, answer("It runs.", object([("status", only("ok"))])));
    document.add("get", "/health", health);
    let all = object([("services", list(named("Service")))]);
    let list =
        asked("list_services", "Lists the services, by name.").answers(200, answer("The services.", all));
    document.add("get", "/services", list);
    let show = asked("show_service", "Shows a service.")
        .at("name")
        .answers(200, answer("The service.", named("Service")))
        .answers(404, refusal_like("There is no such service.", "^Service '.*' not found$"));
    document.add("get", "/services/{name}", show);
    document.finished()
}

/// An operation whose addresses are written for the caller.
fn asked(id: &str, summary: &str) -> Operation {
    Operation::new(id, summary)
        .query("style", one_of(&["default", "dockerized", "remote", "external"]))
        .query("remote_host", text())
        .answers(422, unprocessable())
}

fn service() -> Value {
    let port = || json!({ "type": "integer", "minimum": 1, "maximum": 65535 });
    // SQLite's milliseconds, or Postgres' microseconds; none where there are none.
    let moment = || like(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?$");
    object([
        ("name", text()),
        ("host", text()),
        ("port", port()),
        ("scheme", one_of(&["http", "https", "mqtt"])),
        ("health_path", text_or_null()),
        ("description", text_or_null()),
        ("id", integer()),
        ("url", like("^[a-z]+://.+:[0-9]+$")),
        ("external_host", text_or_null()),
        ("external_port", integer_or_null()),
        ("created_at", moment()),
        ("updated_at", moment()),
    ])
}
