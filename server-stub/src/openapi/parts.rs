//! Schemas and answers that several documents use.

use serde_json::{Value, json};

use crate::home::Home;

/// The description of a service of both homes.
pub(super) fn described(home: Home, what: &str) -> String {
    format!("{what} The home is {home}. x-elsewhere has the answers to requests that are no operation.")
}

/// A schema of the document.
pub(super) fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn integer() -> Value {
    json!({ "type": "integer" })
}

pub(super) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn null() -> Value {
    json!({ "type": "null" })
}

pub(super) fn text_or_null() -> Value {
    json!({ "type": ["string", "null"] })
}

pub(super) fn integer_or_null() -> Value {
    json!({ "type": ["integer", "null"] })
}

/// One of these texts.
pub(super) fn one_of(texts: &[&str]) -> Value {
    json!({ "type": "string", "enum": texts })
}

/// This value.
pub(super) fn only(value: impl Into<Value>) -> Value {
    json!({ "const": value.into() })
}

/// A text that matches a regular expression.
pub(super) fn like(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

pub(super) fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

/// An object with these members, all of them and no others.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    with_optional(members, [])
}

/// An object with these members, and perhaps some of the others.
pub(super) fn with_optional<const N: usize, const M: usize>(
    members: [(&str, Value); N],
    optional: [(&str, Value); M],
) -> Value {
    let mut schema = open(members, optional);
    schema["additionalProperties"] = false.into();
    schema
}

/// An object in a request: of other members no notice is taken.
pub(super) fn open<const N: usize, const M: usize>(
    members: [(&str, Value); N],
    optional: [(&str, Value); M],
) -> Value {
    let required: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    let mut schema = json!({ "type": "object", "properties": {} });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    for (name, member) in members.into_iter().chain(optional) {
        schema["properties"][name] = member;
    }
    schema
}

/// A moment in UTC. Python's auth service adds a Z, others name no zone.
pub(super) fn moment() -> Value {
    like(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z?$")
}

pub(super) fn moment_or_null() -> Value {
    let mut schema = moment();
    schema["type"] = json!(["string", "null"]);
    schema
}

pub(super) fn uuid() -> Value {
    like("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
}

/// A key, which is shown once.
pub(super) fn key() -> Value {
    like("^[A-Za-z0-9_-]{64}$")
}

/// A JSON Web Token.
pub(super) fn jwt() -> Value {
    like(r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$")
}

/// An answer in JSON.
pub(super) fn answer(description: &str, schema: Value) -> Value {
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}

/// An answer without a body.
pub(super) fn nothing(description: &str) -> Value {
    json!({ "description": description })
}

pub(super) fn plain(description: &str, schema: Value) -> Value {
    json!({ "description": description, "content": { "text/plain": { "schema": schema } } })
}

/// The answer with a header that it always has.
pub(super) fn with_header(mut answer: Value, name: &str, schema: Value) -> Value {
    answer["headers"][name] = json!({ "required": true, "schema": schema });
    answer
}

/// A refusal with one of these sentences.
pub(super) fn refusal(description: &str, sentences: &[&str]) -> Value {
    answer(description, object([("detail", one_of(sentences))]))
}

/// A refusal with a sentence that matches a regular expression.
pub(super) fn refusal_like(description: &str, pattern: &str) -> Value {
    answer(description, object([("detail", like(pattern))]))
}

/// 422: what is wrong with a body. It repeats what was sent, secrets included.
pub(super) fn unprocessable() -> Value {
    let place = json!({ "type": "array", "minItems": 1, "items": { "type": ["string", "integer"] } });
    let complaint = with_optional(
        [("type", text()), ("loc", place), ("msg", text()), ("input", json!({}))],
        [("ctx", json!({ "type": "object" }))],
    );
    answer("The body is not as described.", object([("detail", list(complaint))]))
}

/// 500 in the home's form.
pub(super) fn internal(home: Home) -> Value {
    const FAILED: &str = "The service failed.";
    match home {
        Home::Python => plain(FAILED, one_of(&["Internal Server Error"])),
        Home::Jarvisd => refusal(FAILED, &["Internal Server Error"]),
    }
}

/// The answers of a home's services to requests that are no operation.
pub(super) fn elsewhere(home: Home) -> Value {
    let no_path = "The service has no such path.";
    let no_method = "The path has no such method.";
    let redirect = with_header(nothing("There is a slash too many."), "Location", text());
    let (not_found, not_allowed) = match home {
        Home::Python => (refusal(no_path, &["Not Found"]), refusal(no_method, &["Method Not Allowed"])),
        Home::Jarvisd => (
            plain(no_path, one_of(&["404 page not found\n"])),
            plain(no_method, one_of(&["Method Not Allowed\n"])),
        ),
    };
    let mut all = json!({
        "307": redirect,
        "404": not_found,
        "405": with_header(not_allowed, "Allow", text()),
    });
    if home == Home::Jarvisd {
        all["400"] = plain("The request is no HTTP.", one_of(&["400 Bad Request"]));
        all["431"] = plain("The header is too long.", one_of(&["431 Request Header Fields Too Large"]));
    }
    all
}
