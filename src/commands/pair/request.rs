//! What a phone asks for, read from the bytes that have arrived so far (docs/wire/jarvis-home.md, "What a node serves the
//! phone").

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::broker::{Body, Head, MAX_FIELDS, Refusal, Text};
use crate::files::json;

/// A whole request.
pub(super) enum Request {
    /// `GET /api/v1/info`.
    Info,
    /// `GET /api/v1/scan-networks`.
    Networks,
    /// `GET /api/v1/status`.
    Status,
    /// `POST /api/v1/provision`.
    Provision(Form),
    /// `POST /api/v1/provision/k2`.
    K2(Form),
    /// `POST /api/v1/factory-reset`.
    FactoryReset,
}

/// The fields of a request that this node has a use for. The others, such as the Wi-Fi password and the key K2, are skipped
/// without a copy.
pub(super) struct Form {
    pub(super) node_id: Option<Zeroizing<String>>,
    pub(super) kid: Option<Zeroizing<String>>,
    pub(super) room: Option<Zeroizing<String>>,
    pub(super) command_center_url: Option<Zeroizing<String>>,
    pub(super) config_service_url: Option<Zeroizing<String>>,
    pub(super) provisioning_token: Option<Zeroizing<String>>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    node_id: Option<Text<'a>>,
    #[serde(borrow)]
    kid: Option<Text<'a>>,
    #[serde(borrow)]
    room: Option<Text<'a>>,
    #[serde(borrow)]
    command_center_url: Option<Text<'a>>,
    #[serde(borrow)]
    config_service_url: Option<Text<'a>>,
    #[serde(borrow)]
    provisioning_token: Option<Text<'a>>,
}

/// The request of which `bytes` have arrived so far; `None` if some of it is missing.
///
/// # Errors
/// As soon as it is certain that the request will be refused.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let Some((head, arrived)) = Head::read(bytes, &mut fields)? else { return Ok(None) };
    let (path, _) = head.path_and_query();
    let Some(path) = path.strip_prefix("/api/v1/") else { return Err(unknown()) };
    let (method, ready) = match path {
        "info" => ("GET", Some(Request::Info)),
        "scan-networks" => ("GET", Some(Request::Networks)),
        "status" => ("GET", Some(Request::Status)),
        "factory-reset" => ("POST", Some(Request::FactoryReset)),
        "provision" | "provision/k2" => ("POST", None),
        _ => return Err(unknown()),
    };
    if head.method != method {
        return Err(Refusal::new(405, "method_not_allowed", format!("{path} is asked for with {method}")));
    }
    if ready.is_some() {
        return Ok(ready);
    }
    let Body::Whole(body) = head.body(arrived)? else { return Ok(None) };
    // Without serde's message, which could quote a secret.
    let fields: Fields<'_> = json::object(&body).map_err(|e| {
        Refusal::bad_request(format!(
            "the body is no object of JSON with text in its fields (see column {})",
            e.column()
        ))
    })?;
    let keep = |field: Option<Text<'_>>| field.map(Text::keep);
    let form = Form {
        node_id: keep(fields.node_id),
        kid: keep(fields.kid),
        room: keep(fields.room),
        command_center_url: keep(fields.command_center_url),
        config_service_url: keep(fields.config_service_url),
        provisioning_token: keep(fields.provisioning_token),
    };
    Ok(Some(if path == "provision" { Request::Provision(form) } else { Request::K2(form) }))
}

fn unknown() -> Refusal {
    Refusal::new(404, "not_found", "there are info, scan-networks, status and provision below /api/v1")
}
