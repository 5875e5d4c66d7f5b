//! Tokens on behalf of others, and each way in which Keycloak refuses them.

use serde_json::json;
use test_support::waiting::until;

use crate::realm::{CLIENT, COORDINATOR, GATEWAY, Realm, SECRET, client};
use crate::rig::{Rig, parts};
use crate::server::shared;

/// A realm in which the node exchanges for the gateway. Beside it: clients whose tokens it may exchange, one whose tokens
/// it may not, and services that its mappers do not reach.
fn realm() -> Realm {
    let mut node = client(CLIENT, SECRET, &[GATEWAY]);
    let hidden = json!({"included.custom.audience": "arp-hidden", "access.token.claim": "true"});
    let hidden = json!({
        "name": "hidden", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper", "config": hidden,
    });
    node["protocolMappers"].as_array_mut().unwrap().push(hidden);
    let mut brief = client("brief", "brief-secret", &[CLIENT]);
    brief["attributes"]["access.token.lifespan"] = "1".into();
    let clients = json!([
        node,
        brief,
        client("holder", "holder-secret", &[CLIENT]),
        client("foreign", "foreign-secret", &[]),
        client(GATEWAY, "s", &[]),
        client(COORDINATOR, "s", &[]),
    ]);
    Realm::new(shared(), 300, clients)
}

#[test]
#[ignore = "needs Keycloak"]
fn exchanged_token_is_the_subjects_and_ends_with_it() {
    let rig = Rig::new(realm());
    let _daemon = rig.daemon();
    let subject = rig.realm.token("holder");
    let answer = rig.exchange(&subject, GATEWAY);
    assert_eq!(answer.status, 200, "{answer:?}");
    let [[_, before], [_, after]] = [parts(&subject), parts(answer.token())];
    assert_eq!(
        (&after["sub"], &after["azp"], &after["aud"]),
        (&before["sub"], &json!(CLIENT), &json!(GATEWAY))
    );
    assert!(answer.body["expires_in"].as_u64().unwrap() <= 300, "{answer:?}");
    // It is kept for the next caller who brings that token.
    assert_eq!(rig.exchange(&subject, GATEWAY).token(), answer.token());
    assert_eq!(rig.realm.events(), 2, "the subject's token, and one exchange");
}

/// What is wrong, the subject token and the audience, and what the caller is told.
type Refused = (&'static str, fn(&Rig) -> String, &'static str, u16, &'static str);

const AUDIENCE: &str = "check that the STS knows that audience";
const SUBJECT: &str =
    "check the subject token, and that the STS lets this client exchange it for that audience";

const REFUSED: [Refused; 7] = [
    ("no such client", |rig| rig.realm.token("holder"), "nobody", 400, AUDIENCE),
    ("no client, but in a mapper", |rig| rig.realm.token("holder"), "arp-hidden", 400, AUDIENCE),
    ("no mapper for it", |rig| rig.realm.token("holder"), COORDINATOR, 400, SUBJECT),
    ("not for this client", |rig| rig.realm.token("foreign"), GATEWAY, 403, SUBJECT),
    (
        "of another realm",
        |_| Realm::new(shared(), 300, json!([client("holder", "holder-secret", &[CLIENT])])).token("holder"),
        GATEWAY,
        400,
        SUBJECT,
    ),
    (
        "of a disabled client",
        |rig| {
            let subject = rig.realm.token("holder");
            rig.realm.enable_client("holder", false);
            subject
        },
        GATEWAY,
        400,
        SUBJECT,
    ),
    (
        "exchange off",
        |rig| {
            rig.realm.change_client(CLIENT, |client| {
                client["attributes"]["standard.token.exchange.enabled"] = "false".into()
            });
            rig.realm.token("brief")
        },
        GATEWAY,
        400,
        SUBJECT,
    ),
];

#[test]
#[ignore = "needs Keycloak"]
fn refused_exchange_says_why_and_delays_nothing_else() {
    let rig = Rig::new(realm());
    let _daemon = rig.daemon();
    for (what, subject, audience, status, says) in REFUSED {
        let refused = rig.exchange(&subject(&rig), audience);
        assert_eq!(refused.brief(), (status, "token_exchange_failed"), "{what}: {refused:?}");
        assert!(refused.message().contains(says), "{what}: {refused:?}");
    }
    rig.realm.change_client(CLIENT, |client| {
        client["attributes"]["standard.token.exchange.enabled"] = "true".into()
    });
    rig.realm.enable_client("holder", true);
    assert_eq!(rig.exchange(&rig.realm.token("holder"), GATEWAY).status, 200);
}

#[test]
#[ignore = "needs Keycloak"]
fn expired_subject_is_refused_in_its_own_words() {
    let rig = Rig::new(realm());
    let _daemon = rig.daemon();
    let subject = rig.realm.token("brief");
    let mut last = rig.exchange(&subject, GATEWAY);
    until("it has expired", || {
        last = rig.exchange(&subject, GATEWAY);
        last.status != 200
    });
    assert_eq!(last.brief(), (400, "token_exchange_failed"), "{last:?}");
    assert!(last.message().contains("subject token"), "{last:?}");
}
