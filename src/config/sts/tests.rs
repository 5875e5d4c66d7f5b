use super::*;
use crate::config::Config;

const LEAST: &str = r#""auth_url": "https://auth.home:7701", "service_id": "s", "app_id": "a",
    "app_key_file": "app.key", "credential_file": "c.json", "ca_file": "ca.pem""#;
const SOUND: &str = r#""issuer": "https://sts.home/realms/arp-dev", "client_id": "kitchen-pi",
    "client_key_file": "sts.key", "audiences": {"arp-run-gateway": {}}"#;

/// The configuration, or the warning about its tokens.
fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let path = Path::new("/etc/jarvis-node-agent/config.json");
    let mut config = Config::parse(&format!("{{{LEAST}{text}}}"), path, &named(variables))?;
    match config.warnings.pop() {
        Some(warning) => {
            assert_eq!((config.warnings, &*warning.code), (Vec::new(), "tokens"));
            assert!((config.sts, config.broker) == (None, None), "half of it is used");
            Err(warning.message)
        }
        None => Ok(config),
    }
}

fn named(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
}

fn sts(object: &str) -> Result<Sts, String> {
    parse(&format!(r#", "sts": {{{object}}}"#), &[]).map(|config| config.sts.expect("configured"))
}

fn by_variables(variables: &[(&str, &str)]) -> Result<Option<Sts>, String> {
    let auth_url = ServiceUrl::parse("auth_url", "https://auth.home:7701", false).expect("sound");
    Sts::from_variables(
        &named(variables),
        &MainConfig { auth_url: &auth_url, allow_http: false, ca_file: None },
    )
}

const ARP: [(&str, &str); 3] = [
    ("ARP_AUTH_ISSUER", " https://sts.home/realms/arp-dev/ "),
    ("ARP_AUTH_CLIENT_ID", "kitchen-pi"),
    ("ARP_AUTH_CLIENT_SECRET", "s3cret"),
];
const KEYCLOAK: [(&str, &str); 4] = [
    ("KEYCLOAK_URL", "https://sts.home/"),
    ("KEYCLOAK_REALM", "arp-dev"),
    ("AGENT_CLIENT_ID", "kitchen-pi"),
    ("AGENT_CLIENT_SECRET", "s3cret"),
];

#[test]
fn sts_left_out_keys_have_their_defaults() {
    let sts = sts(SOUND).expect("sound");
    assert_eq!(sts.token_endpoint.as_str(), "https://sts.home/realms/arp-dev/protocol/openid-connect/token");
    assert_eq!(sts.authentication, Authentication::PrivateKey("/etc/jarvis-node-agent/sts.key".into()));
    assert_eq!(sts.ca_file.as_deref(), Some(Path::new("/etc/jarvis-node-agent/ca.pem")));
    assert_eq!(sts.audiences["arp-run-gateway"], AudienceRule::default());
    assert_eq!(sts.default_audience.as_deref(), Some("arp-run-gateway"));
    assert!(!sts.from_variables);
    assert_eq!(parse("", &[]).expect("sound").sts, None);
}

#[test]
fn sts_every_key_is_read() {
    let sts = sts(r#""issuer": "https://sts.home/r/", "token_endpoint": "https://sts.home:8443/token",
        "client_id": "c", "client_secret_file": "/s.secret", "auth_method": "client_secret_basic", "ca_file": "sts.pem",
        "audiences": {"b": {}, "a": {"users": ["pi", 1000], "groups": ["jarvis"], "scope": "x y", "exchange": true,
        "azp": ["c"]}}"#)
    .expect("sound");
    assert_eq!(
        (sts.issuer.as_str(), sts.token_endpoint.as_str()),
        ("https://sts.home/r/", "https://sts.home:8443/token")
    );
    assert_eq!(sts.authentication, Authentication::SecretBasic(Secret::File("/s.secret".into())));
    assert_eq!(sts.ca_file.as_deref(), Some(Path::new("/etc/jarvis-node-agent/sts.pem")));
    let rule = AudienceRule {
        users: vec![Principal::Name("pi".into()), Principal::Id(1000)],
        groups: vec![Principal::Name("jarvis".into())],
        scope: Some("x y".into()),
        exchange: true,
        azp: vec!["c".into()],
    };
    assert_eq!((&sts.audiences["a"], sts.default_audience.as_deref()), (&rule, None));
}

#[test]
fn half_an_sts_names_what_is_missing() {
    let without = |key: &str| {
        let object: serde_json::Value = serde_json::from_str(&format!("{{{SOUND}}}")).expect("JSON");
        let mut object = object.as_object().expect("an object").clone();
        object.remove(key);
        let text = serde_json::to_string(&object).expect("JSON");
        sts(&text[1..text.len() - 1]).expect_err(key)
    };
    for key in ["issuer", "client_id", "audiences", "client_key_file"] {
        assert!(without(key).contains(key), "{}", without(key));
    }
    for (more, says) in [
        (r#", "auth_method": "client_secret_post""#, "lacks client_secret_file"),
        (r#", "auth_method": "tls_client_auth""#, "must be client_secret_post"),
        (r#", "client_secret_file": "s""#, "leave one out"),
        (r#", "audience": "x""#, r#"there is no key "audience""#),
        (r#", "token_endpoint": "http://sts.home/t""#, "token_endpoint is plain HTTP"),
        (r#", "token_endpoint": "https://AUTH.home:7701/t""#, "never go to each other's servers"),
        (r#", "token_endpoint": "https://auth.home.:7701/t""#, "never go to each other's servers"),
    ] {
        let told = sts(&format!("{SOUND}{more}")).expect_err(more);
        assert!(told.contains(says), "{more}: {told}");
    }
    for (rule, says) in [
        (r#"{"users": [-1]}"#, "names or numbers"),
        (r#"{"scope": " "}"#, "scope in sts.audiences"),
        (r#"{"azp": [""]}"#, "azp in sts.audiences"),
        (r#"{"user": []}"#, r#"there is no key "user""#),
    ] {
        let told = sts(&SOUND.replace("{}", rule)).expect_err(rule);
        assert!(told.contains(says), "{rule}: {told}");
    }
}

#[test]
fn empty_audiences_give_nobody_a_token() {
    let sts = sts(&SOUND.replace(r#""arp-run-gateway": {}"#, "")).expect("sound");
    assert!(sts.audiences.is_empty() && sts.default_audience.is_none());
}

#[test]
fn arp_variables_are_read_trimmed() {
    let mut variables = ARP.to_vec();
    variables.push(("ARP_AUTH_AUDIENCE", "  "));
    variables.push(("ARP_AUTH_SERVICE_ID", "arp-run-gateway"));
    let sts = by_variables(&variables).expect("sound").expect("configured");
    assert_eq!(sts.issuer, "https://sts.home/realms/arp-dev/");
    assert_eq!(sts.token_endpoint.as_str(), "https://sts.home/realms/arp-dev/protocol/openid-connect/token");
    assert_eq!(sts.authentication, Authentication::SecretPost(Secret::Variable("ARP_AUTH_CLIENT_SECRET")));
    assert_eq!(sts.default_audience.as_deref(), Some("arp-run-gateway"), "a blank one is none");
    assert!(sts.from_variables && sts.audiences.contains_key("arp-run-gateway"));
    variables[3].1 = "other";
    variables.push(("ARP_AUTH_TOKEN_ENDPOINT", "https://sts.home/token"));
    let sts = by_variables(&variables).expect("sound").expect("configured");
    assert_eq!(sts.default_audience.as_deref(), Some("other"), "before the service's id");
    assert_eq!(sts.token_endpoint.as_str(), "https://sts.home/token");
}

#[test]
fn keycloak_variables_are_read() {
    let sts = by_variables(&KEYCLOAK).expect("sound").expect("configured");
    assert_eq!(sts.issuer, "https://sts.home/realms/arp-dev");
    assert_eq!(sts.token_endpoint.as_str(), "https://sts.home/realms/arp-dev/protocol/openid-connect/token");
    assert_eq!(sts.authentication, Authentication::SecretPost(Secret::Variable("AGENT_CLIENT_SECRET")));
    assert_eq!((sts.client_id.as_str(), sts.default_audience), ("kitchen-pi", None));
}

#[test]
fn half_of_the_variables_name_the_missing_half() {
    for family in [&ARP[..], &KEYCLOAK[..]] {
        for (missing, _) in family {
            for blank in [None, Some("  ")] {
                let mut rest: Vec<_> = family.iter().copied().filter(|(name, _)| name != missing).collect();
                rest.extend(blank.map(|blank| (*missing, blank)));
                let told = by_variables(&rest).expect_err(missing);
                assert!(told.contains(missing) && !told.contains("s3cret"), "{told}");
            }
        }
    }
    for alone in ["ARP_AUTH_AUDIENCE", "ARP_AUTH_SERVICE_ID", "ARP_AUTH_TOKEN_ENDPOINT"] {
        let told = by_variables(&[(alone, "x")]).expect_err(alone);
        assert!(told.contains("ARP_AUTH_ISSUER"), "{told}");
    }
    let both = by_variables(&[&ARP[..], &KEYCLOAK[..]].concat()).expect_err("both");
    assert!(both.contains("both set"), "{both}");
    assert_eq!(by_variables(&[("ARP_AUTH_ISSUER", " "), ("KEYCLOAK_URL", "")]), Ok(None));
}

#[test]
fn file_wins_over_variables_as_a_whole() {
    let config = parse(&format!(r#", "sts": {{{SOUND}}}"#), &KEYCLOAK).expect("sound");
    assert!(config.sts.is_some_and(|sts| !sts.from_variables && sts.client_id == "kitchen-pi"));
    let told = parse(r#", "sts": {"issuer": "https://sts.home/r"}"#, &ARP).expect_err("half of each");
    assert!(told.contains("sts lacks client_id"), "{told}");
}

#[test]
fn broker_needs_an_sts_with_an_audience() {
    let told = parse(r#", "broker": {"socket": "/run/x.sock"}"#, &[]).expect_err("no sts");
    assert!(told.contains("broker needs sts"), "{told}");
    let both = format!(r#", "sts": {{{SOUND}}}, "broker": {{"socket": "/run/x.sock"}}"#);
    assert_eq!(parse(&both, &[]).expect("sound").broker, Some(Broker { socket: "/run/x.sock".into() }));
    for variables in [&ARP[..], &KEYCLOAK] {
        let told = parse(r#", "broker": {"socket": "/run/x.sock"}"#, variables).expect_err("no audience");
        assert!(told.contains("ARP_AUTH_AUDIENCE"), "{told}");
        let more = [variables, &[("ARP_AUTH_AUDIENCE", "a")]].concat();
        assert!(parse(r#", "broker": {"socket": "/run/x.sock"}"#, &more).expect("sound").broker.is_some());
    }
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    for variables in [&ARP[..], &KEYCLOAK[..1], &[("KEYCLOAK_URL", "no URL")]] {
        let config = parse("", variables).expect("no warning");
        assert_eq!((config.sts, config.broker), (None, None));
    }
    let warning = parse(r#", "broker": {"socket": "/run/x.sock"}"#, &KEYCLOAK[..1]).expect_err("half");
    assert!(warning.contains("KEYCLOAK_REALM"), "{warning}");
}
