//! The token service.

use serde_json::{Value, json};

use super::parts::{
    answer, integer, jwt, like, list, nothing, object, one_of, only, text, with_header, with_optional,
};
use super::{Document, Operation};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What the token service answers: the part of Keycloak that is here.
pub(crate) fn document() -> Value {
    let wrong = answer("The path is not as it should be written.", of_oauth(only("missingNormalization")));
    let no_path = ["Unable to find matching target resource method", "HTTP 404 Not Found"];
    let elsewhere = json!({
        "200": nothing("OPTIONS of any path."),
        "400": wrong,
        "404": answer("The service has no such path.", of_http(one_of(&no_path))),
        "405": answer("The path has no such method.", of_http(only("HTTP 405 Method Not Allowed"))),
    });
    let mut document = Document::new(
        "Token service",
        "A realm of Keycloak: tokens for clients by their own credentials, and in exchange for others.",
        elsewhere,
    );
    let uncached = |answer| with_header(answer, "Cache-Control", text());
    let url = || like("^https?://");
    let realm = object([
        ("realm", text()),
        ("public_key", like("^[A-Za-z0-9+/=]+$")),
        ("token-service", url()),
        ("account-service", url()),
        ("tokens-not-before", integer()),
    ]);
    let realm = in_realm("realm", "Shows what anyone may know of the realm.")
        .answers(200, uncached(answer("The realm.", realm)));
    document.add("get", "/realms/{realm}", realm);
    let key = json!({
        "type": "object",
        "required": ["kty", "kid", "alg", "use"],
        "properties": {
            "kty": one_of(&["RSA", "EC", "OKP"]), "kid": text(), "alg": text(), "use": one_of(&["sig", "enc"]),
            "n": text(), "e": text(), "crv": text(), "x": text(), "y": text(),
        },
    });
    let certs = in_realm("certs", "Shows the public keys of its tokens.")
        .answers(200, uncached(answer("A JWK set.", object([("keys", list(key))]))));
    document.add("get", "/realms/{realm}/protocol/openid-connect/certs", certs);
    // Keycloak names more than is here.
    let discovery = json!({
        "type": "object",
        "required": ["issuer", "token_endpoint", "jwks_uri"],
        "properties": {
            "issuer": url(), "token_endpoint": url(), "jwks_uri": url(),
            "grant_types_supported": list(text()),
            "response_types_supported": list(text()),
            "subject_types_supported": list(text()),
            "id_token_signing_alg_values_supported": list(text()),
            "token_endpoint_auth_methods_supported": list(text()),
            "token_endpoint_auth_signing_alg_values_supported": list(text()),
        },
    });
    let discovery = in_realm("discovery", "Tells the realm's endpoints.")
        .answers(200, uncached(answer("The endpoints.", discovery)));
    document.add("get", "/realms/{realm}/.well-known/openid-configuration", discovery);
    document.add("post", "/realms/{realm}/protocol/openid-connect/token", token());
    document.finished()
}

fn token() -> Operation {
    let names = [
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "scope",
        "audience",
        "subject_token",
        "subject_token_type",
        "requested_token_type",
    ];
    let asked = json!({
        "type": "object",
        "required": ["grant_type"],
        "properties": names.iter().map(|name| ((*name).to_owned(), text()))
            .chain([("grant_type".to_owned(), one_of(&["client_credentials", EXCHANGE]))])
            .collect::<serde_json::Map<_, _>>(),
    });
    let of_type = |kind: &str| only(format!("urn:ietf:params:oauth:token-type:{kind}"));
    let given = with_optional(
        [
            ("access_token", jwt()),
            ("expires_in", integer()),
            ("refresh_expires_in", only(0)),
            ("token_type", one_of(&["Bearer", "N_A"])),
            ("not-before-policy", integer()),
            ("scope", text()),
        ],
        [
            ("id_token", jwt()),
            ("issued_token_type", json!({ "anyOf": [of_type("access_token"), of_type("id_token")] })),
        ],
    );
    let refused =
        |description: &str, errors: &[&str]| uncacheable(answer(description, of_oauth(one_of(errors))));
    let bad = [
        "invalid_client",
        "invalid_request",
        "invalid_grant",
        "invalid_scope",
        "unsupported_grant_type",
        "unauthorized_client",
    ];
    let unknown = ["invalid_client", "unauthorized_client", "invalid_request"];
    in_realm("token", "Gives a token to a client.")
        .body(true, "application/x-www-form-urlencoded", asked)
        .answers(200, uncacheable(answer("A token.", given)))
        .answers(400, refused("The request is not good.", &bad))
        .answers(401, refused("The client is not known, or not by this credential.", &unknown))
        .answers(403, refused("It is not permitted.", &["access_denied", "invalid_request"]))
        .answers(413, answer("The body is too long.", of_http(text())))
        .answers(500, answer("The body is no form.", of_oauth(only("unknown_error"))))
}

fn in_realm(id: &str, summary: &str) -> Operation {
    Operation::new(id, summary)
        .at("realm")
        .answers(403, answer("The realm is for TLS only.", of_oauth(only("invalid_request"))))
        .answers(404, answer("There is no such realm.", of_http(only("Realm does not exist"))))
}

fn of_oauth(error: Value) -> Value {
    object([("error", error), ("error_description", text())])
}

fn of_http(error: Value) -> Value {
    object([("error", error)])
}

/// The answer of a path that issues tokens.
fn uncacheable(answer: Value) -> Value {
    with_header(answer, "Cache-Control", only("no-store"))
}
