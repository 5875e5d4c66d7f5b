//! The faults of a token service, and their effect on a verifier.

use core::time::Duration;
use std::net::TcpStream;

use server_stub::jwt::Refused;
use server_stub::{
    CertificateAuthority, Fault, FaultError, Faults, Options, Server, ServerOptions, StsOptions, Stub,
};

use super::rig::{CERTS_PATH, DISCOVERY_PATH, ask, checked, exchange, faults, json_of, own, refusal};
use super::rig::{start, start_with, token_of};
use crate::client::{Ask, Connection};

/// A verifier's finding for each faulty token. Another test covers the clock.
#[test]
fn each_fault_of_a_token_is_found_by_who_checks_it() {
    let sts = start();
    for (fault, found) in [
        ("token-not-jwt", Refused::Malformed),
        ("token-unknown-kid", Refused::UnknownKid),
        ("token-no-kid", Refused::NoKid),
        ("token-bad-signature", Refused::Signature),
        ("token-alg-none", Refused::Algorithm),
        ("token-hs256", Refused::Algorithm),
        ("token-wrong-aud", Refused::Audience),
        ("token-no-aud", Refused::NoAudience),
        ("token-wrong-iss", Refused::Issuer),
        ("token-no-exp", Refused::NoExpiry),
        ("token-expired", Refused::Expired),
        ("token-nbf-future", Refused::NotYet),
        ("token-typ-id", Refused::Type),
        ("token-clock-ahead", Refused::FromTheFuture),
        ("token-clock-behind", Refused::Expired),
    ] {
        sts.server().set_faults(faults(fault)).expect("set");
        let token = token_of(&own(&sts, &[]));
        assert_eq!(checked(&sts, &token, "arp-run-gateway").err(), Some(found), "{fault}");
    }
    sts.server().set_faults(faults("token-wrong-azp")).expect("set");
    let claims = checked(&sts, &token_of(&own(&sts, &[])), "arp-run-gateway").expect("good otherwise");
    assert_eq!(claims.text("azp"), Some("somebody-else"));
    sts.server().set_faults(faults("")).expect("set");
    assert!(checked(&sts, &token_of(&own(&sts, &[])), "arp-run-gateway").is_ok());
}

/// Every fault of tokens has a row above or below.
#[test]
fn every_fault_of_tokens_is_tried_here() {
    let here = include_str!("faults.rs");
    for fault in Fault::all().filter(|fault| fault.is_of_tokens()) {
        assert!(here.contains(&format!("\"{fault}\"")), "{fault} is in no test");
    }
    assert_eq!(Fault::all().filter(|fault| fault.is_of_tokens()).count(), 39);
}

#[test]
fn each_fault_of_an_answer_is_in_it() {
    let sts = start();
    for (fault, member, said) in [
        ("token-missing", "access_token", "null"),
        ("expires-in-missing", "expires_in", "null"),
        ("expires-in-null", "expires_in", "null"),
        ("expires-in-string", "expires_in", "\"300\""),
        ("expires-in-words", "expires_in", "\"five minutes\""),
        ("expires-in-zero", "expires_in", "0"),
        ("expires-in-negative", "expires_in", "-1"),
        ("expires-in-huge", "expires_in", "1000000000000000000"),
        ("token-type-lower", "token_type", "\"bearer\""),
        ("token-type-odd", "token_type", "\"mac\""),
        ("token-type-missing", "token_type", "null"),
    ] {
        sts.server().set_faults(faults(fault)).expect("set");
        let answer = json_of(&own(&sts, &[]));
        assert_eq!(answer[member].to_string(), said, "{fault}");
        assert_eq!(answer.get(member).is_none(), fault.ends_with("-missing"), "{fault}");
    }
}

#[test]
fn each_oauth_error_can_be_had() {
    let sts = start();
    for (fault, status, error) in [
        ("oauth-invalid-client", 401, "invalid_client"),
        ("oauth-unauthorized-client", 401, "unauthorized_client"),
        ("oauth-invalid-request", 400, "invalid_request"),
        ("oauth-invalid-grant", 400, "invalid_grant"),
        ("oauth-invalid-scope", 400, "invalid_scope"),
        ("oauth-unsupported-grant", 400, "unsupported_grant_type"),
        ("oauth-access-denied", 403, "access_denied"),
        ("oauth-unavailable", 503, "temporarily_unavailable"),
        ("oauth-https-required", 403, "invalid_request"),
    ] {
        sts.server().set_faults(faults(fault)).expect("set");
        let (said, told, _) = refusal(&own(&sts, &[]));
        assert_eq!((said, told.as_str()), (status, error), "{fault}");
    }
    for (fault, status, key, says) in [
        ("oauth-no-realm", 404, "error", "Realm does not exist"),
        ("oauth-401-detail", 401, "detail", "Could not validate the client"),
    ] {
        sts.server().set_faults(faults(fault)).expect("set");
        let answer = own(&sts, &[]);
        assert_eq!((answer.status, &json_of(&answer)[key]), (status, &says.into()), "{fault}");
    }
    sts.server().set_faults(faults("oauth-wordless")).expect("set");
    let wordless = own(&sts, &[]);
    assert!(wordless.status == 400 && json_of(&wordless)["error"].is_object());
}

/// Tokens and expectations follow the same clock, and `Date` if a proxy adds it.
#[test]
fn a_clock_that_is_off_is_off_in_all_it_does() {
    let sts = start();
    let token = token_of(&own(&sts, &[]));
    for (fault, off) in [("token-clock-ahead", 600.0), ("token-clock-behind", -600.0)] {
        sts.server().set_faults(faults(fault)).expect("set");
        assert_eq!(own(&sts, &[]).header("date"), None, "Keycloak tells no time");
        sts.server().set_faults(faults(&format!("{fault},date-now"))).expect("set");
        let answer = own(&sts, &[]);
        let date = httpdate::parse_http_date(answer.header("date").expect("a date")).expect("one of HTTP");
        let date = date.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64();
        let ahead = date - std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs_f64();
        assert!((ahead - off).abs() < 60.0, "{fault}: {ahead}");
        // By that clock a valid token is from the future or has expired.
        let refused = refusal(&exchange(&sts, "arp-run-gateway", &token, &[]));
        assert_eq!(refused.2, "Invalid token", "{fault}");
    }
}

#[test]
fn token_faults_meet_and_count_token_requests_only() {
    let sts = start();
    sts.server().fault_next(1, faults("token-expired")).expect("set");
    assert_eq!(ask(&sts, &Ask::get(CERTS_PATH)).status, 200);
    let token = token_of(&own(&sts, &[]));
    assert_eq!(checked(&sts, &token, "arp-run-gateway").err(), Some(Refused::Expired));
    assert!(checked(&sts, &token_of(&own(&sts, &[])), "arp-run-gateway").is_ok());
    // The other faults affect every request.
    sts.server().fault_next(1, faults("status-503,token-expired")).expect("set");
    assert_eq!(ask(&sts, &Ask::get(CERTS_PATH)).status, 503);
    assert_eq!(own(&sts, &[]).status, 200);
}

#[test]
fn token_faults_need_a_token_service() {
    let told = |refused: FaultError| refused.to_string();
    let stub = Stub::start(Options { tls: false, ..Options::default() }).expect("a stub");
    let server = Server::start(ServerOptions::default(), axum::Router::new()).expect("a server");
    for refused in [stub.set_faults(faults("token-expired")), server.set_faults(faults("oauth-wordless"))] {
        assert!(told(refused.expect_err("refused")).contains("the token service"));
    }
    let options = Options { faults: faults("token-expired"), tls: false, ..Options::default() };
    assert!(Stub::start(options).is_err());
}

/// After each fault a token service still works.
#[test]
fn no_fault_is_for_good() {
    let authority = CertificateAuthority::new().expect("an authority");
    let server = ServerOptions { authority: Some(authority.clone()), ..ServerOptions::default() };
    let sts = start_with(StsOptions { server, ..StsOptions::default() });
    let addr = sts.server().addr();
    for fault in Fault::all().filter(|fault| fault.home_service().is_none()) {
        sts.server().set_faults(Faults::of(&[fault]).expect("one")).expect("set");
        // The client closes at once, in the middle of the fault.
        drop(TcpStream::connect_timeout(&addr, Duration::from_millis(100)));
        sts.server().set_faults(Faults::NONE).expect("set");
        let mut way = Connection::tls(addr, authority.pem(), "localhost")
            .unwrap_or_else(|error| panic!("after {fault}: {error}"));
        assert_eq!(way.ask(&Ask::get(DISCOVERY_PATH)).status, 200, "after {fault}");
    }
}
