//! The times in a server's headers, and the request for the time that a server with a pinned key is asked
//! when the board has no clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use node_core::time::UnixTime;
use node_core::trouble::{Trouble, TroubleKind};
use ureq::http::HeaderMap;
use ureq::http::header::{DATE, RETRY_AFTER};

use super::HttpClient;
use crate::net::tls::Purpose;
use crate::system::clock;

impl HttpClient {
    /// Asks the server for the time, over a connection of its own and before `end`. The request contains no
    /// secret, because the dates of the server's certificate cannot be checked yet. Returns false where the
    /// board's own clock counts.
    pub(super) fn learn_time(&self, end: Instant) -> Result<bool, Trouble> {
        if !self.tls.asks_time() {
            return Ok(false);
        }
        let peer = &self.peer;
        let response = self.get_health(Purpose::Time, end).map_err(|unanswered| unanswered.trouble)?;
        // The status does not matter for the time.
        let time = server_time(response.headers()).ok_or_else(|| {
            peer.trouble(
                TroubleKind::NoServerTime,
                format_args!(
                    "{peer} does not tell the time, which spki_pins needs: no valid Date in its answer"
                ),
            )
        })?;
        // No server's clock can be right that is before the build of this program.
        if time < clock::build_time() {
            return Err(peer.trouble(
                TroubleKind::ServerClock,
                format_args!("the clock of {peer} is before this program was built"),
            ));
        }
        self.tls.trust_time(time);
        Ok(true)
    }
}

/// The server's time when it answered (RFC 9110, section 6.6.1).
pub(super) fn server_time(headers: &HeaderMap) -> Option<UnixTime> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    Some(UnixTime(date.duration_since(UNIX_EPOCH).ok()?.as_secs()))
}

/// `Retry-After` as seconds or as a date (RFC 9110, section 10.2.3). A date is measured against the server's
/// own `Date`, because this board's clock may be wrong.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse() {
        return Some(Duration::from_secs(secs));
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let server_now = headers.get(DATE).and_then(|d| date(d.to_str().ok()?)).unwrap_or(now);
    let until = date(text)?;
    Some(until.duration_since(server_now.max(UNIX_EPOCH)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use ureq::http::HeaderValue;

    use super::*;

    #[test]
    fn server_time_is_read_in_every_http_date_format() {
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
        // Beyond 32 bits, which is the size of time_t on many ARMv6 systems.
        assert_eq!(read("Thu, 01 Jan 2099 00:00:00 GMT"), Some(UnixTime(4_070_908_800)));
        for no_date in ["", "0", "-1", "2026-11-22T12:00:00Z", "Sun, 22 Nov 2026 25:00:00 GMT"] {
            assert_eq!(read(no_date), None, "{no_date}");
        }
        assert_eq!(server_time(&HeaderMap::new()), None);
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_date() {
        let read = |retry: &'static str, date: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(retry));
            if let Some(date) = date {
                headers.insert(DATE, HeaderValue::from_static(date));
            }
            retry_after(&headers, UNIX_EPOCH)
        };
        let noon = "Sun, 22 Nov 2026 12:00:00 GMT";
        assert_eq!(read("60", None), Some(Duration::from_secs(60)));
        assert_eq!(read(" 900 ", None), Some(Duration::from_secs(900)));
        assert_eq!(read("Sun, 22 Nov 2026 12:01:30 GMT", Some(noon)), Some(Duration::from_secs(90)));
        assert_eq!(read("Sun, 22 Nov 2026 11:00:00 GMT", Some(noon)), Some(Duration::ZERO));
        assert_eq!(read("soon", Some(noon)), None);
        assert_eq!(read("-5", None), None);
        assert_eq!(retry_after(&HeaderMap::new(), UNIX_EPOCH), None);
    }
}
