//! The two programs that a household may run, and what all their services have in common: how a request is
//! read (`request`, `form`), how it is refused (`refusal`), and how an answer goes out (`framing`, `serve`).
//!
//! A service's handlers say what is answered, once for both homes: they return JSON in the order of the
//! Python models. [`Home::serve`] gives the answer the home's form. Only where a home has another rule, and
//! not just another form, does a handler look at [`Home`].

use core::fmt;
use core::str::FromStr;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::Value;

use crate::server::{Form, Manners, answer};

pub(crate) mod form;
mod framing;
pub(crate) mod json;
pub(crate) mod refusal;
pub(crate) mod request;
mod serve;

/// The program that runs a household's services (docs/wire/jarvis-home.md).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Home {
    /// The Python services: FastAPI behind uvicorn, one process a service.
    #[default]
    Python,
    /// `jarvisd`: one Go program with all services.
    Jarvisd,
}

impl Home {
    /// Serves a service's routes as this home does: other paths, other methods, slashes, headers and the form
    /// of every answer. `document` describes them: FastAPI serves it (*documented*), jarvisd has no such path.
    pub(crate) fn serve(self, routes: Router, document: Value) -> Router {
        let routes = match self {
            Self::Python => {
                routes.route("/openapi.json", get(async move || answer::json(StatusCode::OK, &document)))
            }
            Self::Jarvisd => routes,
        };
        serve::served(self, routes)
    }

    /// The form that this home gives to an answer.
    pub(crate) const fn form(self) -> Form {
        match self {
            Self::Python => |response| Box::pin(serve::formed(Self::Python, response)),
            Self::Jarvisd => |response| Box::pin(serve::formed(Self::Jarvisd, response)),
        }
    }

    /// How this home's listeners treat connections.
    pub(crate) const fn manners(self) -> Manners {
        match self {
            Self::Python => Manners::PYTHON,
            Self::Jarvisd => Manners::GO,
        }
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Python => "python",
            Self::Jarvisd => "jarvisd",
        })
    }
}

/// There is no home of that name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no home '{0}'; python and jarvisd are there")]
pub struct UnknownHome(String);

impl FromStr for Home {
    type Err = UnknownHome;

    fn from_str(name: &str) -> Result<Self, UnknownHome> {
        match name {
            "python" => Ok(Self::Python),
            "jarvisd" => Ok(Self::Jarvisd),
            other => Err(UnknownHome(other.to_owned())),
        }
    }
}
