//! The paths of each service's router are those of its OpenAPI document.

use std::collections::BTreeSet;

use axum::Router;
use serde_json::Value;

use crate::auth::http;
use crate::home::Home;
use crate::keycloak::paths;
use crate::run::{backend, coordinator, gateway};
use crate::{command_center, config_service, logs, openapi};

/// The paths that axum gives to a fallback.
const FALLBACKS: [&str; 2] = ["/", "/{*__private__axum_fallback}"];

/// The paths of a router. Only its form for debugging tells them: `RouteId(0): "/health"`.
fn served<S>(router: &Router<S>) -> BTreeSet<String> {
    let debug = format!("{router:?}");
    let quoted = debug.split("RouteId(").skip(1).filter_map(|part| part.split('"').nth(1));
    let paths: BTreeSet<_> =
        quoted.filter(|path| path.starts_with('/') && !FALLBACKS.contains(path)).map(str::to_owned).collect();
    assert!(paths.contains("/health") || paths.len() > 4, "axum tells its paths in another way: {debug}");
    paths
}

fn described(document: &Value) -> BTreeSet<String> {
    document["paths"].as_object().expect("paths").keys().cloned().collect()
}

#[test]
fn paths_of_each_homes_services_are_those_described() {
    for home in [Home::Python, Home::Jarvisd] {
        assert_eq!(served(&http::routes(home)), described(&openapi::auth(home)), "{home}");
        assert_eq!(served(&command_center::routes()), described(&openapi::command_center(home)));
        assert_eq!(served(&config_service::routes()), described(&openapi::config_service(home)));
        assert_eq!(served(&logs::routes()), described(&openapi::logs(home)));
    }
}

#[test]
fn paths_of_the_run_services_are_those_described() {
    // A run is cancelled at its own path with a suffix, which one route serves with the path itself.
    let described = |document: &Value| -> BTreeSet<String> {
        described(document).iter().map(|path| path.replace(":cancel", "")).collect()
    };
    assert_eq!(served(&gateway::routes()), described(&openapi::gateway()));
    assert_eq!(served(&coordinator::routes()), described(&openapi::coordinator()));
    assert_eq!(served(&backend::routes()), described(&openapi::smartem()));
}

#[test]
fn paths_of_the_token_service_are_those_described() {
    // The stub's own paths, those with a slash more, and the answer to all others are no operations.
    let mut served = served(&paths::routes());
    served.retain(|path| !path.starts_with("/__stub/") && !path.ends_with('/') && !path.contains("{*"));
    assert_eq!(served, described(&openapi::sts()));
}
