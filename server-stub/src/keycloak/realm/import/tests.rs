use serde_json::json;

use super::*;

fn with_client(client: &Value) -> Result<Realm, RealmError> {
    Realm::from_json(&json!({ "realm": "r", "clients": [client] }).to_string())
}

#[test]
fn keycloak_export_is_read() {
    let audience = |key: &str, name: &str, wanted: &str| {
        json!({ "name": "a", "protocolMapper": "oidc-audience-mapper", "protocol": "openid-connect",
                "config": { key: name, "access.token.claim": wanted, "id.token.claim": "false" } })
    };
    let realm = json!({
        "realm": "home", "enabled": true, "accessTokenLifespan": 60, "sslRequired": "external",
        "clientScopes": [
            { "name": "runs", "protocolMappers": [audience("included.custom.audience", "runs-api", "true")] },
            { "name": "more", "protocolMappers": [audience("included.client.audience", "extra", "true")] },
        ],
        "clients": [{
            "clientId": "svc", "secret": "s", "serviceAccountsEnabled": true, "redirectUris": [],
            "defaultClientScopes": ["runs", "web-origins"], "optionalClientScopes": ["more"],
            "attributes": { "access.token.lifespan": "20", "standard.token.exchange.enabled": "true",
                            "token.endpoint.auth.signing.alg": "ES256" },
            "protocolMappers": [
                audience("included.client.audience", "svc", "true"),
                audience("included.client.audience", "for-id-tokens", "false"),
                { "name": "other", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": {} },
            ],
        }, { "clientId": "old", "enabled": false, "clientAuthenticatorType": "client-jwt", "secret": "s" }],
    });
    let realm = Realm::from_json(&realm.to_string()).expect("a realm");
    assert_eq!(realm.name(), "home");
    let client = realm.client("svc").expect("there");
    assert!(client.enabled && client.service_account && client.may_exchange && !client.public);
    assert_eq!(realm.life_for(client), Duration::from_secs(20));
    assert_eq!(client.algorithm, Some(crate::jwt::Algorithm::Es256));
    let granted = |scope| realm.granted(client, scope);
    let audiences = |scope| realm.mapped_audiences(client, &granted(scope).expect("granted"));
    assert_eq!(audiences(None), ["svc", "runs-api"]);
    assert_eq!(audiences(Some("more")), ["svc", "runs-api", "extra"]);
    assert_eq!(granted(Some("more openid")).expect("granted").said(), "openid runs more");
    assert!(["unheard-of", "", "more  openid", "email"].iter().all(|scope| granted(Some(scope)).is_none()));
    let old = realm.client("old").expect("there");
    assert!(!old.enabled && !old.service_account && old.secret.is_none(), "client-jwt takes no secret");
    assert_eq!(realm.life_for(old), Duration::from_secs(60));
}

#[test]
fn unusable_clients_are_refused_without_their_secrets() {
    let told = |client: &Value| with_client(client).expect_err("refused").to_string();
    assert!(told(&json!({ "clientId": "a", "secret": "**********" })).contains("masked"));
    let keys = |attributes: Value| json!({ "clientId": "a", "attributes": attributes });
    assert!(told(&keys(json!({ "use.jwks.url": "true" }))).contains("jwks.string"));
    assert!(told(&keys(json!({ "use.jwks.string": "true", "jwks.string": "s3cret" }))).contains("JWK set"));
    assert!(told(&keys(json!({ "access.token.lifespan": "long" }))).contains("lifespan"));
    assert!(told(&keys(json!({ "token.endpoint.auth.signing.alg": "HS256" }))).contains("RS256"));
    let mistyped = told(&json!({ "clientId": "a", "secret": ["s3cret"] }));
    assert!(mistyped.contains("line 1") && !mistyped.contains("s3cret"), "{mistyped}");
    assert!(Realm::from_json("{\"realm\":\"a/b\"}").is_err());
    let placeholder = told(&json!({ "clientId": "a", "secret": "${CLIENT_SECRET:s3cret}" }));
    assert!(placeholder.contains("its secret is a placeholder") && !placeholder.contains("s3cret"));
    assert!(told(&json!({ "clientId": "${ID}" })).contains("its name is a placeholder"));
    let certificate = json!({ "clientId": "a", "clientAuthenticatorType": "client-jwt",
                              "attributes": { "jwt.credential.certificate": "MIIB" } });
    assert!(told(&certificate).contains("jwt.credential.certificate, which is not read"));
    assert!(
        Realm::from_json("{\"realm\":\"${REALM}\"}")
            .expect_err("no name")
            .to_string()
            .contains("placeholder")
    );
    let twice = json!({ "realm": "r", "clients": [{ "clientId": "a" }, { "clientId": "a" }] });
    assert!(Realm::from_json(&twice.to_string()).is_err());
    assert!(!format!("{:?}", Realm::dev()).contains("-secret"), "secrets are not shown");
}

#[test]
fn client_that_cannot_be_served_is_named_and_left_out() {
    let mapper = json!({ "protocolMapper": "oidc-audience-mapper",
                         "config": { "included.custom.audience": "${AUDIENCE}" } });
    let realm = json!({ "realm": "r", "clientScopes": [{ "name": "runs", "protocolMappers": [mapper] }],
                        "clients": [
        { "clientId": "broker", "bearerOnly": true, "secret": "**********" },
        { "clientId": "a", "secret": "s" },
        { "clientId": "b", "secret": "${B}" },
        { "clientId": "account", "publicClient": true, "secret": "**********" },
    ]});
    let realm = Realm::from_json(&realm.to_string()).expect("a realm");
    let served = ["account", "a", "b", "broker"].map(|id| realm.client(id).is_some());
    assert_eq!(served, [true, true, false, false]);
    let notes = realm.notes().join("\n");
    assert_eq!(realm.notes().len(), 3, "{notes}");
    for named in ["client scope \"runs\" adds no audience", "client \"broker\"", "client \"b\""] {
        assert!(notes.contains(named), "{notes}");
    }
}

#[test]
fn default_scopes_of_the_realm_are_those_of_its_clients() {
    let mapper = json!({ "protocolMapper": "oidc-audience-mapper",
                         "config": { "included.custom.audience": "runs-api" } });
    let realm = json!({ "realm": "r", "defaultDefaultClientScopes": ["runs"],
        "clientScopes": [{ "name": "runs", "protocolMappers": [mapper] }],
        "clients": [{ "clientId": "a" }, { "clientId": "b", "defaultClientScopes": [] },
                    { "clientId": "c", "optionalClientScopes": ["runs"] }] });
    let realm = Realm::from_json(&realm.to_string()).expect("a realm");
    let audiences = |id| {
        let client = realm.client(id).expect("there");
        realm.mapped_audiences(client, &realm.granted(client, None).expect("granted"))
    };
    assert_eq!((audiences("a"), audiences("b")), (vec!["runs-api".to_owned()], Vec::new()));
    assert!(audiences("c").is_empty(), "a client that names one of the lists has nothing in the other");
}

#[test]
fn export_of_all_realms_is_read_if_one_is_meant() {
    let realm = |name: &str| json!({ "realm": name, "clients": [{ "clientId": "a", "secret": "s" }] });
    let read = |realms: &[Value]| Realm::from_json(&Value::from(realms.to_vec()).to_string());
    for realms in [&[realm("master"), realm("home")][..], &[realm("home")], &[realm("home"), realm("master")]]
    {
        assert_eq!(read(realms).expect("a realm").name(), "home");
    }
    assert_eq!(read(&[realm("master")]).expect("a realm").name(), "master");
    let several = read(&[realm("home"), realm("master"), realm("work")]).expect_err("which?").to_string();
    assert!(several.contains("the realms home, work"), "{several}");
    assert!(read(&[]).expect_err("none").to_string().contains("no realm"));
}

#[test]
fn dev_realm_has_a_client_for_each_service_of_the_stack() {
    let realm = Realm::dev();
    let services = [
        "run-gateway",
        "run-coordinator",
        "atomic-executor",
        "composite-executor",
        "node-registry",
        "selection",
        "pdp",
        "jarvis-runstore",
        "jarvis-eventstream",
        "jarvis-artifactstore",
    ];
    let services = services.map(|service| format!("arp-{service}"));
    for id in services.iter().map(String::as_str).chain(["jarvis-node"]) {
        let client = realm.client(id).expect(id);
        assert_eq!(client.secret.as_deref(), Some(format!("{id}-secret").as_str()));
        assert!(client.service_account && client.may_exchange, "{id}");
        let audiences = realm.mapped_audiences(client, &realm.granted(client, None).expect("granted"));
        assert_eq!(audiences.first().map(String::as_str), Some(id));
        assert!(audiences.iter().all(|audience| realm.client(audience).is_some()), "{audiences:?}");
    }
    assert_eq!((realm.clients.len(), realm.notes()), (11, &[][..]));
}

#[test]
fn realm_in_which_no_client_may_exchange_names_the_setting() {
    let client = |attributes: Value| json!({ "clientId": "a", "secret": "s", "serviceAccountsEnabled": true, "attributes": attributes });
    let realm = with_client(&client(json!({}))).expect("a realm");
    let setting = "the attribute \"standard.token.exchange.enabled\" with the value \"true\"";
    assert!(realm.notes()[0].ends_with(setting), "{:?}", realm.notes());
    let realm = with_client(&client(json!({ "standard.token.exchange.enabled": "true" }))).expect("a realm");
    assert!(realm.notes().is_empty());
}
