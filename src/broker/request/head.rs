//! The part of a request that is the same whatever is asked for: its head, and how its body is delimited.

use httparse::Header;
use zeroize::Zeroizing;

use super::chunks;
use crate::broker::answer::Refusal;

/// The longest request line and header fields, in bytes.
pub(crate) const MAX_HEAD: usize = 8 * 1024;
/// The longest body, in bytes.
pub(crate) const MAX_BODY: usize = 16 * 1024;
/// The most header fields.
pub(crate) const MAX_FIELDS: usize = 64;

/// A whole head.
pub(crate) struct Head<'h, 'b> {
    pub(crate) method: &'b str,
    target: &'b str,
    fields: &'h [Header<'b>],
}

/// How much of a body has arrived.
pub(crate) enum Body {
    /// More bytes are needed. `wants_go_ahead`: the caller waits for `100 Continue` (RFC 9110, 10.1.1).
    Incomplete { wants_go_ahead: bool },
    /// All of it.
    Whole(Zeroizing<Vec<u8>>),
}

/// How the end of the body is told (RFC 9112, 6).
enum Framing {
    Length(usize),
    Chunks,
}

/// The path and query of a request target. A server has to take the whole URI, too (RFC 9112, section 3.2.2).
fn origin_form(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    if !scheme.eq_ignore_ascii_case("http") {
        return target;
    }
    rest.find(['/', '?']).map_or("/", |path| &rest[path..])
}

/// There is more of a body than is read.
pub(super) fn body_too_large() -> Refusal {
    Refusal::new(413, "body_too_large", format!("the body is longer than {MAX_BODY} bytes"))
}

impl<'h, 'b> Head<'h, 'b> {
    /// The head of a request of which `bytes` have arrived, and what follows it; `None` if some of it is missing.
    ///
    /// # Errors
    /// As soon as it is certain that the request will be refused.
    pub(crate) fn read(
        bytes: &'b [u8],
        fields: &'h mut [Header<'b>; MAX_FIELDS],
    ) -> Result<Option<(Self, &'b [u8])>, Refusal> {
        let mut head = httparse::Request::new(fields);
        let too_large =
            || Refusal::new(431, "headers_too_large", format!("the head is longer than {MAX_HEAD} bytes"));
        let len = match head.parse(bytes) {
            Ok(httparse::Status::Complete(len)) if len <= MAX_HEAD => len,
            Ok(httparse::Status::Partial) if bytes.len() <= MAX_HEAD => return Ok(None),
            Ok(_) => return Err(too_large()),
            Err(httparse::Error::TooManyHeaders) => {
                let why = format!("there are more than {MAX_FIELDS} header fields");
                return Err(Refusal::new(431, "headers_too_large", why));
            }
            Err(e) => return Err(Refusal::bad_request(format!("this is not HTTP/1.1: {e}"))),
        };
        let (method, target) = (head.method.unwrap_or_default(), head.path.unwrap_or_default());
        let head = Self { method, target, fields: head.headers };
        // Browsers send this field on behalf of a web page, and no web page may have a token.
        if head.one("origin")?.is_some() {
            return Err(Refusal::new(403, "origin_refused", "requests with an Origin are refused"));
        }
        Ok(Some((head, &bytes[len..])))
    }

    /// What is asked for: the path, and the query without its question mark.
    pub(crate) fn path_and_query(&self) -> (&'b str, &'b str) {
        let target = origin_form(self.target);
        target.split_once('?').unwrap_or((target, ""))
    }

    /// The value of a field that may be there only once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&'b str>, Refusal> {
        let mut values = self.fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::bad_request(format!("the field {name} is there twice")));
        }
        first
            .map(|field| std::str::from_utf8(field.value).map(str::trim))
            .transpose()
            .map_err(|_| Refusal::bad_request(format!("the field {name} is no text")))
    }

    /// The body, of which these bytes have `arrived` so far.
    ///
    /// # Errors
    /// As soon as it is certain that the request will be refused.
    pub(crate) fn body(&self, arrived: &[u8]) -> Result<Body, Refusal> {
        let framing = self.framing()?;
        // Even if the body is there by now: what arrives in one piece must mean the same in many.
        let expect = self.one("expect")?;
        let body = match framing {
            Framing::Length(len) => arrived.get(..len).map(|body| Zeroizing::new(body.to_vec())),
            Framing::Chunks => chunks::body(arrived)?,
        };
        Ok(match body {
            Some(body) => Body::Whole(body),
            None => Body::Incomplete {
                wants_go_ahead: arrived.is_empty()
                    && expect.is_some_and(|value| value.eq_ignore_ascii_case("100-continue")),
            },
        })
    }

    fn framing(&self) -> Result<Framing, Refusal> {
        let length = self.one("content-length")?;
        if let Some(encoding) = self.one("transfer-encoding")? {
            if length.is_some() {
                return Err(Refusal::bad_request("there are both Content-Length and Transfer-Encoding"));
            }
            if !encoding.eq_ignore_ascii_case("chunked") {
                return Err(Refusal::bad_request(
                    "Transfer-Encoding is not chunked, and no other one is read",
                ));
            }
            return Ok(Framing::Chunks);
        }
        let without =
            || Refusal::new(411, "length_required", "send the body with a Content-Length or chunked");
        let length = length.ok_or_else(without)?;
        // Checked because `parse` would accept a sign.
        if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::bad_request("Content-Length is not a number"));
        }
        length
            .parse()
            .ok()
            .filter(|length| *length <= MAX_BODY)
            .map(Framing::Length)
            .ok_or_else(body_too_large)
    }
}
