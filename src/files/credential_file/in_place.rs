//! The id and the key in a file that is another program's: they change in place, and all else keeps its text, its order
//! and its white space.

use std::ops::Range;

use node_core::credential::PLACEHOLDERS;
use node_core::plain;
use zeroize::Zeroizing;

use super::Fields;
use crate::files::credential::Credential;
use crate::files::json;

/// The content of a voice node's configuration in which `credential` replaces the one in `before`: the key, and the id
/// if that is missing or a placeholder. Without a credential the same text, which is only checked.
///
/// # Errors
/// The text cannot be changed like this. Continues what it was found in, and quotes none of it.
pub(crate) fn with_key(before: &[u8], credential: Option<&Credential>) -> Result<Zeroizing<Vec<u8>>, String> {
    let mark = plain::mark_len(before).map_err(|why| why.to_string())?;
    let text = std::str::from_utf8(before).map_err(|_| "is not in UTF-8")?;
    let fields: Fields<'_> = serde_json::from_slice(&before[mark..])
        .map_err(|why| format!("is not an object of JSON (line {}, column {})", why.line(), why.column()))?;
    let start = text.find('{').unwrap_or_default() + 1;
    let mut edits: Vec<(Range<usize>, Zeroizing<String>)> = Vec::new();
    for key in ["node_id", "api_key"] {
        let mut values = fields.0.iter().filter(|(name, _)| name == key).map(|(_, value)| value.get());
        let value = values.next();
        if values.next().is_some() {
            return Err(format!("has {key} twice"));
        }
        let given =
            value.and_then(|value| serde_json::from_slice::<&str>(value.as_bytes()).ok()).unwrap_or_default();
        let is_unset = PLACEHOLDERS.iter().any(|known| known.eq_ignore_ascii_case(given));
        let Some(credential) = credential else { continue };
        let new = match key {
            "api_key" => credential.node_key.expose(),
            _ if is_unset => credential.node_id.as_str(),
            _ => continue,
        };
        let new = json::text(new).map(Zeroizing::new).map_err(|why| why.to_string())?;
        edits.push(match value {
            Some(value) => {
                // A part of the same text.
                let at = value.as_ptr().addr() - text.as_ptr().addr();
                (at..at + value.len(), new)
            }
            None => (start..start, Zeroizing::new(format!("\n  \"{key}\": {},", *new))),
        });
    }
    if let Some((_, last)) = edits.last_mut().filter(|_| fields.0.is_empty()) {
        // Nothing follows it.
        last.pop();
        last.push('\n');
    }
    edits.sort_by_key(|(range, _)| range.start);
    // A buffer that grows leaves unwiped copies of the key behind, so it gets its full size at once.
    let mut out = Zeroizing::new(Vec::with_capacity(before.len() + 4096));
    let mut done = 0;
    for (Range { start, end }, new) in &edits {
        out.extend_from_slice(&before[done..*start]);
        out.extend_from_slice(new.as_bytes());
        done = *end;
    }
    out.extend_from_slice(&before[done..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use node_core::credential::NodeId;

    use super::*;
    use crate::files::credential::NodeKey;

    fn changed(before: &str) -> Result<String, String> {
        let (node_id, node_key) = (NodeId::parse("attic-pi"), NodeKey::parse("n\"w-k3y"));
        let credential = Credential::new(node_id.expect("an id"), node_key.expect("a key"));
        assert_eq!(with_key(before.as_bytes(), None)?.as_slice(), before.as_bytes(), "only checked");
        Ok(String::from_utf8(with_key(before.as_bytes(), Some(&credential))?.to_vec()).expect("UTF-8"))
    }

    #[test]
    fn key_is_replaced_and_all_else_keeps_its_text() {
        for (before, after) in [
            (
                "{\r\n\t\"mic_gain\" : 1.50,\r\n\t\"api_key\":\"old\" ,\r\n\t\"node_id\": \"attic-pi\",\r\n\t\"x\":{\"api_key\":\"inner\"}\r\n}\r\n",
                "{\r\n\t\"mic_gain\" : 1.50,\r\n\t\"api_key\":\"n\\\"w-k3y\" ,\r\n\t\"node_id\": \"attic-pi\",\r\n\t\"x\":{\"api_key\":\"inner\"}\r\n}\r\n",
            ),
            (
                "\u{feff}{\"node_id\": \"your-node-id\", \"z\": 1, \"api_key\": \"your_api_key_here\"}",
                "\u{feff}{\"node_id\": \"attic-pi\", \"z\": 1, \"api_key\": \"n\\\"w-k3y\"}",
            ),
            (
                "{\"node_id\": \"cellar-pi\", \"api_key\": null}",
                "{\"node_id\": \"cellar-pi\", \"api_key\": \"n\\\"w-k3y\"}",
            ),
            (
                "{ \"room\": \"attic\" }",
                "{\n  \"node_id\": \"attic-pi\",\n  \"api_key\": \"n\\\"w-k3y\", \"room\": \"attic\" }",
            ),
            ("{}", "{\n  \"node_id\": \"attic-pi\",\n  \"api_key\": \"n\\\"w-k3y\"\n}"),
            ("{\"node_id\": \"n\"}", "{\n  \"api_key\": \"n\\\"w-k3y\",\"node_id\": \"n\"}"),
        ] {
            let changed = changed(before).expect(before);
            assert_eq!(changed, after);
            serde_json::from_str::<serde_json::Value>(changed.trim_start_matches('\u{feff}')).expect(after);
        }
    }

    #[test]
    fn text_that_cannot_be_changed_is_refused_unquoted() {
        for (before, says) in [
            ("", "is not an object of JSON (line 1, column 0)"),
            ("[\"s3cret\"]", "is not an object of JSON"),
            ("{\"api_key\": \"s3cret\"", "is not an object of JSON"),
            ("{\"api_key\": \"s3cret\", \"api_key\": 1}", "has api_key twice"),
            ("{\0\"\0", "UTF-16"),
        ] {
            let told = changed(before).expect_err(before);
            assert!(told.contains(says) && !told.contains("s3cret"), "{told}");
        }
        assert!(with_key(b"{\"a\": \"caf\xe9\"}", None).is_err());
    }
}
