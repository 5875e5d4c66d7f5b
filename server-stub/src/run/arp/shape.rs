//! The part of JSON Schema that the published schemas of requests use. Errors have the published services'
//! words (pydantic's) and do not repeat the input.

use serde_json::{Map, Value, json};

/// The schema of a value.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    /// A string that is not empty.
    Name,
    Flag,
    /// A whole number of at least this value.
    Integer(u8),
    /// A number of at least 0.
    Number,
    OneOf(&'static [&'static str]),
    List(&'static Shape),
    /// An object with these members and no others.
    Object(&'static [Member]),
    /// Any object.
    Anything,
    /// An object whose members are all strings.
    Strings,
    /// An object whose members are named `<who>.<what>`.
    Extensions,
}

/// A member of an object.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

pub(super) const fn needed(name: &'static str, shape: Shape) -> Member {
    Member { name, required: true, shape }
}

pub(super) const fn optional(name: &'static str, shape: Shape) -> Member {
    Member { name, required: false, shape }
}

impl Shape {
    /// Every error in `value`, which is at `place`.
    pub(super) fn errors(self, value: &Value, place: &[Value]) -> Vec<Value> {
        let mut errors = Vec::new();
        self.look(value, place, &mut errors);
        errors
    }

    fn look(self, value: &Value, place: &[Value], errors: &mut Vec<Value>) {
        match (self, value) {
            (Self::Text, Value::String(_)) | (Self::Flag, Value::Bool(_)) => {}
            (Self::Anything, Value::Object(_)) => {}
            (Self::Name, Value::String(text)) if !text.is_empty() => {}
            (Self::Name, Value::String(_)) => {
                errors.push(error("string_too_short", place, "String should have at least 1 character"));
            }
            // A whole number may have a fraction of 0 (JSON Schema, section 4.2.3).
            (Self::Integer(least), Value::Number(number)) if number.as_f64().is_some_and(is_whole) => {
                if number.as_f64().is_none_or(|number| number < f64::from(least)) {
                    let message = format!("Input should be greater than or equal to {least}");
                    errors.push(error("greater_than_equal", place, &message));
                }
            }
            (Self::Number, Value::Number(number)) => {
                if number.as_f64().is_none_or(|number| number < 0.0) {
                    errors.push(error(
                        "greater_than_equal",
                        place,
                        "Input should be greater than or equal to 0",
                    ));
                }
            }
            (Self::OneOf(names), Value::String(text)) if names.contains(&text.as_str()) => {}
            (Self::OneOf(names), _) => {
                let message = format!("Input should be one of {}", names.join(", "));
                errors.push(error("enum", place, &message));
            }
            (Self::List(shape), Value::Array(items)) => {
                for (n, item) in items.iter().enumerate() {
                    shape.look(item, &within(place, n.into()), errors);
                }
            }
            (Self::Object(members), Value::Object(given)) => object(members, given, place, errors),
            (Self::Strings, Value::Object(given)) => {
                for (name, value) in given {
                    Self::Text.look(value, &within(place, name.as_str().into()), errors);
                }
            }
            (Self::Extensions, Value::Object(given)) => {
                for name in given.keys().filter(|name| !is_namespaced(name)) {
                    let place = within(place, name.as_str().into());
                    errors.push(error("extension_name", &place, "Extensions should be named <who>.<what>"));
                }
            }
            (wanted, _) => {
                let (kind, message) = wanted.not_so();
                errors.push(error(kind, place, message));
            }
        }
    }

    /// The error for a value of another type.
    const fn not_so(self) -> (&'static str, &'static str) {
        match self {
            Self::Text | Self::Name | Self::OneOf(_) => ("string_type", "Input should be a valid string"),
            Self::Flag => ("bool_type", "Input should be a valid boolean"),
            Self::Integer(_) => ("int_type", "Input should be a valid integer"),
            Self::Number => ("float_type", "Input should be a valid number"),
            Self::List(_) => ("list_type", "Input should be a valid list"),
            Self::Object(_) | Self::Anything | Self::Strings | Self::Extensions => {
                ("dict_type", "Input should be a valid dictionary")
            }
        }
    }
}

fn object(members: &[Member], given: &Map<String, Value>, place: &[Value], errors: &mut Vec<Value>) {
    for member in members {
        match given.get(member.name) {
            Some(value) => member.shape.look(value, &within(place, member.name.into()), errors),
            None if member.required => {
                errors.push(error("missing", &within(place, member.name.into()), "Field required"));
            }
            None => {}
        }
    }
    for name in given.keys().filter(|name| !members.iter().any(|member| member.name == *name)) {
        let place = within(place, name.as_str().into());
        errors.push(error("extra_forbidden", &place, "Extra inputs are not permitted"));
    }
}

pub(super) fn error(kind: &str, place: &[Value], message: &str) -> Value {
    json!({ "type": kind, "loc": place, "msg": message })
}

fn within(place: &[Value], next: Value) -> Vec<Value> {
    place.iter().cloned().chain([next]).collect()
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0
}

/// `^[A-Za-z0-9][A-Za-z0-9_.-]*\.[A-Za-z0-9_.-]+$`
fn is_namespaced(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    // The dot must be neither first nor last.
    letters && begins && name.get(1..name.len() - 1).is_some_and(|inside| inside.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::Object(&[
        needed("id", Shape::Name),
        optional("flag", Shape::Flag),
        optional("count", Shape::Integer(1)),
        optional("cost", Shape::Number),
        optional("class", Shape::OneOf(&["read", "write"])),
        optional("ids", Shape::List(&Shape::Text)),
        optional("labels", Shape::Strings),
        optional("any", Shape::Anything),
        optional("extensions", Shape::Extensions),
    ]);

    fn found(value: &Value) -> Vec<(String, String)> {
        let errors = SHAPE.errors(value, &["body".into()]);
        let text =
            |error: &Value, name: &str| error[name].as_str().map_or(error[name].to_string(), str::to_owned);
        errors.iter().map(|error| (text(error, "type"), text(error, "loc"))).collect()
    }

    #[test]
    fn valid_values_pass() {
        for good in [
            json!({ "id": "x" }),
            json!({ "id": "x", "flag": false, "count": 1.0, "cost": 0.5, "class": "write", "ids": ["a"] }),
            json!({ "id": "x", "labels": { "a": "b" }, "any": { "n": null }, "extensions": { "org.x": 1 } }),
        ] {
            assert_eq!(found(&good), [], "{good}");
        }
    }

    #[test]
    fn each_error_is_named_with_its_place() {
        for (bad, kind, place) in [
            (json!([]), "dict_type", r#"["body"]"#),
            (json!({}), "missing", r#"["body","id"]"#),
            (json!({ "id": null }), "string_type", r#"["body","id"]"#),
            (json!({ "id": "" }), "string_too_short", r#"["body","id"]"#),
            (json!({ "id": "x", "more": 1 }), "extra_forbidden", r#"["body","more"]"#),
            (json!({ "id": "x", "flag": 1 }), "bool_type", r#"["body","flag"]"#),
            (json!({ "id": "x", "count": 1.5 }), "int_type", r#"["body","count"]"#),
            (json!({ "id": "x", "count": 0 }), "greater_than_equal", r#"["body","count"]"#),
            (json!({ "id": "x", "count": -1 }), "greater_than_equal", r#"["body","count"]"#),
            (json!({ "id": "x", "cost": -0.1 }), "greater_than_equal", r#"["body","cost"]"#),
            (json!({ "id": "x", "cost": "1" }), "float_type", r#"["body","cost"]"#),
            (json!({ "id": "x", "class": "delete" }), "enum", r#"["body","class"]"#),
            (json!({ "id": "x", "ids": "a" }), "list_type", r#"["body","ids"]"#),
            (json!({ "id": "x", "ids": ["a", 1] }), "string_type", r#"["body","ids",1]"#),
            (json!({ "id": "x", "labels": { "a": 1 } }), "string_type", r#"["body","labels","a"]"#),
            (json!({ "id": "x", "any": [] }), "dict_type", r#"["body","any"]"#),
            (
                json!({ "id": "x", "extensions": { "bare": 1 } }),
                "extension_name",
                r#"["body","extensions","bare"]"#,
            ),
        ] {
            assert_eq!(found(&bad), [(kind.to_owned(), place.to_owned())], "{bad}");
        }
    }

    #[test]
    fn all_errors_are_found_at_once() {
        let kinds: Vec<_> =
            found(&json!({ "flag": "no", "a": 1, "b": 2 })).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["missing", "bool_type", "extra_forbidden", "extra_forbidden"]);
    }

    #[test]
    fn extensions_have_a_dot_inside() {
        for good in ["org.x", "a.b.c", "0-a_.x", "a..", "a.b."] {
            assert!(is_namespaced(good), "{good}");
        }
        for bad in ["", "a", ".a", "a.", ".", "a b.c", "ä.b"] {
            assert!(!is_namespaced(bad), "{bad}");
        }
    }
}
