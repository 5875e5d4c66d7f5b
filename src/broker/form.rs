//! `name=value&name=value`, as a query and as a form (URL Standard, "application/x-www-form-urlencoded").

use zeroize::Zeroizing;

/// Parameters of other requests to a token endpoint (RFC 6749, RFC 7523, RFC 8693), with which nothing is done here.
/// Only these are repeated in errors: another name may be a value without its name.
pub(super) const NOT_SERVED: [&str; 7] = [
    "resource",
    "actor_token",
    "actor_token_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// Says that a parameter is not served.
pub(super) fn not_served(name: &str) -> String {
    format!("the parameter {name} is not served here, leave it out: the node asks the STS in its own name")
}

/// The value of each of `names` in `text`. Wiped when dropped, since a form may hold a token.
///
/// # Errors
/// A sentence about a name that is none of those, a name that comes twice, or a value that is no text.
pub(super) fn read<const N: usize>(
    text: &[u8],
    names: [&str; N],
) -> Result<[Option<Zeroizing<String>>; N], String> {
    let mut values = [const { None }; N];
    for pair in text.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |b| *b == b'=');
        let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        let name = decode(name).ok_or("the name of a parameter is no text")?;
        let is = |known: &&str| *known == name.as_str();
        let unknown = || match NOT_SERVED.into_iter().find(is) {
            Some(known) => not_served(known),
            None => format!("there is a parameter that is none of {}", names.join(", ")),
        };
        let index = names.iter().position(is).ok_or_else(unknown)?;
        let value = decode(value).ok_or_else(|| format!("{} is not properly encoded", names[index]))?;
        if values[index].replace(value).is_some() {
            return Err(format!("{} is there twice", names[index]));
        }
    }
    Ok(values)
}

fn decode(text: &[u8]) -> Option<Zeroizing<String>> {
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => nibble(rest.next()?)? << 4 | nibble(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).ok()
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;

    fn told(text: &str) -> Result<[Option<String>; 2], String> {
        let plain = |value: Option<Zeroizing<String>>| value.map(|text| (*text).clone());
        read(text.as_bytes(), ["audience", "scope"]).map(|values| values.map(plain))
    }

    #[test]
    fn values_are_decoded_and_may_be_missing_or_empty() {
        let some = |text: &str| Some(String::from(text));
        for (text, audience, scope) in [
            ("", None, None),
            ("audience=arp-run-gateway", some("arp-run-gateway"), None),
            ("scope=a+b%20c&audience=x%3D%26%c3%A4", some("x=&ä"), some("a b c")),
            ("&&audience=&scope", some(""), some("")),
            ("audience=a=b", some("a=b"), None),
            ("%61udience=a", some("a"), None),
        ] {
            assert_eq!(told(text), Ok([audience, scope]), "{text}");
        }
    }

    #[test]
    fn form_error_never_repeats_the_value() {
        for (text, why) in [
            ("audience=a&audience=b", "audience is there twice"),
            ("audeince=s3cret", "there is a parameter that is none of audience, scope"),
            ("s3cret", "there is a parameter that is none of audience, scope"),
            ("client_secret=s3cret", &not_served("client_secret")),
            ("scope=%", "scope is not properly encoded"),
            ("scope=%0", "scope is not properly encoded"),
            ("scope=%zz", "scope is not properly encoded"),
            ("scope=%+1", "scope is not properly encoded"),
            ("scope=%ff", "scope is not properly encoded"),
            ("%ff=a", "the name of a parameter is no text"),
        ] {
            assert_eq!(told(text), Err(why.into()), "{text}");
        }
    }

    #[test]
    fn form_decodes_what_was_encoded() {
        let odd = "a b+c&d=e%f/ä~-._*\n\0";
        let pair = format!("audience={}", utf8_percent_encode(odd, NON_ALPHANUMERIC));
        assert_eq!(told(&pair), Ok([Some(odd.into()), None]));
    }
}
