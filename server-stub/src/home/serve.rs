//! Paths and methods that a service does not have, and slashes that are too many, by home.

use core::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt as _;

use super::{Home, framing};
use crate::server::answer::{Detail, Exception};
use crate::server::ends::Ends;

/// A service's routes, as a home serves them.
#[derive(Clone)]
struct Served {
    home: Home,
    router: Router,
}

/// See [`Home::serve`].
pub(super) fn served(home: Home, routes: Router) -> Router {
    let router = match home {
        Home::Python => routes
            .fallback(async || Detail::NOT_FOUND)
            .method_not_allowed_fallback(async || Detail::METHOD_NOT_ALLOWED),
        Home::Jarvisd => routes
            .fallback(async || framing::text(StatusCode::NOT_FOUND, "404 page not found\n"))
            .method_not_allowed_fallback(async || {
                framing::text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n")
            }),
    };
    let answer = |State(served): State<Served>, request: Request| async move { served.answer(request).await };
    Router::new().fallback(answer).with_state(Served { home, router })
}

/// Gives an answer that a fault puts in the place of a service's own the home's form. A proxy's page stays.
pub(super) async fn formed(home: Home, response: Response) -> Response {
    if !framing::is_json(&response) && response.extensions().get::<Exception>().is_none() {
        return response;
    }
    let response = match home {
        Home::Python => response,
        Home::Jarvisd => framing::as_go(response).await,
    };
    signed(home, response)
}

fn signed(home: Home, mut response: Response) -> Response {
    let server = match home {
        Home::Python => "uvicorn",
        Home::Jarvisd => "jarvisd",
    };
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static(server));
    response
}

impl Served {
    /// Answers one request as the home would. A refusal is an answer, too.
    async fn answer(&self, request: Request) -> Response {
        let response = match self.home {
            Home::Python => self.as_python(request).await,
            Home::Jarvisd => framing::as_go(self.as_jarvisd(request).await).await,
        };
        signed(self.home, response)
    }

    async fn as_python(&self, mut request: Request) -> Response {
        if *request.method() == Method::HEAD {
            // FastAPI's GET routes do not answer HEAD; axum's do.
            *request.method_mut() = unrouted();
        }
        let mut response =
            match self.without_last_slash(request.uri(), request.headers(), local(&request)).await {
                Some(redirect) => redirect,
                None => self.route(request).await,
            };
        // FastAPI has a route for each method of a path and names the first route's method only.
        allow_only_405(&mut response, |methods| methods.split(',').next().unwrap_or_default().to_owned());
        response
    }

    async fn as_jarvisd(&self, mut request: Request) -> Response {
        if let Some(redirect) = to_clean_path(&request) {
            return redirect;
        }
        // A HEAD is a GET whose body is left out at the end, when its length is known.
        if *request.method() == Method::HEAD {
            *request.method_mut() = Method::GET;
        }
        let mut response = self.route(request).await;
        allow_only_405(&mut response, |methods| {
            let mut methods: Vec<_> = methods.split(',').map(str::trim).collect();
            methods.sort_unstable();
            methods.join(", ")
        });
        response
    }

    async fn route(&self, request: Request) -> Response {
        match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }

    /// A trailing slash after an existing path is redirected, for any method, to the host that the request
    /// names. The scheme is always `http`, because the service does not know about the TLS proxy in front of
    /// it.
    async fn without_last_slash(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        local: SocketAddr,
    ) -> Option<Response> {
        let path = uri.path().strip_suffix('/')?.trim_end_matches('/');
        let probe = Request::builder().method(unrouted()).uri(path).body(Body::empty()).ok()?;
        if self.route(probe).await.status() != StatusCode::METHOD_NOT_ALLOWED {
            return None;
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.map_or_else(|| local.to_string(), str::to_owned);
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let location = [(header::LOCATION, format!("http://{host}{path}{query}"))];
        Some((StatusCode::TEMPORARY_REDIRECT, location).into_response())
    }
}

/// The redirect that Go's `ServeMux` gives for a path with `//`, `.` or `..` in it, for a known path or not.
fn to_clean_path(request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let clean = clean(path);
    if clean == path || *request.method() == Method::CONNECT {
        return None;
    }
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    let location = format!("{clean}{query}");
    let mut response =
        (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location.clone())]).into_response();
    // Only a reader of pages gets a page: net/http writes it for GET, and its type for HEAD, too.
    if *request.method() == Method::GET || *request.method() == Method::HEAD {
        let page = format!("<a href=\"{}\">Temporary Redirect</a>.\n\n", location.replace('&', "&amp;"));
        *response.body_mut() = Body::from(page);
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
    }
    Some(response)
}

/// The path without empty and dot segments. A slash at its end stays.
fn clean(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let end = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}

/// Gives the `Allow` of a 405 the home's form, and takes it from other answers: axum adds it also to a path's
/// own 404.
fn allow_only_405(response: &mut Response, form: impl FnOnce(&str) -> String) {
    let refused = response.status() == StatusCode::METHOD_NOT_ALLOWED;
    let Some(allowed) = response.headers_mut().remove(header::ALLOW).filter(|_| refused) else { return };
    let formed = allowed.to_str().ok().and_then(|allowed| HeaderValue::from_str(&form(allowed)).ok());
    if let Some(formed) = formed {
        response.headers_mut().insert(header::ALLOW, formed);
    }
}

/// A method without a route.
fn unrouted() -> Method {
    Method::CONNECT
}

fn local(request: &Request) -> SocketAddr {
    let unspecified = SocketAddr::from((core::net::Ipv4Addr::UNSPECIFIED, 0));
    request.extensions().get::<Ends>().map_or(unspecified, |ends| ends.local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_with_double_slash_or_dots_is_cleaned() {
        for (path, cleaned) in [
            ("//internal/validate-node", "/internal/validate-node"),
            ("/a//b/", "/a/b/"),
            ("/a/./b/../c", "/a/c"),
            ("/../..", "/"),
            ("/", "/"),
            ("/health", "/health"),
            ("/health/", "/health/"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }
}
