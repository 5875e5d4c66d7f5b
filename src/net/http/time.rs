//! Asking the server the time, where it proves itself by a pinned key and the board has no clock.

use std::time::{Instant, UNIX_EPOCH};

use node_core::time::UnixTime;
use node_core::trouble::{Trouble, TroubleKind};
use ureq::http::HeaderMap;
use ureq::http::header::DATE;

use super::{HttpClient, left};
use crate::clock;

impl HttpClient {
    /// Asks the server for the time over a connection of its own, before `end`. What is sent holds no secret:
    /// how old the server's certificate is cannot be told yet. False where the board's own clock counts.
    pub(super) fn learn_time(&self, end: Instant) -> Result<bool, Trouble> {
        let Some(tls) = self.tls.for_time() else { return Ok(false) };
        let response = self
            .exchange(tls, end, |agent| {
                agent.get(&self.health).config().timeout_global(Some(left(end))).build().call()
            })
            .map_err(|unanswered| unanswered.trouble)?;
        // Any status will do: the time does not depend on it.
        let time = server_time(response.headers()).ok_or_else(|| {
            Trouble::new(
                TroubleKind::NoServerTime,
                format_args!(
                    "{} does not tell the time, which spki_pins needs: no Date in its answer",
                    self.peer
                ),
            )
        })?;
        // Nobody answered before this program was made.
        if time < clock::build_time() {
            return Err(Trouble::new(
                TroubleKind::ServerClock,
                format_args!("the clock of {} is before this program was built", self.peer),
            ));
        }
        self.tls.trust_time(time);
        Ok(true)
    }
}

/// When the server says it answered (RFC 9110, 6.6.1).
pub(super) fn server_time(headers: &HeaderMap) -> Option<UnixTime> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    Some(UnixTime(date.duration_since(UNIX_EPOCH).ok()?.as_secs()))
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    #[test]
    fn the_servers_time_is_read_in_every_form_of_http_and_else_it_is_none() {
        let read = |date: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_static(date));
            server_time(&headers)
        };
        for date in [
            "Sun, 22 Nov 2026 12:00:00 GMT",
            " Sun, 22 Nov 2026 12:00:00 GMT ",
            "Sunday, 22-Nov-26 12:00:00 GMT",
            "Sun Nov 22 12:00:00 2026",
        ] {
            assert_eq!(read(date), Some(UnixTime(1_795_348_800)), "{date}");
        }
        // Past what 32 bits can count, which is what a time_t has on many ARMv6 systems.
        assert_eq!(read("Thu, 01 Jan 2099 00:00:00 GMT"), Some(UnixTime(4_070_908_800)));
        for no_date in ["", "0", "-1", "2026-11-22T12:00:00Z", "Sun, 22 Nov 2026 25:00:00 GMT"] {
            assert_eq!(read(no_date), None, "{no_date}");
        }
        assert_eq!(server_time(&HeaderMap::new()), None);
    }
}
