//! Realms other than the dev realm, and lifetimes other than five minutes.

use core::time::Duration;

use serde_json::json;
use server_stub::{Realm, StsOptions};

use super::rig::{ask, checked, json_of, own, start, start_with, token_of};
use crate::client::Ask;

#[test]
fn an_imported_realm_stands_where_its_name_says() {
    let realm = json!({ "realm": "home", "accessTokenLifespan": 60, "clients": [
        { "clientId": "svc", "secret": "s", "serviceAccountsEnabled": true,
          "attributes": { "access.token.lifespan": "7" },
          "protocolMappers": [{ "protocolMapper": "oidc-audience-mapper",
                                "config": { "included.custom.audience": "api" } }] },
    ]});
    let realm = Realm::from_json(&realm.to_string()).expect("a realm");
    let sts = start_with(StsOptions { realm, ..StsOptions::default() });
    let path = "/realms/home/protocol/openid-connect";
    assert_eq!(sts.token_endpoint(), format!("{}{path}/token", sts.server().url()));
    let form = Ask::new("POST", &format!("{path}/token"))
        .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
        .body("grant_type=client_credentials&client_id=svc&client_secret=s");
    let said = json_of(&ask(&sts, &form));
    assert_eq!(said["expires_in"], 7);
    assert_eq!(ask(&sts, &Ask::get(super::rig::CERTS_PATH)).status, 404, "no other realm");
}

#[test]
fn a_life_can_be_short() {
    let realm = Realm::dev().with_life(Duration::from_secs(2));
    let sts = start_with(StsOptions { realm, ..StsOptions::default() });
    let answer = own(&sts, &[]);
    assert_eq!(json_of(&answer)["expires_in"], 2);
    let claims = checked(&sts, &token_of(&answer), "arp-run-gateway").expect("good");
    assert_eq!(claims.seconds("exp").zip(claims.seconds("iat")).map(|(exp, iat)| exp - iat), Some(2.0));
}

#[test]
fn a_client_that_is_not_there_cannot_be_changed() {
    let sts = start();
    for refused in [sts.enable_client("nobody", true), sts.set_secret("nobody", "x")] {
        assert!(refused.expect_err("refused").to_string().contains("\"nobody\""));
    }
    assert!(sts.register_key("nobody", &json!({ "kty": "oct" })).is_err());
}
