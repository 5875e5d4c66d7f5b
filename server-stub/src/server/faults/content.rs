//! Faults in the content of an answer.

use axum::http::{HeaderMap, HeaderValue, header};

use super::{Content, gzip};
use crate::server::answer::quoted;

/// The start of a rejection that names no node.
const REJECTED: &str = "{\"valid\":false,\"node_id\":null,\"household_id\":null,\"household_member_ids\":null,\
                      \"reason\":";
const PORTAL: &str = "<!doctype html><html><head><title>Free WiFi</title></head><body><form action=\"/login\">\
                      Accept our terms to go on</form></body></html>";

/// `body` with this fault in it. The faults in `valid` and `node_id` apply only where the service's compact
/// JSON has these members.
pub(crate) fn altered(fault: Content, body: &[u8], asked: &[u8], headers: &mut HeaderMap) -> Vec<u8> {
    let text = || String::from_utf8_lossy(body).into_owned();
    let says = |yes: &str, no: &str| {
        let (text, truth) = (text(), "\"valid\":true");
        let (said, instead) = if text.contains(truth) { (truth, yes) } else { ("\"valid\":false", no) };
        text.replace(said, instead).into_bytes()
    };
    let mut put = |name, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    match fault {
        Content::ValidString => says("\"valid\":\"true\"", "\"valid\":\"false\""),
        Content::ValidNumber => says("\"valid\":1", "\"valid\":0"),
        Content::ValidNull => says("\"valid\":null", "\"valid\":null"),
        Content::ValidMissing => {
            text().replace("\"valid\":true,", "").replace("\"valid\":false,", "").into_bytes()
        }
        Content::DuplicateKeys => says("\"valid\":false,\"valid\":true", "\"valid\":true,\"valid\":false"),
        Content::OtherNode => about(&text(), "\"somebody-else\"").into_bytes(),
        Content::NoNode => about(&text(), "null").into_bytes(),
        Content::DeepNesting => nested(7000).into_bytes(),
        Content::DeepNestingInside => padded(&text(), &nested(6000)).into_bytes(),
        Content::BadUtf8 => with_invalid_utf8(body),
        Content::ByteOrderMark => [b"\xef\xbb\xbf", body].concat(),
        Content::Utf16 => {
            put(header::CONTENT_TYPE, "application/json; charset=utf-16");
            let units = core::iter::once(0xfeff).chain(text().encode_utf16().collect::<Vec<u16>>());
            units.flat_map(u16::to_le_bytes).collect()
        }
        Content::Empty => Vec::new(),
        Content::Html => {
            put(header::CONTENT_TYPE, "text/html; charset=utf-8");
            PORTAL.into()
        }
        Content::List => [b"[", body, b"]"].concat(),
        Content::CutJson => body[..body.len() / 2].to_vec(),
        Content::TrailingGarbage => [body, b"\n<!-- served in 3 ms -->"].concat(),
        Content::Gzip => {
            put(header::CONTENT_ENCODING, "gzip");
            gzip::stored(body)
        }
        Content::Long => padded(&text(), &quoted(&"x".repeat(1 << 20))).into_bytes(),
        Content::Denial => rejected("Node not found"),
        Content::LongReason => rejected(&"not today, ".repeat(1000)),
        Content::TerminalEscapes => {
            rejected("\u{1b}[2J\u{1b}]0;owned\u{7}\r\n[jarvis_node] valid: \u{202e}\u{9b}31m\u{85}")
        }
        Content::EchoRequest => rejected(&String::from_utf8_lossy(asked)),
    }
}

fn rejected(reason: &str) -> Vec<u8> {
    format!("{REJECTED}{}}}", quoted(reason)).into_bytes()
}

/// The answer with this JSON in place of the node's id.
fn about(text: &str, node: &str) -> String {
    const KEY: &str = "\"node_id\":\"";
    let Some((before, rest)) = text.split_once(KEY) else { return text.to_owned() };
    let after = rest.split_once('"').map_or("", |(_, after)| after);
    format!("{before}{}{node}{after}", &KEY[..KEY.len() - 1])
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

/// The object with one more member in front.
fn padded(text: &str, padding: &str) -> String {
    text.replacen('{', &format!("{{\"padding\":{padding},"), 1)
}

/// The body with an invalid UTF-8 byte at the beginning of each string value.
fn with_invalid_utf8(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len() + 16);
    for byte in body {
        out.push(*byte);
        if out.ends_with(b"\":\"") {
            out.push(0xff);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: &[u8] = b"{\"valid\":true,\"node_id\":\"kitchen-pi\",\"reason\":null}";

    fn said(fault: Content) -> String {
        String::from_utf8_lossy(&altered(fault, YES, b"{}", &mut HeaderMap::new())).into_owned()
    }

    #[test]
    fn the_answer_is_wrong_in_one_place_and_right_in_the_others() {
        assert_eq!(
            said(Content::ValidString),
            "{\"valid\":\"true\",\"node_id\":\"kitchen-pi\",\"reason\":null}"
        );
        assert_eq!(
            said(Content::OtherNode),
            "{\"valid\":true,\"node_id\":\"somebody-else\",\"reason\":null}"
        );
        assert_eq!(said(Content::NoNode), "{\"valid\":true,\"node_id\":null,\"reason\":null}");
        assert_eq!(said(Content::ValidMissing), "{\"node_id\":\"kitchen-pi\",\"reason\":null}");
        assert!(said(Content::DuplicateKeys).starts_with("{\"valid\":false,\"valid\":true,"));
        assert!(said(Content::DeepNestingInside).starts_with("{\"padding\":[[["));
        assert_eq!(said(Content::DeepNesting).len(), 14_000);
        let bytes = altered(Content::BadUtf8, YES, b"", &mut HeaderMap::new());
        assert!(bytes.windows(4).any(|window| window == b"\"\xffki"));
    }

    #[test]
    fn every_denial_is_one_but_for_its_reason() {
        for fault in [Content::Denial, Content::LongReason, Content::TerminalEscapes, Content::EchoRequest] {
            let value: serde_json::Value = serde_json::from_str(&said(fault)).expect("JSON");
            assert_eq!(value["valid"], false, "{fault:?}");
            assert!(value["reason"].is_string(), "{fault:?}");
        }
    }
}
