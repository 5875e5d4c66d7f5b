//! Faults of the status and of headers.

use core::time::Duration;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header, request};
use axum::response::{IntoResponse as _, Response};

use super::{Date, Faults, RetryAfter, Status};
use crate::server::answer::{Detail, internal, json_text, quoted};

/// The answer in place of the service's own. None: the service is asked.
pub(crate) fn instead(
    status: Status,
    head: &request::Parts,
    asked: &Bytes,
    elsewhere: &str,
) -> Option<Response> {
    Some(match status {
        Status::S201 => return None,
        Status::S204 => StatusCode::NO_CONTENT.into_response(),
        Status::S301 => redirect(StatusCode::MOVED_PERMANENTLY, head, elsewhere),
        Status::S302 => redirect(StatusCode::FOUND, head, elsewhere),
        Status::S303 => redirect(StatusCode::SEE_OTHER, head, elsewhere),
        Status::S307 => redirect(StatusCode::TEMPORARY_REDIRECT, head, elsewhere),
        Status::S308 => redirect(StatusCode::PERMANENT_REDIRECT, head, elsewhere),
        Status::S400 => detail(StatusCode::BAD_REQUEST, "There was an error parsing the body"),
        Status::S401 => detail(StatusCode::UNAUTHORIZED, "Invalid app credentials"),
        Status::ProxyLogIn => {
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"home\"")];
            (challenge, page(StatusCode::UNAUTHORIZED)).into_response()
        }
        Status::AppHeadersLost => detail(StatusCode::UNAUTHORIZED, "Missing app credentials"),
        Status::S403 => page(StatusCode::FORBIDDEN),
        Status::S404 => detail(StatusCode::NOT_FOUND, "Not Found"),
        Status::PlainNotFound => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
        Status::S405 => {
            let refusal = detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
            ([(header::ALLOW, "GET")], refusal).into_response()
        }
        Status::S413 => page(StatusCode::PAYLOAD_TOO_LARGE),
        Status::S422 => {
            let input = quoted(&String::from_utf8_lossy(asked));
            let text = format!(
                "{{\"detail\":[{{\"type\":\"model_attributes_type\",\"loc\":[\"body\"],\"msg\":\"Input should be a \
                 valid dictionary or object to extract fields from\",\"input\":{input}}}]}}"
            );
            json_text(StatusCode::UNPROCESSABLE_ENTITY, text)
        }
        // Without `Retry-After`, which is a fault of its own.
        Status::S429 => detail(StatusCode::TOO_MANY_REQUESTS, "Too many requests. Please try again later."),
        Status::S500 => internal(),
        Status::S502 => page(StatusCode::BAD_GATEWAY),
        Status::S503 => page(StatusCode::SERVICE_UNAVAILABLE),
        Status::S504 => page(StatusCode::GATEWAY_TIMEOUT),
    })
}

fn detail(status: StatusCode, text: &'static str) -> Response {
    Detail::new(status, text).into_response()
}

/// A proxy's own error page.
fn page(status: StatusCode) -> Response {
    let said = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\r\n");
    (status, [(header::CONTENT_TYPE, "text/html")], said).into_response()
}

fn redirect(status: StatusCode, head: &request::Parts, elsewhere: &str) -> Response {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    (status, [(header::LOCATION, format!("{elsewhere}{path}"))]).into_response()
}

/// The answer with the changed status and headers.
pub(crate) fn stamped(mut response: Response, faults: Faults) -> Response {
    if faults.status == Some(Status::S201) {
        *response.status_mut() = StatusCode::CREATED;
    }
    let headers = response.headers_mut();
    let mut put = |name, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    if let Some(asked) = faults.retry_after {
        put(header::RETRY_AFTER, &retry_after(asked, SystemTime::now()));
    }
    match faults.date {
        Some(Date::Epoch) => put(header::DATE, "Thu, 01 Jan 1970 00:00:00 GMT"),
        Some(Date::Future) => put(header::DATE, "Thu, 01 Jan 2099 00:00:00 GMT"),
        Some(Date::Garbage) => put(header::DATE, "half past seven"),
        Some(Date::Now) => put(header::DATE, &httpdate::fmt_http_date(faults.clock())),
        None => {}
    }
    response
}

fn retry_after(asked: RetryAfter, now: SystemTime) -> String {
    match asked {
        RetryAfter::Minute => "60".into(),
        RetryAfter::Absurd => format!("1{}", "0".repeat(30)),
        RetryAfter::Century => "3153600000".into(),
        RetryAfter::Negative => "-1".into(),
        RetryAfter::Date => httpdate::fmt_http_date(now + Duration::from_secs(3600)),
        RetryAfter::Past => "Fri, 31 Dec 1999 23:59:59 GMT".into(),
        RetryAfter::Words => "soon".into(),
    }
}
