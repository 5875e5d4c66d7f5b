//! A token endpoint's answer: which tokens are accepted, for how long, and what is shown of a refusal.
#![no_main]

use std::time::Duration;

use jarvis_node::fuzzing::sts::read_answer;
use jarvis_node::sts::{Expected, Grant, TokenError};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use node_core::time::{Instant, UnixTime};

const EXPECTED: Expected<'_> = Expected {
    issuer: "https://sts.home/realms/arp-dev",
    audience: "arp-run-gateway",
    azp: &[],
    opaque: false,
};
const SENT: Instant = Instant::from_millis(1_000_000);
const NOW: UnixTime = UnixTime(1_795_348_800);

fuzz_target!(|input: &[u8]| {
    let given = response(input);
    // Where the audience's rule says opaque, no token is read, and each can still be sent and ends.
    let unread = Expected { opaque: true, ..EXPECTED };
    if let Ok(token) =
        read_answer((Grant::ClientCredentials, given.status, given.body), KEY, &unread, (SENT, NOW, None))
    {
        let body = object(given.body).expect("an accepted answer is valid JSON");
        assert!(!token.expose().is_empty() && token.expose().bytes().all(|b| b.is_ascii_graphic()));
        assert!(token.life() > Duration::ZERO && !body["expires_in"].is_null());
    }
    for (grant, subject) in [(Grant::ClientCredentials, None), (Grant::Exchange, Some(UnixTime(NOW.0 + 60)))]
    {
        match read_answer((grant, given.status, given.body), KEY, &EXPECTED, (SENT, NOW, subject)) {
            Ok(token) => {
                assert!([200, 201].contains(&given.status), "a token from {given:?}");
                let body = object(given.body).expect("an accepted answer is valid JSON");
                assert_eq!(body["access_token"].as_str(), Some(token.expose()));
                assert!(token.expires() > SENT && token.life() > Duration::ZERO);
                if let Some(secs) = body["expires_in"].as_u64() {
                    assert!(token.life() <= Duration::from_secs(secs));
                }
                assert_eq!(token.expose().split('.').count(), 3);
                assert!(token.expose().bytes().all(|b| b.is_ascii_graphic()));
                assert!(!format!("{token:?}").contains(token.expose()));
            }
            Err(error) => {
                let told = format!("{error} {error:?} {}", error.code());
                assert!(!told.contains(KEY), "{told}");
                assert!(!error.to_string().contains(char::is_control), "{told}");
                if error.is_permanent() {
                    assert!(
                        matches!(error, TokenError::Refused { .. }) && (400..500).contains(&given.status)
                    );
                }
            }
        }
    }
});
