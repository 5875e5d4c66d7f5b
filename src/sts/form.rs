//! Request bodies of type `application/x-www-form-urlencoded` (URL Standard, section 5.2).

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

/// The media type of the body.
pub(super) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Encoded fields. Wiped when dropped.
pub(super) struct FormBody(Zeroizing<String>);

impl FormBody {
    /// Makes an empty body of this capacity. It must be enough for all fields: a buffer that grows leaves
    /// unwiped copies behind.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(bytes)))
    }

    /// Adds a field.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(name, IN_BODY, &mut self.0);
        self.0.push('=');
        encode(value, IN_BODY, &mut self.0);
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The greatest length of a text of `len` bytes after encoding.
pub(super) const fn longest(len: usize) -> usize {
    len * 3
}

/// What is encoded in a body: all but the unreserved characters of RFC 3986 and what a form leaves (URL Standard, section 5.2).
pub(crate) const IN_BODY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What is encoded in the header of basic authentication: only what would be read as something else, because some servers
/// decode nothing there. A secret in base64 with `/` and `=` is right at all of them so.
pub(crate) const IN_HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'+').add(b':');

/// Appends `text` with these characters encoded, and all that are not ASCII. A space becomes `%20`, which all servers decode in a
/// form; in the header of basic authentication some take a plus sign for itself.
pub(super) fn encode(text: &str, set: &'static AsciiSet, to: &mut String) {
    to.extend(utf8_percent_encode(text, set));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_urllib_does() {
        let mut form = FormBody::with_capacity(64);
        form.add("grant_type", "urn:x");
        form.add("scope", "a b");
        form.add("client_secret", "p+q:r&s=t%ü~*");
        // This is the output of Python's urllib.parse.urlencode with quote_via=quote, but for '*', which decoders accept in
        // both forms.
        let wanted = "grant_type=urn%3Ax&scope=a%20b&client_secret=p%2Bq%3Ar%26s%3Dt%25%C3%BC~*";
        assert_eq!(form.as_bytes(), wanted.as_bytes());
    }

    #[test]
    fn header_keeps_what_nobody_reads_as_something_else() {
        let mut encoded = String::new();
        encode("a b:c+d%e/f=&!\"#~ü", IN_HEADER, &mut encoded);
        assert_eq!(encoded, "a%20b%3Ac%2Bd%25e/f=&!\"#~%C3%BC");
    }

    #[test]
    fn encoded_text_fits_longest() {
        let mut encoded = String::new();
        encode("\u{1}ü ", IN_BODY, &mut encoded);
        assert_eq!(encoded.len(), longest("\u{1}ü ".len()));
    }
}
