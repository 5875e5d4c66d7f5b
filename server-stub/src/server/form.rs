//! Bodies and credentials of `application/x-www-form-urlencoded`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The fields of a form, in order.
pub(crate) struct FormFields(Vec<(String, String)>);

impl FormFields {
    /// None: it is malformed.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(text).ok()?;
        let fields = text.split('&').filter(|field| !field.is_empty());
        let fields = fields.map(|field| {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            Some((decoded(name)?, decoded(value)?))
        });
        fields.collect::<Option<_>>().map(Self)
    }

    /// The first field of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All fields of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether a field occurs more than once, except for these.
    pub(crate) fn repeats(&self, but: &[&str]) -> bool {
        self.0.iter().any(|(name, _)| !but.contains(&name.as_str()) && self.all(name).count() > 1)
    }
}

impl From<FormFields> for Vec<(String, String)> {
    fn from(form: FormFields) -> Self {
        form.0
    }
}

/// Undoes the encoding of a name or a value (URL Standard, section 5.1). None: it is malformed or not UTF-8.
pub(crate) fn decoded(text: &str) -> Option<String> {
    // The library accepts a percent sign without two digits.
    let is_encoded = |rest: &str| rest.len() > 1 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    let spaced = text.replace('+', " ");
    let well_formed = spaced.split('%').skip(1).all(is_encoded);
    percent_decode_str(&spaced).decode_utf8().ok().filter(|_| well_formed).map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_and_found() {
        let form = FormFields::parse(b"grant_type=x&scope=a+b%20c&empty=&flag&scope=d&na%6De=%C3%A4")
            .expect("a form");
        assert_eq!(form.get("grant_type"), Some("x"));
        assert_eq!(form.all("scope").collect::<Vec<_>>(), ["a b c", "d"]);
        assert_eq!((form.get("empty"), form.get("flag"), form.get("other")), (Some(""), Some(""), None));
        assert_eq!(form.get("name"), Some("ä"));
        assert!(form.repeats(&[]) && !form.repeats(&["scope"]));
    }

    #[test]
    fn malformed_forms_are_refused() {
        for bad in [&b"a=%"[..], b"a=%4", b"a=%zz", b"a=%+1", b"a=%ff", b"a=\xff"] {
            assert!(FormFields::parse(bad).is_none(), "{bad:?}");
        }
    }
}
