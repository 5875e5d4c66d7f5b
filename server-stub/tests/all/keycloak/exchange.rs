//! Token exchange.

use serde_json::json;
use server_stub::jwt::{Algorithm, SigningKey};
use server_stub::{AudienceRule, Grant, Realm, StsOptions};

use super::rig::{ACCESS_TOKEN, checked, exchange, json_of, own, post, refusal, start, start_with, token_of};

const FOR_COORDINATOR: (&str, &str) = ("audience", "arp-run-coordinator");

#[test]
fn exchange_keeps_the_subject_and_changes_the_audience() {
    let sts = start();
    let subject = token_of(&own(&sts, &[("audience", "arp-run-gateway")]));
    let about = checked(&sts, &subject, "arp-run-gateway").expect("good");
    let answer = exchange(&sts, "arp-run-gateway", &subject, &[FOR_COORDINATOR, ("scope", "openid")]);
    let said = json_of(&answer);
    assert_eq!(said["issued_token_type"], ACCESS_TOKEN);
    assert_eq!((&said["token_type"], &said["scope"]), (&"Bearer".into(), &"openid profile email".into()));
    let claims = checked(&sts, &token_of(&answer), "arp-run-coordinator").expect("good");
    assert_eq!(claims.get("aud"), Some(&json!("arp-run-coordinator")), "one: a string");
    assert_eq!(claims.text("sub"), about.text("sub"));
    assert_eq!(claims.text("azp"), Some("arp-run-gateway"));
    assert_eq!((sts.tokens_issued(Grant::TokenExchange), sts.token_requests()), (1, 2));
    // The holder may exchange, too. Without a requested audience the mapped ones apply.
    let held = token_of(&exchange(&sts, "jarvis-node", &subject, &[("requested_token_type", ACCESS_TOKEN)]));
    assert!(checked(&sts, &held, "jarvis-node").is_ok());
}

#[test]
fn only_a_good_token_of_the_realm_is_exchanged() {
    let sts = start();
    let good = json!({ "aud": "arp-run-gateway" });
    let attempt = |subject: &str| exchange(&sts, "arp-run-gateway", subject, &[FOR_COORDINATOR]);
    assert_eq!(attempt(&sts.token(&good)).status, 200);
    let stranger = SigningKey::new(Algorithm::Es256).expect("a key");
    let forged = |header: serde_json::Value| {
        let claims =
            json!({ "iss": sts.issuer(), "aud": "arp-run-gateway", "sub": "s", "exp": 4_000_000_000_u64 });
        stranger.token_under(&header, &claims)
    };
    let kid = sts.with_signing_key(|key| key.kid().to_owned());
    for bad in [
        "opaque".to_owned(),
        sts.token(&json!({ "aud": "arp-run-gateway", "exp": 1_700_000_000 })),
        sts.token(&json!({ "aud": "arp-run-gateway", "exp": null })),
        sts.token(&json!({ "aud": "arp-run-gateway", "iss": "https://elsewhere.invalid" })),
        sts.token(&json!({ "aud": "arp-run-gateway", "typ": "ID" })),
        stranger.token(&json!({ "iss": sts.issuer(), "aud": "arp-run-gateway", "exp": 4_000_000_000_u64 })),
        forged(json!({ "alg": "ES256", "kid": kid })),
        forged(json!({ "alg": "none", "kid": kid })),
    ] {
        assert_eq!(refusal(&attempt(&bad)), (400, "invalid_request".into(), "Invalid token".into()), "{bad}");
    }
}

#[test]
fn forbidden_exchanges_are_refused_with_the_reason() {
    let sts = start();
    let subject = sts.token(&json!({ "aud": "arp-run-gateway", "azp": "somebody" }));
    let told =
        |client: &str, audience: &str| refusal(&exchange(&sts, client, &subject, &[("audience", audience)]));
    let not_found = (400, "invalid_client".to_owned(), "Audience not found".to_owned());
    assert_eq!(told("arp-run-gateway", "nobody"), not_found);
    let outside = (403, "access_denied".to_owned(), "Client is not within the token audience".to_owned());
    assert_eq!(told("arp-run-coordinator", "arp-run-gateway"), outside);
    sts.enable_client("arp-run-coordinator", false).expect("there");
    let disabled = (400, "invalid_client".to_owned(), "Client disabled".to_owned());
    assert_eq!(told("arp-run-gateway", "arp-run-coordinator"), disabled);
    let scope = refusal(&exchange(&sts, "arp-run-gateway", &subject, &[("scope", "none")]));
    assert_eq!((scope.0, scope.1.as_str()), (400, "invalid_scope"));
}

#[test]
fn missing_exchange_parameters_are_named() {
    let sts = start();
    let subject = sts.token(&json!({ "aud": "arp-run-gateway" }));
    let credentials = [
        ("grant_type", super::rig::EXCHANGE),
        ("client_id", "arp-run-gateway"),
        ("client_secret", "arp-run-gateway-secret"),
    ];
    let told = |fields: super::rig::Fields<'_>| {
        let (status, error, description) = refusal(&post(&sts, &[&credentials, fields].concat()));
        assert_eq!((status, error.as_str()), (400, "invalid_request"));
        description
    };
    assert!(told(&[]).contains("'subject_token' required"));
    assert!(told(&[("subject_token", &subject)]).contains("'subject_token_type' required"));
    let saml = [("subject_token", subject.as_str()), ("subject_token_type", "urn:saml")];
    assert!(told(&saml).contains("access tokens only"));
    let good = [("subject_token", subject.as_str()), ("subject_token_type", ACCESS_TOKEN)];
    assert!(told(&[&good[..], &[("requested_token_type", "urn:saml")]].concat()).contains("unsupported"));
    assert!(told(&[&good[..], &good[..1]].concat()).contains("duplicated"));
    // Several audiences are allowed (RFC 8693, section 2.1).
    let two = [FOR_COORDINATOR, ("audience", "jarvis-node")];
    let claims =
        checked(&sts, &token_of(&post(&sts, &[&credentials, &good[..], &two].concat())), "jarvis-node");
    let claims = claims.expect("good");
    assert_eq!(claims.audiences().collect::<Vec<_>>(), ["arp-run-coordinator", "jarvis-node"]);
}

#[test]
fn a_realm_decides_who_may_exchange_for_whom() {
    let realm = json!({ "realm": "arp-dev", "clients": [
        { "clientId": "arp-run-gateway", "secret": "arp-run-gateway-secret",
          "attributes": { "standard.token.exchange.enabled": "true" },
          "protocolMappers": [{ "protocolMapper": "oidc-audience-mapper",
                                "config": { "included.client.audience": "arp-run-coordinator" } }] },
        { "clientId": "arp-run-coordinator", "secret": "arp-run-coordinator-secret" },
    ]});
    let realm = Realm::from_json(&realm.to_string()).expect("a realm");
    let sts = start_with(StsOptions { realm, audiences: AudienceRule::Mapped, ..StsOptions::default() });
    let subject = sts.token(&json!({ "aud": ["arp-run-gateway", "arp-run-coordinator"] }));
    let told =
        |client: &str, audience| refusal(&exchange(&sts, client, &subject, &[("audience", audience)])).2;
    let good = exchange(&sts, "arp-run-gateway", &subject, &[FOR_COORDINATOR]);
    assert!(checked(&sts, &token_of(&good), "arp-run-coordinator").is_ok());
    let unmapped = told("arp-run-gateway", "arp-run-gateway");
    assert_eq!(unmapped, "Requested audience not available: arp-run-gateway");
    assert!(told("arp-run-coordinator", "arp-run-gateway").contains("not enabled for the requested client"));
    // A client without a service account has no token of its own.
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "arp-run-gateway"),
        ("client_secret", "arp-run-gateway-secret"),
    ];
    let refused = refusal(&post(&sts, &fields));
    assert_eq!((refused.0, refused.1.as_str()), (401, "unauthorized_client"));
}
