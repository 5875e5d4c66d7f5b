//! Fields of a JSON body, checked as pydantic checks them. Errors name every bad field, in order.
//!
//! Recorded: `missing`, `string_type`, `model_attributes_type`. The other kinds are *documented* by
//! pydantic.

use super::json::JsonValue;
use super::{Refusal, RequestBody};
use crate::server::answer::quoted;

/// An error of a field, in pydantic's words.
struct Complaint {
    kind: &'static str,
    message: String,
    /// A JSON object.
    context: Option<String>,
}

impl Complaint {
    fn new(kind: &'static str, message: &str) -> Self {
        Self { kind, message: message.to_owned(), context: None }
    }
}

/// The fields of a body. For a bad field, methods record an error and return a placeholder, and
/// [`RequestBody::form`] then returns the errors only.
pub(crate) struct BodyFields<'a> {
    body: &'a JsonValue,
    errors: Vec<String>,
}

impl RequestBody {
    /// Reads the body's fields.
    pub(crate) fn form<T>(&self, read: impl FnOnce(&mut BodyFields<'_>) -> T) -> Result<T, Refusal> {
        let body = match self {
            Self::Nothing | Self::Json(JsonValue::Null) => {
                let missing = Complaint::new("missing", "Field required");
                return Err(Refusal::Unprocessable(vec![error("\"body\"", &missing, "null")]));
            }
            Self::Raw(bytes) => match core::str::from_utf8(bytes) {
                Ok(text) => return Err(not_an_object(&quoted(text))),
                Err(_) => return Err(Refusal::Internal),
            },
            Self::Json(value @ JsonValue::Object(_)) => value,
            Self::Json(value) => {
                return Err(not_an_object(&value.to_string()));
            }
        };
        let mut form = BodyFields { body, errors: Vec::new() };
        let fields = read(&mut form);
        if form.errors.is_empty() { Ok(fields) } else { Err(Refusal::Unprocessable(form.errors)) }
    }
}

impl<'a> BodyFields<'a> {
    /// A required string.
    pub(crate) fn string(&mut self, name: &str) -> String {
        match self.body.member(name) {
            Some(value) => self.text(&at(name), value),
            None => {
                self.complain(&at(name), &Complaint::new("missing", "Field required"), self.body);
                String::new()
            }
        }
    }

    /// A required string of `least` to `most` characters.
    pub(crate) fn string_of(&mut self, name: &str, least: usize, most: usize) -> String {
        let text = self.string(name);
        let Some(value @ JsonValue::Text(_)) = self.body.member(name) else { return text };
        let length = text.chars().count();
        let (kind, bound, key, limit) = if length < least {
            ("string_too_short", "at least", "min_length", least)
        } else if length > most {
            ("string_too_long", "at most", "max_length", most)
        } else {
            return text;
        };
        let message = format!("String should have {bound} {limit} characters");
        let context = Some(format!("{{\"{key}\":{limit}}}"));
        self.complain(&at(name), &Complaint { kind, message, context }, value);
        text
    }

    /// A required e-mail address. *Assumption*: of the service's checks, only the `@` with text on both sides
    /// is made.
    pub(crate) fn email(&mut self, name: &str) -> String {
        let text = self.string(name);
        let Some(value @ JsonValue::Text(_)) = self.body.member(name) else { return text };
        let reason = match text.rsplit_once('@') {
            None => "An email address must have an @-sign.",
            Some(("", _)) => "There must be something before the @-sign.",
            Some((_, "")) => "There must be something after the @-sign.",
            Some(_) => return text,
        };
        let message = format!("value is not a valid email address: {reason}");
        let context = Some(format!("{{\"reason\":{}}}", quoted(reason)));
        self.complain(&at(name), &Complaint { kind: "value_error", message, context }, value);
        text
    }

    /// A string that may be null or left out.
    pub(crate) fn optional_string(&mut self, name: &str) -> Option<String> {
        let value = self.given(name)?;
        Some(self.text(&at(name), value))
    }

    /// A list of strings that may be null or left out.
    pub(crate) fn optional_strings(&mut self, name: &str) -> Option<Vec<String>> {
        let value = self.given(name)?;
        let JsonValue::Array(items) = value else {
            self.complain(&at(name), &Complaint::new("list_type", "Input should be a valid list"), value);
            return None;
        };
        let place = at(name);
        Some(items.iter().enumerate().map(|(n, item)| self.text(&format!("{place},{n}"), item)).collect())
    }

    /// An integer that may be null or left out.
    pub(crate) fn optional_integer(&mut self, name: &str) -> Option<i64> {
        let value = self.given(name)?;
        let complaint = match value {
            JsonValue::Number(number) => {
                let digits = number.to_string();
                if let Ok(integer) = digits.strip_suffix(".0").unwrap_or(&digits).parse() {
                    return Some(integer);
                }
                Complaint::new(
                    "int_from_float",
                    "Input should be a valid integer, got a number with a fractional part",
                )
            }
            JsonValue::Text(text) => match text.trim().parse() {
                Ok(integer) => return Some(integer),
                Err(_) => not_an_integer(),
            },
            JsonValue::Bool(truth) => return Some(i64::from(*truth)),
            JsonValue::Null | JsonValue::Array(_) | JsonValue::Object(_) => {
                Complaint::new("int_type", "Input should be a valid integer")
            }
        };
        self.complain(&at(name), &complaint, value);
        None
    }

    fn given(&self, name: &str) -> Option<&'a JsonValue> {
        self.body.member(name).filter(|value| **value != JsonValue::Null)
    }

    fn text(&mut self, place: &str, value: &JsonValue) -> String {
        if let JsonValue::Text(text) = value {
            return text.clone();
        }
        self.complain(place, &Complaint::new("string_type", "Input should be a valid string"), value);
        String::new()
    }

    fn complain(&mut self, place: &str, complaint: &Complaint, input: &JsonValue) {
        self.errors.push(error(place, complaint, &input.to_string()));
    }
}

/// The refusal of a path segment that is not an integer.
pub(crate) fn not_an_integer_in_path(name: &str, segment: &str) -> Refusal {
    let place = format!("\"path\",{}", quoted(name));
    Refusal::Unprocessable(vec![error(&place, &not_an_integer(), &quoted(segment))])
}

fn not_an_integer() -> Complaint {
    let message = "Input should be a valid integer, unable to parse string as an integer";
    Complaint::new("int_parsing", message)
}

/// The answer repeats the whole input, including secrets (docs/wire/jarvis-auth.md).
fn not_an_object(input: &str) -> Refusal {
    let complaint = Complaint::new(
        "model_attributes_type",
        "Input should be a valid dictionary or object to extract fields from",
    );
    Refusal::Unprocessable(vec![error("\"body\"", &complaint, input)])
}

fn at(name: &str) -> String {
    format!("\"body\",{}", quoted(name))
}

fn error(place: &str, complaint: &Complaint, input: &str) -> String {
    let Complaint { kind, message, context } = complaint;
    let context = context.as_ref().map_or_else(String::new, |context| format!(",\"ctx\":{context}"));
    let message = quoted(message);
    format!("{{\"type\":\"{kind}\",\"loc\":[{place}],\"msg\":{message},\"input\":{input}{context}}}")
}
