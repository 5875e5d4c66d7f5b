//! Compares an answer with an OpenAPI document: status, media type, headers and body.

use std::cell::RefCell;
use std::collections::HashMap;

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::http::Answer;

/// A document.
#[derive(Debug)]
pub struct Described {
    document: Value,
    /// By schema: they take long to make.
    validators: RefCell<HashMap<String, Validator>>,
}

impl Described {
    /// A document of OpenAPI 3.1.
    ///
    /// # Panics
    /// If it is of another version.
    pub fn new(document: Value) -> Self {
        assert_eq!(document["openapi"], "3.1.0", "{document}");
        Self { document, validators: RefCell::default() }
    }

    /// Its paths, with parameters in braces.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.document["paths"].as_object().expect("paths").keys().map(String::as_str)
    }

    /// The operation of a request.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap_or_default();
        let mut fitting: Vec<&str> = self.paths().filter(|template| fits(template, path)).collect();
        // A path without parameters comes before one with them, and what has a suffix before what has none.
        fitting.sort_by_key(|template| (template.matches('{').count(), core::cmp::Reverse(template.len())));
        let operations = &self.document["paths"][*fitting.first()?];
        // A method in small letters is another one.
        operations.get(method.to_ascii_lowercase()).filter(|_| method == method.to_ascii_uppercase())
    }

    /// The status of an answer that is one to a request that is no operation.
    pub fn elsewhere(&self, answer: &Answer) -> Option<u16> {
        let described = self.document["x-elsewhere"].get(answer.status.to_string())?;
        self.compare(described, answer).is_ok().then_some(answer.status)
    }

    /// Whether an answer to a request is as described.
    pub fn check(&self, method: &str, path: &str, answer: &Answer) -> Result<(), String> {
        let operation = self.operation(method, path);
        let answers = operation.map_or(&self.document["x-elsewhere"], |operation| &operation["responses"]);
        // A header may be too long for any operation.
        let any = self.document["x-elsewhere"].get("431").filter(|_| answer.status == 431);
        let described = answers.get(answer.status.to_string()).or_else(|| answers.get("default")).or(any);
        let described = described.ok_or_else(|| "its status is not described".to_owned());
        described
            .and_then(|described| self.compare(described, answer))
            .map_err(|why| format!("{method} {path}: {why}: {answer:?}"))
    }

    /// Whether a value fits a schema of the document.
    pub fn check_schema(&self, name: &str, value: &Value) -> Result<(), String> {
        self.fits(&json!({ "$ref": format!("#/components/schemas/{name}") }), value)
    }

    fn compare(&self, described: &Value, answer: &Answer) -> Result<(), String> {
        let shared = described["$ref"].as_str().map(|place| place.trim_start_matches('#'));
        let described = shared.map_or(Some(described), |place| self.document.pointer(place));
        let described = described.ok_or("its description is not in the document")?;
        for (name, header) in described["headers"].as_object().into_iter().flatten() {
            let value = answer.header(name).ok_or_else(|| format!("it has no {name}"))?;
            self.fits(&header["schema"], &value.into()).map_err(|why| format!("{name}: {why}"))?;
        }
        let Some(content) = described["content"].as_object() else {
            return if answer.body.is_empty() { Ok(()) } else { Err("it has a body".to_owned()) };
        };
        let media_type = answer.header("content-type").unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default();
        let schema =
            &content.get(media_type).ok_or_else(|| format!("'{media_type}' is not described"))?["schema"];
        let body = match media_type {
            "application/json" => serde_json::from_str(&answer.body).map_err(|why| why.to_string())?,
            _ => Value::from(answer.body.as_str()),
        };
        self.fits(schema, &body)
    }

    fn fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let mut validators = self.validators.borrow_mut();
        let validator = validators.entry(schema.to_string()).or_insert_with(|| {
            let whole = json!({ "allOf": [schema], "components": self.document["components"] });
            jsonschema::draft202012::new(&whole).expect("a schema")
        });
        validator.validate(value).map_err(|why| format!("{why} at '{}'", why.instance_path))
    }
}

/// Whether a path has the form of one with parameters, none of which needs an escape.
fn fits(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template.zip(path).all(|(template, part)| match template.split_once('}') {
            Some((_, suffix)) => part.len() > suffix.len() && part.ends_with(suffix) && !part.contains('%'),
            None => template == part,
        })
}

#[test]
fn path_with_parameters_fits_one_value_each() {
    for (template, path, is_fitting) in [
        ("/runs/{id}", "/runs/r", true),
        ("/runs/{id}", "/runs/", false),
        ("/runs/{id}", "/runs/r/", false),
        ("/runs/{id}:cancel", "/runs/r:cancel", true),
        ("/runs/{id}:cancel", "/runs/r", false),
        ("/runs", "/runs/r", false),
    ] {
        assert_eq!(fits(template, path), is_fitting, "{template} {path}");
    }
}
