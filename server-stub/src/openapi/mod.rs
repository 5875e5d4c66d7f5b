//! What each service answers, as OpenAPI documents (version 3.1). The schemas are closed: an answer with a member too
//! many, one too few or another sentence does not fit.
//!
//! A document is of one home, where the homes differ. Its `x-elsewhere` has the answers, by status, to requests that
//! are no operation: other paths, other methods, slashes that are too many.

use serde_json::{Map, Value, json};

use crate::home::Home;

mod auth;
mod command_center;
mod config_service;
mod logs;
mod parts;
mod run;
mod smartem;
mod sts;

pub(crate) use auth::document as auth;
pub(crate) use command_center::document as command_center;
pub(crate) use config_service::document as config_service;
pub(crate) use logs::document as logs;
pub(crate) use run::{coordinator, gateway};
pub(crate) use smartem::document as smartem;
pub(crate) use sts::document as sts;

/// All documents, each with the name of its file: one for each home where they differ.
#[must_use]
pub fn documents() -> Vec<(String, Value)> {
    let of_homes = [Home::Python, Home::Jarvisd].into_iter().flat_map(|home| {
        let documents = [
            ("auth", auth(home)),
            ("command-center", command_center(home)),
            ("config-service", config_service(home)),
            ("logs", logs(home)),
        ];
        documents.map(|(name, document)| (format!("{name}.{home}.json"), document))
    });
    let others = [
        ("token-service.json", sts()),
        ("run-gateway.json", gateway()),
        ("run-coordinator.json", coordinator()),
        ("smartem.json", smartem()),
    ];
    of_homes.chain(others.map(|(name, document)| (name.to_owned(), document))).collect()
}

/// A document under construction.
struct Document {
    title: &'static str,
    description: String,
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
    elsewhere: Value,
}

impl Document {
    fn new(title: &'static str, description: impl Into<String>, elsewhere: Value) -> Self {
        let description = description.into();
        Self { title, description, paths: Map::new(), schemas: Map::new(), elsewhere }
    }

    /// Adds an operation at a path.
    fn add(&mut self, method: &str, path: &str, operation: Operation) {
        let at = self.paths.entry(path).or_insert_with(|| json!({}));
        at[method] = Value::Object(operation.0);
    }

    /// Adds a schema that others name with [`parts::named`].
    fn schema(&mut self, name: &str, schema: Value) {
        self.schemas.insert(name.to_owned(), schema);
    }

    fn finished(self) -> Value {
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": self.title,
                "description": self.description,
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            },
            "paths": self.paths,
            "components": {
                "schemas": self.schemas,
                "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
            },
            "x-elsewhere": self.elsewhere,
        })
    }
}

/// An operation under construction.
struct Operation(Map<String, Value>);

impl Operation {
    fn new(id: impl Into<String>, summary: &str) -> Self {
        let mut members = Map::new();
        members.insert("operationId".to_owned(), id.into().into());
        members.insert("summary".to_owned(), summary.into());
        Self(members)
    }

    /// With a token of the caller in `Authorization`.
    fn bearer(mut self) -> Self {
        self.0.insert("security".to_owned(), json!([{ "bearer": [] }]));
        self
    }

    fn parameter(mut self, parameter: Value) -> Self {
        let parameters = self.0.entry("parameters").or_insert_with(|| json!([]));
        if let Some(parameters) = parameters.as_array_mut() {
            parameters.push(parameter);
        }
        self
    }

    /// With a parameter in the path.
    fn at(self, name: &str) -> Self {
        self.parameter(
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
        )
    }

    fn header(self, name: &str) -> Self {
        self.parameter(json!({ "name": name, "in": "header", "schema": { "type": "string" } }))
    }

    fn query(self, name: &str, schema: Value) -> Self {
        self.parameter(json!({ "name": name, "in": "query", "schema": schema }))
    }

    /// With a body in JSON.
    fn takes(self, schema: Value) -> Self {
        self.body(true, "application/json", schema)
    }

    /// With a body in JSON that may be left out.
    fn may_take(self, schema: Value) -> Self {
        self.body(false, "application/json", schema)
    }

    fn body(mut self, required: bool, media_type: &str, schema: Value) -> Self {
        let body = json!({ "required": required, "content": { media_type: { "schema": schema } } });
        self.0.insert("requestBody".to_owned(), body);
        self
    }

    /// With an answer of this status.
    fn answers(mut self, status: u16, answer: Value) -> Self {
        let answers = self.0.entry("responses").or_insert_with(|| json!({}));
        answers[status.to_string()] = answer;
        self
    }
}
