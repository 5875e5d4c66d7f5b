//! Client credentials by shared secret, and refusals.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use server_stub::{AudienceRule, Grant, StsOptions};

use super::rig::{ask, checked, encoded, form, json_of, own, post, refusal, start, start_with, token_of};
use crate::client::Ask;

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}

#[test]
fn a_token_has_what_keycloaks_have() {
    let sts = start();
    let answer = own(&sts, &[]);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let said = json_of(&answer);
    assert_eq!(said["token_type"], "Bearer");
    assert_eq!((&said["expires_in"], &said["refresh_expires_in"]), (&300.into(), &0.into()));
    assert_eq!((&said["not-before-policy"], &said["scope"]), (&0.into(), &"profile email".into()));
    assert!(said.get("refresh_token").is_none() && said.get("issued_token_type").is_none());
    let claims = checked(&sts, &token_of(&answer), "arp-run-gateway").expect("good");
    assert_eq!(claims.audiences().collect::<Vec<_>>(), ["jarvis-node", "arp-run-gateway", "account"]);
    for (name, wanted) in [
        ("iss", sts.issuer()),
        ("typ", "Bearer"),
        ("azp", "jarvis-node"),
        ("client_id", "jarvis-node"),
        ("scope", "profile email"),
    ] {
        assert_eq!(claims.text(name), Some(wanted), "{name}");
    }
    assert_eq!(claims.seconds("exp").zip(claims.seconds("iat")).map(|(exp, iat)| exp - iat), Some(300.0));
    assert!(claims.text("jti").is_some());
    let again = checked(&sts, &token_of(&own(&sts, &[])), "jarvis-node").expect("good");
    assert_ne!(again.text("jti"), claims.text("jti"));
    assert_eq!(again.text("sub"), claims.text("sub"), "the same account");
}

#[test]
fn audience_is_the_requested_one_unless_mapped_only() {
    let sts = start();
    let coordinator = [("audience", "arp-run-coordinator")];
    let claims = checked(&sts, &token_of(&own(&sts, &coordinator)), "arp-run-coordinator").expect("good");
    assert_eq!(claims.audiences().collect::<Vec<_>>(), ["arp-run-coordinator", "account"]);
    // An unknown audience is ignored.
    assert!(checked(&sts, &token_of(&own(&sts, &[("audience", "nobody")])), "jarvis-node").is_ok());

    let mapped = start_with(StsOptions { audiences: AudienceRule::Mapped, ..StsOptions::default() });
    let token = token_of(&own(&mapped, &coordinator));
    assert!(checked(&mapped, &token, "arp-run-coordinator").is_err(), "as Keycloak, which ignores it");
    assert!(checked(&mapped, &token, "arp-run-gateway").is_ok());
}

#[test]
fn basic_credentials_are_encoded_before_they_are_joined() {
    let sts = start();
    let secret = "a:b+c d%/ä";
    sts.set_secret("jarvis-node", secret).expect("there");
    let request = |header: String| {
        ask(&sts, &form(&[("grant_type", "client_credentials")]).header("Authorization", &header))
    };
    assert_eq!(request(basic("jarvis-node", secret)).status, 200);
    let unencoded = format!("Basic {}", STANDARD.encode(format!("jarvis-node:{secret}")));
    assert_eq!(refusal(&request(unencoded)).2, "Unexpected error when authenticating client");
    // A header that is none counts as no credential.
    assert_eq!(refusal(&request("Basic ***".to_owned())).1, "invalid_client");
    let plus = format!("Basic {}", STANDARD.encode("jarvis-node:a%3Ab+c%20d%25%2F%C3%A4"));
    let wrong = refusal(&request(plus));
    assert_eq!((wrong.0, wrong.1.as_str()), (401, "unauthorized_client"), "a plus is a space");
}

#[test]
fn unknown_clients_and_wrong_secrets_are_refused() {
    let sts = start();
    let said = "Invalid client or Invalid client credentials".to_owned();
    let attempt = |id: &str, secret: &str| {
        let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        refusal(&post(&sts, &fields))
    };
    assert_eq!(attempt("nobody", "x"), (401, "invalid_client".into(), said.clone()));
    assert_eq!(attempt("jarvis-node", "x"), (401, "unauthorized_client".into(), said.clone()));
    assert_eq!(attempt("jarvis-node", ""), (401, "unauthorized_client".into(), said.clone()));
    sts.enable_client("jarvis-node", false).expect("there");
    assert_eq!(attempt("jarvis-node", "jarvis-node-secret"), (401, "invalid_client".into(), said.clone()));
    sts.enable_client("jarvis-node", true).expect("there");
    let nameless = refusal(&post(&sts, &[("grant_type", "client_credentials")]));
    assert_eq!(nameless, (401, "invalid_client".into(), said));
    assert_eq!(sts.token_requests(), 5);
    assert_eq!(sts.tokens_issued(Grant::ClientCredentials), 0);
}

#[test]
fn a_request_that_is_none_is_refused() {
    let sts = start();
    let told = |answer| {
        let (status, error, _) = refusal(&answer);
        (status, error)
    };
    let bad = |error: &str| (400, error.to_owned());
    assert_eq!(told(post(&sts, &[("client_id", "jarvis-node")])), bad("invalid_request"));
    for grant in ["magic", ""] {
        let fields = [("grant_type", grant), ("client_id", "nobody")];
        assert_eq!(told(post(&sts, &fields)), bad("unsupported_grant_type"), "{grant}, before the client");
    }
    assert_eq!(told(own(&sts, &[("scope", "unheard-of")])), bad("invalid_scope"));
    assert_eq!(json_of(&own(&sts, &[("scope", "openid email")]))["scope"], "openid profile email");
    assert_eq!(told(own(&sts, &[("scope", "email"), ("scope", "email")])), bad("invalid_request"));
    let unreadable = form(&[]).body("grant_type=%zz");
    assert_eq!(ask(&sts, &unreadable).status, 500);

    let json = Ask::post(super::rig::TOKEN_PATH, "{}");
    assert_eq!(told(ask(&sts, &json)), bad("invalid_request"), "as if there were no form");
    assert_eq!(ask(&sts, &Ask::get(super::rig::TOKEN_PATH)).status, 405);
    let elsewhere = ask(&sts, &Ask::get("/realms/other/protocol/openid-connect/certs"));
    assert_eq!((elsewhere.status, elsewhere.text("error").as_str()), (404, "Realm does not exist"));
    assert_eq!(ask(&sts, &Ask::get("/")).status, 404);
}
