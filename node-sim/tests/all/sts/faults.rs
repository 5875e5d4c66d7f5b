use server_stub::Fault;

use super::rig::{Rig, brief, wanted};

/// The result of each fault. A token that a service would refuse is not passed on. Signatures are for services
/// to check.
const TOKENS: &[(&str, &str)] = &[
    ("token-missing", "failed: 200 Unknown"),
    ("token-not-jwt", "unusable: NotAJwt"),
    ("token-unknown-kid", "token for 300 s"),
    ("token-no-kid", "unusable: NoKid"),
    ("token-bad-signature", "token for 300 s"),
    ("token-alg-none", "unusable: Algorithm"),
    ("token-hs256", "unusable: Algorithm"),
    ("token-wrong-aud", "unusable: Audience"),
    ("token-no-aud", "unusable: Audience"),
    ("token-wrong-iss", "unusable: Issuer"),
    ("token-wrong-azp", "unusable: Holder"),
    ("token-no-exp", "unusable: NoExpiry"),
    // Without a `Date`, which a proxy may add, nobody knows whose clock is wrong.
    ("token-expired", "token for 300 s"),
    ("token-expired,date-now", "unusable: Expired"),
    ("token-nbf-future", "unusable: NotYetValid"),
    ("token-typ-id", "unusable: NotAnAccessToken"),
    ("token-clock-ahead", "token for 300 s"),
    ("token-clock-behind", "token for 300 s"),
    ("expires-in-missing", "token for 300 s"),
    ("expires-in-string", "token for 300 s"),
    ("expires-in-words", "failed: 200 Unknown"),
    ("expires-in-null", "token for 300 s"),
    ("expires-in-zero", "unusable: Expired"),
    ("expires-in-negative", "unusable: Expired"),
    ("expires-in-huge", "token for 300 s"),
    ("token-type-lower", "token for 300 s"),
    ("token-type-odd", "unusable: Kind"),
    ("token-type-missing", "token for 300 s"),
];

/// Faults of any server, one of a kind.
const SERVERS: &[(&str, &str)] = &[
    ("status-429", "failed: 429 Troubled"),
    ("status-500", "failed: 500 Troubled"),
    ("status-503", "failed: 503 Troubled"),
    ("proxy-log-in", "failed: 401 Between"),
    ("status-307", "failed: 307 Redirecting"),
    ("html", "failed: 200 Between"),
    ("json-list", "failed: 200 Unknown"),
    ("cut-json", "failed: 200 Unknown"),
    ("empty-body", "failed: 200 Unknown"),
    ("deep-nesting", "failed: 200 Unknown"),
    ("status-line-garbage", "unanswered: NotUnderstood"),
    ("long-body", "unanswered: NotUnderstood"),
    ("close-after-request", "unanswered: ClosedEarly"),
    ("body-cut", "unanswered: ClosedEarly"),
    ("stall", "unanswered: Stalled"),
    ("body-stall", "unanswered: Stalled"),
    ("header-slow", "unanswered: Stalled"),
];

/// Why an STS refuses a request (RFC 6749, section 5.2), and whether it will refuse until the configuration is
/// fixed.
const REFUSALS: &[(&str, &str, bool)] = &[
    ("oauth-invalid-client", "refused: 401 invalid_client", true),
    ("oauth-unauthorized-client", "refused: 401 unauthorized_client", true),
    ("oauth-invalid-request", "refused: 400 invalid_request", false),
    ("oauth-invalid-grant", "refused: 400 invalid_grant", false),
    ("oauth-invalid-scope", "refused: 400 invalid_scope", false),
    ("oauth-unsupported-grant", "refused: 400 unsupported_grant_type", false),
    ("oauth-access-denied", "refused: 403 access_denied", false),
    ("oauth-unavailable", "failed: 503 Troubled", false),
    ("oauth-no-realm", "failed: 404 Pathless", false),
    ("oauth-401-detail", "refused: 401 ", false),
    ("oauth-https-required", "failed: 403 TlsOnly", false),
    ("oauth-wordless", "failed: 400 Unknown", false),
];

#[test]
fn every_token_fault_has_its_expected_result() {
    for (fault, met) in TOKENS {
        let rig = Rig::new();
        let client = rig.usual();
        rig.fault(fault);
        let result = client.fetch(&wanted("arp-run-gateway"));
        assert_eq!(brief(&result), *met, "{fault}");
        assert_eq!(rig.sts.token_requests(), 1, "{fault}: one request for one token");
    }
}

#[test]
fn every_token_fault_has_its_row() {
    let refusals = REFUSALS.iter().map(|(name, ..)| *name);
    let rows: Vec<_> = TOKENS.iter().map(|(name, _)| *name).chain(refusals).collect();
    let of_tokens = Fault::all().filter(|fault| fault.is_of_tokens()).map(Fault::name);
    let missing: Vec<_> = of_tokens.filter(|name| !rows.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn refusal_is_permanent_only_about_the_client() {
    let rig = Rig::new();
    let client = rig.usual();
    let mut seen = Vec::new();
    for (fault, ..) in REFUSALS {
        rig.fault(fault);
        let result = client.fetch(&wanted("arp-run-gateway"));
        let told = brief(&result);
        seen.push((*fault, told, result.unwrap_err().is_permanent()));
    }
    let expected: Vec<_> =
        REFUSALS.iter().map(|(fault, met, last)| (*fault, (*met).to_owned(), *last)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn server_trouble_is_never_permanent() {
    let rig = Rig::new();
    let (client, impatient) = (rig.usual(), rig.impatient());
    for (fault, met) in SERVERS {
        rig.fault(fault);
        let client = if met.ends_with("Stalled") { &impatient } else { &client };
        let result = client.fetch(&wanted("arp-run-gateway"));
        assert_eq!(brief(&result), *met, "{fault}");
        assert!(!result.unwrap_err().is_permanent(), "{fault}");
    }
    rig.sts.server().go_down();
    let away = client.fetch(&wanted("arp-run-gateway"));
    assert_eq!(brief(&away), "unanswered: Unreachable");
    rig.sts.server().come_back().unwrap();
    rig.sts.server().set_faults(server_stub::Faults::NONE).unwrap();
    assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "token for 300 s");
}
