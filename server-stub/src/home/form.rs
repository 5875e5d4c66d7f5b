//! Fields of a JSON body, checked as pydantic checks them. Complaints name every bad field, in order.
//!
//! Recorded: `missing`, `string_type`, `model_attributes_type`. The other kinds are *documented* by
//! pydantic.

use super::json::JsonValue;
use super::refusal::{Complaint, Refusal, Step};
use super::request::RequestBody;
use crate::server::answer::quoted;

/// The fields of an object. For a bad field, methods note a complaint and return a placeholder, and
/// [`RequestBody::form`] then returns the complaints only.
pub(crate) struct BodyFields<'a> {
    body: &'a JsonValue,
    place: Vec<Step>,
    complaints: Vec<Complaint>,
}

impl RequestBody {
    /// Reads the body's fields.
    pub(crate) fn form<T>(self, read: impl FnOnce(&mut BodyFields<'_>) -> T) -> Result<T, Refusal> {
        let place = || vec![Step::from("body")];
        let body = match self {
            Self::Unusable(refusal) => return Err(refusal),
            Self::Nothing => {
                return Err(one(complaint(place(), "missing", "Field required", "null".to_owned())));
            }
            // The answer repeats the whole input, including secrets (docs/wire/jarvis-auth.md).
            Self::Raw(bytes) => match core::str::from_utf8(&bytes) {
                Ok(text) => return Err(one(no_object(place(), quoted(text)))),
                Err(_) => return Err(Refusal::Internal),
            },
            Self::Json(value @ JsonValue::Object(_)) => value,
            Self::Json(value) => return Err(one(no_object(place(), value.to_string()))),
        };
        let mut form = BodyFields { body: &body, place: place(), complaints: Vec::new() };
        let fields = read(&mut form);
        if form.complaints.is_empty() { Ok(fields) } else { Err(Refusal::Unprocessable(form.complaints)) }
    }

    /// Reads the fields of a body that may be left out. None: it is.
    pub(crate) fn optional_form<T>(
        self,
        read: impl FnOnce(&mut BodyFields<'_>) -> T,
    ) -> Result<Option<T>, Refusal> {
        match self {
            Self::Nothing | Self::Json(JsonValue::Null) => Ok(None),
            body @ (Self::Json(_) | Self::Raw(_) | Self::Unusable(_)) => body.form(read).map(Some),
        }
    }
}

impl<'a> BodyFields<'a> {
    /// A required string.
    pub(crate) fn string(&mut self, name: &str) -> String {
        match self.body.member(name) {
            Some(value) => self.text(name, value),
            None => {
                self.complain(name, "missing", "Field required", self.body);
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
        let plural = if limit == 1 { "" } else { "s" };
        self.complain(name, kind, &format!("String should have {bound} {limit} character{plural}"), value);
        self.explain(format!("{{\"{key}\":{limit}}}"));
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
        self.complain(name, "value_error", &format!("value is not a valid email address: {reason}"), value);
        self.explain(format!("{{\"reason\":{}}}", quoted(reason)));
        text
    }

    /// A required string that is one of `choices`.
    pub(crate) fn choice(&mut self, name: &str, choices: &[&str]) -> String {
        let text = self.string(name);
        if let Some(value @ JsonValue::Text(_)) = self.body.member(name)
            && !choices.contains(&text.as_str())
        {
            let wanted = alternatives(choices);
            self.complain(name, "literal_error", &format!("Input should be {wanted}"), value);
            self.explain(format!("{{\"expected\":{}}}", quoted(&wanted)));
        }
        text
    }

    /// A string, one of `choices`, that may be null or left out.
    pub(crate) fn optional_choice(&mut self, name: &str, choices: &[&str]) -> Option<String> {
        self.given(name)?;
        Some(self.choice(name, choices))
    }

    /// A required string that `fits` a pattern.
    pub(crate) fn string_like(&mut self, name: &str, pattern: &str, fits: fn(&str) -> bool) -> String {
        let text = self.string(name);
        if let Some(value @ JsonValue::Text(_)) = self.body.member(name)
            && !fits(&text)
        {
            let message = format!("String should match pattern '{pattern}'");
            self.complain(name, "string_pattern_mismatch", &message, value);
            self.explain(format!("{{\"pattern\":{}}}", quoted(pattern)));
        }
        text
    }

    /// A moment that may be left out: text as RFC 3339 has it, with or without a zone, or a number of seconds.
    /// *Assumption*: the words for another text.
    pub(crate) fn optional_moment(&mut self, name: &str) -> Option<String> {
        let value = self.body.member(name)?;
        match value {
            JsonValue::Text(text) if is_moment(text) => return Some(text.clone()),
            JsonValue::Number(seconds) => return Some(seconds.to_string()),
            JsonValue::Text(_) => {
                let reason = "invalid character in year";
                let message = format!("Input should be a valid datetime or date, {reason}");
                self.complain(name, "datetime_from_date_parsing", &message, value);
                self.explain(format!("{{\"error\":{}}}", quoted(reason)));
            }
            JsonValue::Null | JsonValue::Bool(_) | JsonValue::Array(_) | JsonValue::Object(_) => {
                self.complain(name, "datetime_type", "Input should be a valid datetime", value);
            }
        }
        None
    }

    /// An object of any fields, as JSON, that may be null or left out.
    pub(crate) fn optional_map(&mut self, name: &str) -> Option<String> {
        let value = self.given(name)?;
        if !matches!(value, JsonValue::Object(_)) {
            self.complain(name, "dict_type", "Input should be a valid dictionary", value);
        }
        Some(value.to_string())
    }

    /// A string that may be null or left out.
    pub(crate) fn optional_string(&mut self, name: &str) -> Option<String> {
        let value = self.given(name)?;
        Some(self.text(name, value))
    }

    /// A list of strings that may be null or left out.
    pub(crate) fn optional_strings(&mut self, name: &str) -> Option<Vec<String>> {
        let value = self.given(name)?;
        let JsonValue::Array(items) = value else {
            self.complain(name, "list_type", "Input should be a valid list", value);
            return None;
        };
        self.place.push(name.into());
        let texts = items.iter().enumerate().map(|(n, item)| self.text(Step::Index(n), item)).collect();
        self.place.pop();
        Some(texts)
    }

    /// An object that may be null or left out, with these fields.
    pub(crate) fn optional_object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut BodyFields<'_>) -> T,
    ) -> Option<T> {
        let value = self.given(name)?;
        if !matches!(value, JsonValue::Object(_)) {
            self.complain(name, "dict_type", "Input should be a valid dictionary", value);
            return None;
        }
        Some(self.inside(vec![name.into()], value, read))
    }

    /// A required list of objects, each with these fields.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut BodyFields<'_>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.body.member(name) else {
            self.complain(name, "missing", "Field required", self.body);
            return Vec::new();
        };
        let JsonValue::Array(items) = value else {
            self.complain(name, "list_type", "Input should be a valid list", value);
            return Vec::new();
        };
        let mut read_all = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let steps = vec![name.into(), Step::Index(n)];
            if matches!(item, JsonValue::Object(_)) {
                read_all.push(self.inside(steps, item, &mut read));
            } else {
                let place = [self.place.clone(), steps].concat();
                self.complaints.push(no_object(place, item.to_string()));
            }
        }
        read_all
    }

    fn inside<T>(
        &mut self,
        steps: Vec<Step>,
        value: &JsonValue,
        read: impl FnOnce(&mut BodyFields<'_>) -> T,
    ) -> T {
        let place = [self.place.clone(), steps].concat();
        let mut inner = BodyFields { body: value, place, complaints: Vec::new() };
        let fields = read(&mut inner);
        self.complaints.append(&mut inner.complaints);
        fields
    }

    /// A truth value that may be null or left out.
    pub(crate) fn optional_bool(&mut self, name: &str) -> Option<bool> {
        let value = self.given(name)?;
        if let JsonValue::Bool(truth) = value {
            return Some(*truth);
        }
        let truth = lax_truth(value);
        if truth.is_none() {
            self.complain(name, "bool_type", "Input should be a valid boolean", value);
        }
        truth
    }

    /// A required integer.
    pub(crate) fn integer(&mut self, name: &str) -> i64 {
        if self.body.member(name).is_none() {
            self.complain(name, "missing", "Field required", self.body);
        }
        self.optional_integer(name).unwrap_or_default()
    }

    /// An integer that may be null or left out.
    pub(crate) fn optional_integer(&mut self, name: &str) -> Option<i64> {
        let value = self.given(name)?;
        let (kind, message) = match value {
            JsonValue::Number(number) => {
                let digits = number.to_string();
                if let Ok(integer) = digits.strip_suffix(".0").unwrap_or(&digits).parse() {
                    return Some(integer);
                }
                ("int_from_float", "Input should be a valid integer, got a number with a fractional part")
            }
            JsonValue::Text(text) => match text.trim().parse() {
                Ok(integer) => return Some(integer),
                Err(_) => NOT_AN_INTEGER,
            },
            JsonValue::Bool(truth) => return Some(i64::from(*truth)),
            JsonValue::Null | JsonValue::Array(_) | JsonValue::Object(_) => {
                ("int_type", "Input should be a valid integer")
            }
        };
        self.complain(name, kind, message, value);
        None
    }

    /// A string, or none for any other value.
    pub(crate) fn text_or_nothing(&self, name: &str) -> Option<String> {
        match self.given(name)? {
            JsonValue::Text(text) => Some(text.clone()),
            JsonValue::Null
            | JsonValue::Bool(_)
            | JsonValue::Number(_)
            | JsonValue::Array(_)
            | JsonValue::Object(_) => None,
        }
    }

    fn given(&self, name: &str) -> Option<&'a JsonValue> {
        self.body.member(name).filter(|value| **value != JsonValue::Null)
    }

    fn text(&mut self, name: impl Into<Step>, value: &JsonValue) -> String {
        if let JsonValue::Text(text) = value {
            return text.clone();
        }
        self.complain(name, "string_type", "Input should be a valid string", value);
        String::new()
    }

    fn complain(&mut self, name: impl Into<Step>, kind: &'static str, message: &str, input: &JsonValue) {
        let place = [self.place.clone(), vec![name.into()]].concat();
        self.complaints.push(complaint(place, kind, message, input.to_string()));
    }

    /// Adds details to the last complaint.
    fn explain(&mut self, context: String) {
        if let Some(last) = self.complaints.last_mut() {
            last.context = Some(context);
        }
    }
}

/// Whether a text is a date and a time of day, maybe with seconds, a fraction and a zone.
fn is_moment(text: &str) -> bool {
    let digits = |text: &str, form: &str| {
        text.len() == form.len()
            && text
                .bytes()
                .zip(form.bytes())
                .all(|(b, f)| if f == b'9' { b.is_ascii_digit() } else { b == f })
    };
    let Some((date, time)) = text.split_once(['T', 't', ' ', '_']) else { return false };
    let time = time.trim_end_matches(['Z', 'z']);
    let (time, zone) = time.find(['+', '-']).map_or((time, ""), |at| time.split_at(at));
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let zone = zone.trim_start_matches(['+', '-']);
    digits(date, "9999-99-99")
        && (digits(time, "99:99") || digits(time, "99:99:99"))
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && (zone.is_empty() || digits(zone, "99:99") || digits(zone, "9999"))
}

/// What pydantic takes for a truth value besides one.
fn lax_truth(value: &JsonValue) -> Option<bool> {
    let text = match value {
        JsonValue::Number(number) => number.to_string(),
        JsonValue::Text(text) => text.to_lowercase(),
        JsonValue::Null | JsonValue::Bool(_) | JsonValue::Array(_) | JsonValue::Object(_) => return None,
    };
    match text.as_str() {
        "1" | "true" | "yes" | "on" | "t" | "y" => Some(true),
        "0" | "false" | "no" | "off" | "f" | "n" => Some(false),
        _ => None,
    }
}

const NOT_AN_INTEGER: (&str, &str) =
    ("int_parsing", "Input should be a valid integer, unable to parse string as an integer");

/// The refusal of a path segment that is not an integer.
pub(crate) fn not_an_integer_in_path(name: &str, segment: &str) -> Refusal {
    let (kind, message) = NOT_AN_INTEGER;
    one(complaint(vec!["path".into(), name.into()], kind, message, quoted(segment)))
}

/// The refusal of a required header that is missing.
pub(crate) fn missing_header(name: &str) -> Refusal {
    one(complaint(vec!["header".into(), name.into()], "missing", "Field required", "null".to_owned()))
}

fn one(complaint: Complaint) -> Refusal {
    Refusal::Unprocessable(vec![complaint])
}

fn no_object(place: Vec<Step>, input: String) -> Complaint {
    let message = "Input should be a valid dictionary or object to extract fields from";
    complaint(place, "model_attributes_type", message, input)
}

fn complaint(place: Vec<Step>, kind: &'static str, message: &str, input: String) -> Complaint {
    Complaint { kind, place, message: message.to_owned(), input, context: None }
}

/// `'a'`, or `'a', 'b' or 'c'`.
fn alternatives(choices: &[&str]) -> String {
    let quoted: Vec<_> = choices.iter().map(|choice| format!("'{choice}'")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
