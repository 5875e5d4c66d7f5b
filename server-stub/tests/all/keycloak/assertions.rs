//! private_key_jwt: each algorithm, and each defect of an assertion.

use serde_json::{Value, json};
use server_stub::jwt::{Algorithm, SigningKey};
use server_stub::{Realm, StsOptions};

use super::rig::{ask, assertion_claims, by_assertion, checked, now, post, refusal, registered, start};
use super::rig::{start_with, token_of};
use crate::client::Ask;

#[test]
fn each_algorithm_proves_the_client_for_either_audience() {
    let sts = start();
    for algorithm in Algorithm::ALL {
        let key = registered(&sts, algorithm);
        for (n, audience) in [sts.token_endpoint(), sts.issuer().to_owned()].into_iter().enumerate() {
            let claims = assertion_claims(&sts, &format!("{algorithm}-{n}"), &json!({ "aud": audience }));
            let answer = by_assertion(&sts, &key.token(&claims));
            let claims = checked(&sts, &token_of(&answer), "arp-run-gateway").expect("good");
            assert_eq!(claims.text("azp"), Some("jarvis-node"), "{algorithm}");
        }
    }
}

#[test]
fn bad_assertions_are_refused_in_keycloaks_words() {
    let sts = start();
    let key = registered(&sts, Algorithm::Es256);
    let endpoint = sts.token_endpoint();
    for (n, (changed, told)) in [
        (json!({ "exp": null }), "Token exp claim is required"),
        (
            json!({ "iat": null, "exp": now() + 75 }),
            "Token expiration is too far in the future and iat claim not present in token",
        ),
        (json!({ "jti": null }), "Token jti claim is required"),
        (json!({ "exp": now() - 1, "iat": now() - 20 }), "Token is not active"),
        (json!({ "nbf": now() + 30 }), "Token is not active"),
        (json!({ "iat": now() + 30, "exp": now() + 60 }), "Token was issued in the future"),
        (
            json!({ "iat": now() - 65, "exp": now() + 5 }),
            "Token was issued too far in the past to be used now",
        ),
        (json!({ "aud": null }), "Invalid token audience"),
        (json!({ "aud": "https://elsewhere.invalid" }), "Invalid token audience"),
        (json!({ "aud": [endpoint, "another"] }), "Multiple audiences not allowed"),
    ]
    .into_iter()
    .enumerate()
    {
        let claims = assertion_claims(&sts, &n.to_string(), &changed);
        let refused = refusal(&by_assertion(&sts, &key.token(&claims)));
        assert_eq!(refused, (400, "invalid_client".into(), told.into()), "{changed}");
    }
    for (n, changed) in [
        // Just within the accepted skew.
        json!({ "iat": now() + 10, "exp": now() + 60 }),
        json!({ "nbf": now() + 10 }),
        json!({ "exp": now() + 3600 }),
        json!({ "iat": null, "exp": now() + 50 }),
    ]
    .into_iter()
    .enumerate()
    {
        let claims = assertion_claims(&sts, &format!("good-{n}"), &changed);
        assert_eq!(by_assertion(&sts, &key.token(&claims)).status, 200, "{changed}");
    }
}

#[test]
fn an_assertion_is_good_once() {
    let sts = start();
    let key = registered(&sts, Algorithm::EdDsa);
    let claims = assertion_claims(&sts, "once", &json!({}));
    assert_eq!(by_assertion(&sts, &key.token(&claims)).status, 200);
    let again = refusal(&by_assertion(&sts, &key.token(&claims)));
    assert_eq!(again, (400, "invalid_client".into(), "Token reuse detected".into()));
    // Another client may use the same `jti`.
    let gateway = json!({ "iss": "arp-run-gateway", "sub": "arp-run-gateway" });
    sts.register_key("arp-run-gateway", &key.public().to_jwk()).expect("there");
    assert_eq!(by_assertion(&sts, &key.token(&assertion_claims(&sts, "once", &gateway))).status, 200);
}

#[test]
fn an_assertion_is_by_a_key_of_the_client_that_it_speaks_for() {
    let sts = start();
    let key = registered(&sts, Algorithm::Es256);
    let told = |assertion: &str| {
        let (status, error, description) = refusal(&by_assertion(&sts, assertion));
        assert_eq!(error, "invalid_client");
        (status, description)
    };
    let claims = |jti: &str| assertion_claims(&sts, jti, &json!({}));
    let unloadable = (400, "Unable to load public key".to_owned());
    let stranger = SigningKey::new(Algorithm::Es256).expect("a key");
    assert_eq!(told(&stranger.token(&claims("a"))), unloadable);
    let forged = stranger.named(key.kid()).token(&claims("c"));
    assert!(told(&forged).1.ends_with("Signature on JWT token failed validation"), "{:?}", told(&forged));
    // No client is named by an assertion of a client that proves itself otherwise.
    let of_another = json!({ "iss": "arp-run-gateway", "sub": "arp-run-gateway" });
    assert_eq!(told(&key.token(&assertion_claims(&sts, "d", &of_another))).0, 401);
    let of_two = json!({ "iss": "arp-run-gateway" });
    assert_eq!(told(&key.token(&assertion_claims(&sts, "h", &of_two))).0, 401);
    let of_nobody = json!({ "iss": "nobody", "sub": "nobody" });
    assert_eq!(told(&key.token(&assertion_claims(&sts, "e", &of_nobody))).0, 401);
    for garbage in ["", "x", "a.b.c"] {
        assert_eq!(told(garbage).0, 401, "{garbage}");
    }
    let mut none = key.token_under(&json!({ "alg": "none", "kid": key.kid() }), &claims("f"));
    none.truncate(none.rfind('.').expect("a part") + 1);
    assert_eq!(told(&none), (400, "Invalid signature algorithm".to_owned()));

    let named = |fields: &[(&str, &str)]| refusal(&post(&sts, fields)).2;
    let good = key.token(&claims("g"));
    let (grant, kind) = (("grant_type", "client_credentials"), super::rig::ASSERTION);
    let id = ("client_id", "jarvis-node");
    sts.register_key("arp-run-gateway", &key.public().to_jwk()).expect("there");
    let other = [
        grant,
        ("client_id", "arp-run-gateway"),
        ("client_assertion_type", kind),
        ("client_assertion", &good),
    ];
    assert!(named(&other).contains("does not match"));
    let another_type = [grant, id, ("client_assertion_type", "saml"), ("client_assertion", &good)];
    assert!(named(&another_type).contains("but expected is"));
    assert!(named(&[grant, id, ("client_assertion_type", kind)]).contains("missing"));
}

/// A client without a secret, whose keys and algorithm are in the imported realm.
#[test]
fn an_imported_client_is_held_to_its_algorithm() {
    let keys = [Algorithm::Es256, Algorithm::EdDsa].map(|one| SigningKey::new(one).expect("a key"));
    let jwks = json!({ "keys": keys.each_ref().map(|key| key.public().to_jwk()) }).to_string();
    let realm = json!({ "realm": "arp-dev", "clients": [{
        "clientId": "jarvis-node", "clientAuthenticatorType": "client-jwt", "secret": "no-use",
        "serviceAccountsEnabled": true,
        "attributes": { "use.jwks.string": "true", "jwks.string": jwks,
                        "token.endpoint.auth.signing.alg": "EdDSA" },
    }]});
    let realm = Realm::from_json(&realm.to_string()).expect("a realm");
    let sts = start_with(StsOptions { realm, ..StsOptions::default() });
    let claims = |jti: &str| assertion_claims(&sts, jti, &json!({}));
    assert_eq!(by_assertion(&sts, &keys[1].token(&claims("a"))).status, 200);
    let refused = refusal(&by_assertion(&sts, &keys[0].token(&claims("b"))));
    assert_eq!(refused.2, "Invalid signature algorithm");
    let secret =
        [("grant_type", "client_credentials"), ("client_id", "jarvis-node"), ("client_secret", "no-use")];
    assert_eq!(refusal(&post(&sts, &secret)).2, "Parameter client_assertion_type is missing");
}

#[test]
fn a_key_is_registered_over_http_by_the_administrator() {
    let sts = start();
    let key = SigningKey::new(Algorithm::EdDsa).expect("a key");
    let put = |client: &str, body: &Value, token: &str| {
        let path = format!("/__stub/clients/{client}/keys");
        ask(&sts, &Ask::new("PUT", &path).header("X-Jarvis-Admin-Token", token).body(body.to_string()))
    };
    let (jwk, admin) = (key.public().to_jwk(), sts.server().admin_token());
    assert_eq!(put("jarvis-node", &jwk, "guessed").status, 401);
    let attempt = |jti| by_assertion(&sts, &key.token(&assertion_claims(&sts, jti, &json!({})))).status;
    assert_eq!(attempt("a"), 401);
    assert_eq!(put("nobody", &jwk, admin).status, 404);
    assert_eq!(put("jarvis-node", &json!({ "kty": "oct", "k": "AQAB" }), admin).status, 400);
    let done = put("jarvis-node", &jwk, admin);
    assert_eq!((done.status, done.body), (200, json!({ "kids": [key.kid()] }).to_string()));
    assert_eq!(attempt("b"), 200);
    let second = SigningKey::new(Algorithm::Es256).expect("a key");
    let set = json!({ "keys": [second.public().to_jwk()] });
    assert_eq!(put("jarvis-node", &set, admin).body, json!({ "kids": [second.kid()] }).to_string());
    assert_eq!(attempt("c"), 200, "the first is still one of its keys");
}
