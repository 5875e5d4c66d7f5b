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

fn named(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<Zeroizing<String>> {
    |name| {
        let value = variables.iter().find(|(known, _)| *known == name);
        value.map(|(_, value)| Zeroizing::new((*value).into()))
    }
}

/// What the variables say if a broker is configured, and how they do.
fn by_variables(variables: &[(&str, &str)]) -> Result<Sts, String> {
    parse(BROKER, variables).map(|config| config.sts.expect("configured"))
}

fn client(sts: &Sts) -> &Client {
    match &sts.source {
        StsSource::Configuration(client) | StsSource::Environment(client) => client,
        StsSource::EnvFile(_) => panic!("in a file of its own"),
    }
}

const BROKER: &str = r#", "broker": {"socket": "/run/x.sock"}"#;

fn sts(object: &str) -> Result<Sts, String> {
    parse(&format!(r#", "sts": {{{object}}}"#), &[]).map(|config| config.sts.expect("configured"))
}

const KEYCLOAK: [(&str, &str); 4] = [
    ("KEYCLOAK_URL", "https://sts.home/"),
    ("KEYCLOAK_REALM", "arp-dev"),
    ("AGENT_CLIENT_ID", "kitchen-pi"),
    ("AGENT_CLIENT_SECRET", "s3cret"),
];

#[test]
fn sts_left_out_keys_have_their_defaults() {
    let sts = sts(SOUND).expect("sound");
    let client = client(&sts);
    let endpoint = "https://sts.home/realms/arp-dev/protocol/openid-connect/token";
    assert_eq!((client.token_endpoint.as_str(), client.address), (endpoint, "sts.issuer"));
    assert_eq!(client.authentication, Authentication::PrivateKey("/etc/jarvis-node-agent/sts.key".into()));
    assert_eq!(sts.ca_file.as_deref(), Some(Path::new("/etc/jarvis-node-agent/ca.pem")));
    assert_eq!(sts.audiences["arp-run-gateway"], AudienceRule::default());
    assert_eq!(sts.default_audience.as_deref(), Some("arp-run-gateway"));
    assert!(matches!(sts.source, StsSource::Configuration(_)));
    assert_eq!(parse("", &[]).expect("sound").sts, None);
}

#[test]
fn sts_every_key_is_read() {
    let sts = sts(r#""issuer": "https://sts.home/r/", "token_endpoint": "https://sts.home:8443/token",
        "client_id": "c", "client_secret_file": "/s.secret", "auth_method": "client_secret_basic", "ca_file": "sts.pem",
        "audiences": {"b": {"opaque": true}, "a": {"users": ["pi", 1000], "groups": ["jarvis"], "scope": "x y",
        "exchange": true, "azp": ["c d"], "resource": "https://gateway.home"}}"#)
    .expect("sound");
    let client = client(&sts);
    assert_eq!(
        (client.issuer.as_str(), client.token_endpoint.as_str()),
        ("https://sts.home/r/", "https://sts.home:8443/token")
    );
    assert_eq!(client.authentication, Authentication::SecretBasic(Secret::File("/s.secret".into())));
    assert_eq!(sts.ca_file.as_deref(), Some(Path::new("/etc/jarvis-node-agent/sts.pem")));
    let rule = AudienceRule {
        users: vec![Principal::Name("pi".into()), Principal::Id(1000)],
        groups: vec![Principal::Name("jarvis".into())],
        scope: Some("x y".into()),
        exchange: true,
        azp: vec!["c d".into()],
        resource: Some("https://gateway.home".into()),
        opaque: false,
    };
    assert!(sts.audiences["b"].opaque);
    assert_eq!((&sts.audiences["a"], sts.default_audience.as_deref()), (&rule, None));
}

#[test]
fn assertion_audience_is_issuer_endpoint_or_value() {
    let with = |more: &str| sts(&format!("{SOUND}{more}")).map(|sts| client(&sts).assertion_audience.clone());
    assert_eq!(with(""), Ok(None));
    assert_eq!(with(r#", "assertion_audience": "issuer""#), Ok(None));
    let endpoint = "https://sts.home/realms/arp-dev/protocol/openid-connect/token";
    assert_eq!(with(r#", "assertion_audience": "token_endpoint""#), Ok(Some(endpoint.into())));
    let own = r#", "assertion_audience": "token_endpoint", "token_endpoint": "https://sts.home/token/""#;
    assert_eq!(with(own), Ok(Some("https://sts.home/token/".into())), "as it is written");
    assert_eq!(with(r#", "assertion_audience": "urn:sts""#), Ok(Some("urn:sts".into())));
    for key in ["assertion_audience", "assertion_algorithm"] {
        let secret = SOUND.replace("client_key_file", "client_secret_file");
        let told = sts(&format!(r#"{secret}, "{key}": "issuer""#)).expect_err("of a secret");
        assert!(told.contains("without client_key_file"), "{told}");
    }
}

#[test]
fn client_id_is_any_printable_ascii_but_blank() {
    let with = |id: &str| sts(&SOUND.replace("kitchen-pi", id)).map(|sts| client(&sts).client_id.clone());
    let printable: String = (' '..='~').filter(|c| !['"', '\\'].contains(c)).collect();
    for id in ["kitchen pi", " k", &printable, &"x".repeat(128)] {
        assert_eq!(with(id).as_deref(), Ok(id));
    }
    for id in ["", "  ", "\u{fc}", "a\\tb", &"x".repeat(129)] {
        assert!(with(id).is_err_and(|told| told.contains("sts.client_id must be")), "{id}");
    }
}

#[test]
fn empty_audiences_give_nobody_a_token() {
    let sts = sts(&SOUND.replace(r#""arp-run-gateway": {}"#, "")).expect("sound");
    assert!(sts.audiences.is_empty() && sts.default_audience.is_none());
}

#[test]
fn empty_name_in_audiences_is_for_requests_without_one() {
    let with = |audiences: &str| sts(&SOUND.replace(r#""arp-run-gateway": {}"#, audiences)).expect("sound");
    for audiences in [r#""": {"users": ["smartem"]}"#, r#""a": {}, "": {"users": ["smartem"]}"#] {
        let sts = with(audiences);
        assert_eq!(sts.default_audience.as_deref(), Some(""), "{audiences}");
        assert_eq!(sts.audiences[""].users, [Principal::Name("smartem".into())]);
    }
    assert_eq!(with(r#""a": {}, "b": {}"#).default_audience, None);
}

#[test]
fn env_file_stands_alone_beside_its_audiences() {
    let found =
        sts(r#""env_file": "agent.env", "ca_file": "sts.pem", "audiences": {"": {}}"#).expect("sound");
    assert_eq!(found.source, StsSource::EnvFile("/etc/jarvis-node-agent/agent.env".into()));
    assert_eq!(found.ca_file.as_deref(), Some(Path::new("/etc/jarvis-node-agent/sts.pem")));
    assert_eq!(found.proof_file(), Some(("env_file", Path::new("/etc/jarvis-node-agent/agent.env"))));
    for key in [
        "issuer",
        "token_endpoint",
        "client_id",
        "client_secret_file",
        "client_key_file",
        "auth_method",
        "assertion_audience",
        "assertion_algorithm",
    ] {
        let told = sts(&format!(r#""env_file": "agent.env", "{key}": "x.y", "audiences": {{}}"#));
        let told = told.expect_err(key);
        assert!(told.contains(&format!("both env_file and {key}")), "{told}");
    }
    let told = sts(r#""env_file": "agent.env""#).expect_err("no audiences");
    assert!(told.contains("lacks audiences"), "{told}");
}

#[test]
fn environment_stands_in_for_sts_where_a_broker_is() {
    let sts = by_variables(&KEYCLOAK).expect("sound");
    assert!(matches!(sts.source, StsSource::Environment(_)));
    assert_eq!(sts.audiences, BTreeMap::from([("".into(), AudienceRule::default())]));
    assert_eq!(sts.default_audience.as_deref(), Some(""));
    assert_eq!(sts.ca_file.as_deref(), Some(Path::new("/etc/jarvis-node-agent/ca.pem")));
    let named = by_variables(&[&KEYCLOAK[..], &[("ARP_AUTH_AUDIENCE", "a")]].concat()).expect("sound");
    assert_eq!(named.default_audience.as_deref(), Some("a"));
    assert!(named.audiences.len() == 1 && named.audiences.contains_key("a"));
    let told = by_variables(&[&KEYCLOAK[..], &[("ARP_AUTH_AUDIENCE", "a\tb")]].concat()).expect_err("a tab");
    assert!(told.contains("ARP_AUTH_AUDIENCE must be"), "{told}");
}

#[test]
fn file_wins_over_variables_as_a_whole() {
    let config = parse(&format!(r#", "sts": {{{SOUND}}}"#), &KEYCLOAK).expect("sound");
    assert!(config.sts.is_some_and(|sts| client(&sts).client_id == "kitchen-pi"));
    let told = parse(r#", "sts": {"issuer": "https://sts.home/r"}"#, &KEYCLOAK).expect_err("half of each");
    assert!(told.contains("sts lacks client_id"), "{told}");
}

#[test]
fn broker_needs_an_sts() {
    let told = parse(BROKER, &[]).expect_err("no sts");
    assert!(told.contains("broker needs sts"), "{told}");
    let both = format!(r#", "sts": {{{SOUND}}}{BROKER}"#);
    assert_eq!(parse(&both, &[]).expect("sound").broker, Some(Broker { socket: "/run/x.sock".into() }));
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    let both = format!(r#", "sts": {{{SOUND}}}{BROKER}"#);
    for variables in [&KEYCLOAK[..], &KEYCLOAK[..1], &[("KEYCLOAK_URL", "no URL")]] {
        let config = parse("", variables).expect("no warning");
        assert_eq!((config.sts, config.broker), (None, None));
        assert!(parse(&both, variables).expect("no warning").broker.is_some());
    }
    let warning = parse(BROKER, &KEYCLOAK[..1]).expect_err("half");
    assert!(warning.contains("KEYCLOAK_REALM"), "{warning}");
}

#[test]
fn variables_beside_a_whole_family_are_named_and_tokens_work() {
    let variables = [&KEYCLOAK[..], &[("KEYCLOAK_CLIENT_ID", "x"), ("ARP_AUTH_ISSUER", "y")]].concat();
    let path = Path::new("/etc/jarvis-node-agent/config.json");
    let config = Config::parse(&format!("{{{LEAST}{BROKER}}}"), path, &named(&variables)).expect("sound");
    assert!(config.sts.is_some() && config.broker.is_some());
    let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
    assert_eq!(warning.code, "tokens");
    assert!(warning.message.ends_with(": ARP_AUTH_ISSUER, KEYCLOAK_CLIENT_ID"), "{warning:?}");
}
