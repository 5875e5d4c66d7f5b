use super::*;

fn read(set: &[(&str, &str)]) -> Result<InboundSettings, VariableError> {
    InboundSettings::from_variables(|asked| {
        set.iter().find(|(name, _)| *name == asked).map(|(_, value)| OsString::from(value))
    })
}

#[track_caller]
fn settings(set: &[(&str, &str)]) -> InboundSettings {
    read(set).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn refused(set: &[(&str, &str)]) -> String {
    read(set).expect_err("refused").to_string()
}

const ISSUER: (&str, &str) = ("ARP_AUTH_ISSUER", "https://idp.test/realm");

#[test]
fn an_issuer_alone_gives_the_published_defaults() {
    let settings = settings(&[ISSUER]);
    assert_eq!(settings.mode, AuthMode::Required);
    assert_eq!(settings.issuer.as_deref(), Some("https://idp.test/realm"));
    assert_eq!(settings.audience, None);
    let discovery = "https://idp.test/realm/.well-known/openid-configuration";
    assert_eq!(settings.keys, Some(KeySource::Discovery(discovery.to_owned())));
    assert_eq!(settings.algorithms, [Algorithm::Rs256]);
    assert_eq!(settings.clock_skew, Duration::from_secs(60));
    assert_eq!(settings.exempt_paths, ["/v1/health", "/v1/version"]);
}

#[test]
fn nothing_to_check_tokens_with_is_an_error() {
    assert!(refused(&[]).starts_with("ARP_AUTH_ISSUER must be set"));
    assert!(refused(&[("ARP_AUTH_MODE", "optional")]).starts_with("ARP_AUTH_ISSUER must be set"));
    assert!(refused(&[("ARP_AUTH_PROFILE", "prod")]).starts_with("ARP_AUTH_ISSUER must be set"));
    assert_eq!(settings(&[("ARP_AUTH_MODE", "disabled")]).keys, None);
}

#[test]
fn profile() {
    for name in ["dev-insecure", "dev", " DEV ", "Dev_Insecure"] {
        assert_eq!(settings(&[("ARP_AUTH_PROFILE", name)]).mode, AuthMode::Disabled, "{name}");
    }
    for name in ["dev-secure-keycloak", "dev-secure", "keycloak", "dev_secure_keycloak"] {
        let profile = ("ARP_AUTH_PROFILE", name);
        let settings = settings(&[profile, ("ARP_AUTH_SERVICE_ID", "arp-run-gateway")]);
        assert_eq!(settings.mode, AuthMode::Required, "{name}");
        assert_eq!(settings.issuer.as_deref(), Some("http://localhost:8080/realms/arp-dev"), "{name}");
        // Without an audience it would accept tokens for any audience.
        assert!(refused(&[profile]).starts_with("ARP_AUTH_AUDIENCE must be set"), "{name}");
        assert!(read(&[profile, ("ARP_AUTH_MODE", "disabled")]).is_ok(), "{name}");
    }
    for name in ["enterprise", "prod", "production"] {
        assert_eq!(settings(&[("ARP_AUTH_PROFILE", name), ISSUER]).mode, AuthMode::Required, "{name}");
    }
    for name in ["dev-", "none", "secure"] {
        assert!(
            refused(&[("ARP_AUTH_PROFILE", name), ISSUER]).starts_with("ARP_AUTH_PROFILE must be"),
            "{name}"
        );
    }
}

#[test]
fn variables_win_over_the_profile() {
    let dev = ("ARP_AUTH_PROFILE", "dev");
    let settings = settings(&[dev, ("ARP_AUTH_MODE", "required"), ISSUER]);
    assert_eq!((settings.mode, settings.issuer.as_deref()), (AuthMode::Required, Some(ISSUER.1)));
    let keycloak = ("ARP_AUTH_PROFILE", "keycloak");
    let settings =
        self::settings(&[keycloak, ISSUER, ("ARP_AUTH_AUDIENCE", "a"), ("ARP_AUTH_MODE", "optional")]);
    assert_eq!((settings.mode, settings.issuer.as_deref()), (AuthMode::Optional, Some(ISSUER.1)));
    // A blank value counts as unset.
    assert_eq!(self::settings(&[dev, ("ARP_AUTH_MODE", "  ")]).mode, AuthMode::Disabled);
}

#[test]
fn mode() {
    for (name, mode) in [
        ("required", AuthMode::Required),
        (" Optional ", AuthMode::Optional),
        ("DISABLED", AuthMode::Disabled),
    ] {
        assert_eq!(settings(&[ISSUER, ("ARP_AUTH_MODE", name)]).mode, mode, "{name}");
    }
    assert!(refused(&[ISSUER, ("ARP_AUTH_MODE", "off")]).starts_with("ARP_AUTH_MODE must be"));
}

#[test]
fn issuer_is_kept_to_the_letter() {
    let settings = settings(&[("ARP_AUTH_ISSUER", " https://idp.test/realm/ ")]);
    assert_eq!(settings.issuer.as_deref(), Some("https://idp.test/realm/"));
    assert_eq!(settings.keys, Some(KeySource::of_issuer("https://idp.test/realm")));
    assert!(refused(&[("ARP_AUTH_ISSUER", "idp.test")]).contains("http or https URL"));
}

#[test]
fn audience_and_service_id() {
    let (audience, service) = (("ARP_AUTH_AUDIENCE", " a "), ("ARP_AUTH_SERVICE_ID", "s"));
    assert_eq!(settings(&[ISSUER, audience, service]).audience.as_deref(), Some("a"));
    assert_eq!(settings(&[ISSUER, service]).audience.as_deref(), Some("s"));
    assert_eq!(settings(&[ISSUER, ("ARP_AUTH_AUDIENCE", " "), service]).audience.as_deref(), Some("s"));
}

#[test]
fn jwks_uri_before_discovery_url_before_issuer() {
    let jwks = ("ARP_AUTH_JWKS_URI", "https://idp.test/keys");
    let discovery = ("ARP_AUTH_OIDC_DISCOVERY_URL", "https://idp.test/d");
    let keys = |set: &[(&str, &str)]| settings(set).keys.expect("a source");
    assert_eq!(keys(&[ISSUER, jwks, discovery]), KeySource::Jwks(jwks.1.to_owned()));
    assert_eq!(keys(&[ISSUER, discovery]), KeySource::Discovery(discovery.1.to_owned()));
    assert_eq!(keys(&[ISSUER]), KeySource::of_issuer(ISSUER.1));
    // Without an issuer, tokens of any issuer with a known key are accepted.
    assert_eq!(settings(&[jwks]).issuer, None);
    assert!(refused(&[("ARP_AUTH_JWKS_URI", "keys")]).starts_with("ARP_AUTH_JWKS_URI must be"));
    assert!(
        refused(&[("ARP_AUTH_OIDC_DISCOVERY_URL", "d")]).starts_with("ARP_AUTH_OIDC_DISCOVERY_URL must be")
    );
}

#[test]
fn algorithms() {
    let read = |list| settings(&[ISSUER, ("ARP_AUTH_ALGORITHMS", list)]).algorithms;
    assert_eq!(read(" ES256 , RS256,"), [Algorithm::Es256, Algorithm::Rs256]);
    assert_eq!(read(","), [Algorithm::Rs256]);
    for bad in ["none", "HS256", "RS256,HS256", "rs256"] {
        let why = refused(&[ISSUER, ("ARP_AUTH_ALGORITHMS", bad)]);
        assert!(why.starts_with("ARP_AUTH_ALGORITHMS must be"), "{why}");
    }
}

#[test]
fn clock_skew_seconds() {
    let read = |seconds| settings(&[ISSUER, ("ARP_AUTH_CLOCK_SKEW_SECONDS", seconds)]).clock_skew;
    assert_eq!((read("0"), read(" 5 ")), (Duration::ZERO, Duration::from_secs(5)));
    for bad in ["-1", "1.5", "a minute", "3601"] {
        let why = refused(&[ISSUER, ("ARP_AUTH_CLOCK_SKEW_SECONDS", bad)]);
        assert!(why.starts_with("ARP_AUTH_CLOCK_SKEW_SECONDS must be"), "{why}");
    }
}

#[test]
fn exempt_paths() {
    let read = |paths| settings(&[ISSUER, ("ARP_AUTH_EXEMPT_PATHS", paths)]).exempt_paths;
    assert_eq!(read("/a, /b/c ,"), ["/a", "/b/c"]);
    assert_eq!(read(" , "), ["/v1/health", "/v1/version"]);
}
