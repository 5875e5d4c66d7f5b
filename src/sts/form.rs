//! Bodies of `application/x-www-form-urlencoded` (URL Standard, section 5.2).

use zeroize::Zeroizing;

/// What the body is.
pub(super) const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Names and values, as they are sent. Wiped when dropped.
pub(super) struct Form(Zeroizing<String>);

impl Form {
    /// An empty one, with room for all that will be put into it: a buffer that grows leaves copies behind.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(bytes)))
    }

    /// Adds a field.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(name, &mut self.0);
        self.0.push('=');
        encode(value, &mut self.0);
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The most bytes that a text of `len` can have once it is encoded.
pub(super) const fn longest(len: usize) -> usize {
    len * 3
}

/// Appends `text` as it stands in a form.
pub(crate) fn encode(text: &str, to: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => to.push(char::from(byte)),
            b' ' => to.push('+'),
            _ => {
                to.push('%');
                to.push(char::from(DIGITS[usize::from(byte >> 4)]));
                to.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_encoded_as_browsers_and_python_do() {
        let mut form = Form::with_capacity(64);
        form.add("grant_type", "urn:x");
        form.add("scope", "a b");
        form.add("client_secret", "p+q:r&s=t%ü~*");
        // As urllib.parse.urlencode has it, but for '*' and '~', which may be either way.
        let wanted = "grant_type=urn%3Ax&scope=a+b&client_secret=p%2Bq%3Ar%26s%3Dt%25%C3%BC%7E*";
        assert_eq!(form.as_bytes(), wanted.as_bytes());
    }

    #[test]
    fn no_text_is_longer_than_it_can_be() {
        let mut encoded = String::new();
        encode("\u{1}ü~", &mut encoded);
        assert_eq!(encoded.len(), longest("\u{1}ü~".len()));
    }
}
