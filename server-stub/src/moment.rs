//! Moments, as the services write them.

use time::OffsetDateTime;

/// A moment as the auth service writes it: microseconds, UTC.
pub(crate) fn written(moment: OffsetDateTime) -> String {
    naive(moment) + "Z"
}

/// A moment as services write it that say no zone: microseconds, UTC.
pub(crate) fn naive(moment: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.microsecond()
    )
}

/// Serialises a moment as the service writes it.
pub(crate) fn moment<S: serde::Serializer>(at: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&written(*at))
}

/// Serialises a moment as the service writes it, or null.
pub(crate) fn moment_or_null<S: serde::Serializer>(
    at: &Option<OffsetDateTime>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => moment(at, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_to_the_microsecond() {
        let moment = OffsetDateTime::UNIX_EPOCH + core::time::Duration::new(1_795_313_155, 482_570_999);
        assert_eq!(written(moment), "2026-11-22T02:05:55.482570Z");
    }
}
