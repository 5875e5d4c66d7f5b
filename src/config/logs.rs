//! Whether the home gets the node's log: `logs`. Nothing that is wrong with it takes anything else away.

use serde_json::{Map, Value};

use crate::net::service_url::ServiceUrl;

/// Where the home takes lines of the log, by `value`, which is `{"url": …}`.
///
/// # Errors
/// A sentence about what is wrong with it.
pub(super) fn read(value: &Value, allow_http: bool) -> Result<ServiceUrl, String> {
    let is_alone = value.as_object().map_or(0, Map::len) == 1;
    match value.get("url").and_then(Value::as_str) {
        Some(url) if is_alone => ServiceUrl::parse("logs.url", url, allow_http),
        Some(_) | None => Err(r#"logs must be {"url": "https://host[:port]"}"#.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_an_object_with_one_url() {
        for (text, says) in [
            (r#"{"url":"https://home:7702"}"#, None),
            (r#"{"url":"http://home:7702"}"#, Some("logs.url is plain")),
            (r#"{"url":"https://home","level":"info"}"#, Some("logs must be")),
            (r#"{"url":7}"#, Some("logs must be")),
            (r#""https://home""#, Some("logs must be")),
            ("{}", Some("logs must be")),
        ] {
            let read = read(&serde_json::from_str(text).expect("JSON"), false);
            let told = read.as_ref().err().map(String::as_str);
            assert_eq!(told.is_some(), says.is_some(), "{text}: {told:?}");
            assert!(told.unwrap_or_default().contains(says.unwrap_or_default()), "{text}: {told:?}");
        }
    }
}
