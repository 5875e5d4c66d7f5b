use node_core::time::{Instant, UnixTime};

use super::*;
use crate::sts::error::Concern;
use crate::sts::jwt::tests::jwt;

const BOUNDS: Bounds = Bounds {
    sent: Instant::from_millis(1_000_000),
    expires_in: None,
    now: Some(UnixTime(10_000)),
    date: None,
    subject_expires: None,
};

fn read_as(grant: Grant, status: u16, body: &str) -> Result<AccessToken, TokenError> {
    let secrets: [&[u8]; 2] = [b"s3cret", b""];
    let answer = Answer {
        grant,
        status,
        body: body.as_bytes(),
        retry_after: None,
        between: None,
        address: "sts.issuer",
        secrets: &secrets,
    };
    answer.read(&Expected { issuer: "i", audience: "a", azp: &[], opaque: false }, BOUNDS)
}

fn read(status: u16, body: &str) -> Result<AccessToken, TokenError> {
    read_as(Grant::ClientCredentials, status, body)
}

fn token() -> String {
    jwt(r#"{"alg":"RS256","kid":"k"}"#, r#"{"exp":10300,"iat":10000,"iss":"i","aud":"a"}"#)
}

fn life(more: &str) -> Result<u64, TokenError> {
    read(200, &format!(r#"{{"access_token":"{}"{more}}}"#, token())).map(|token| token.life().as_secs())
}

#[test]
fn keycloak_answer_is_read_as_token() {
    let more =
        r#","expires_in":300,"refresh_expires_in":0,"token_type":"Bearer","not-before-policy":0,"scope":"x""#;
    assert_eq!(life(more), Ok(300));
    let exchanged = format!(
        r#"{{"access_token":"{}","expires_in":60,"token_type":"bearer",
            "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}}"#,
        token()
    );
    assert!(read_as(Grant::Exchange, 200, &exchanged).is_ok_and(|token| token.life().as_secs() == 60));
}

#[test]
fn created_is_an_answer_like_ok() {
    let body = format!(r#"{{"access_token":"{}","expires_in":60}}"#, token());
    assert!(read(201, &body).is_ok_and(|token| token.life().as_secs() == 60));
    for status in [202, 203, 206] {
        assert!(matches!(read(status, &body), Err(TokenError::Failed { .. })), "{status}");
    }
}

#[test]
fn expires_in_is_number_digits_or_absent() {
    for (more, wanted) in [
        (r#","expires_in":60"#, 60),
        (r#","expires_in":"60""#, 60),
        (r#","expires_in":60.7"#, 60),
        ("", 300),
        (r#","expires_in":null"#, 300),
        (r#","expires_in":1e300"#, 300),
        (r#","expires_in":99999999999999999999"#, 300),
    ] {
        assert_eq!(life(more), Ok(wanted), "{more}");
    }
    for none in ["-5", "0", r#""0""#] {
        let refused = life(&format!(r#","expires_in":{none}"#));
        assert!(
            matches!(refused, Err(TokenError::Unusable { flaw: InvalidTokenError::Expired, .. })),
            "{none}"
        );
    }
    for odd in ["true", r#""soon""#, r#""-5""#, "[60]"] {
        let refused = life(&format!(r#","expires_in":{odd}"#));
        assert!(matches!(refused, Err(TokenError::Failed { status: 200, .. })), "{odd}");
    }
}

#[test]
fn only_bearer_access_tokens_are_accepted() {
    for kind in ["Bearer", "bearer", "BEARER"] {
        assert_eq!(life(&format!(r#","token_type":"{kind}""#)), Ok(300));
    }
    let flaw = |more: &str| match life(more) {
        Err(TokenError::Unusable { flaw, .. }) => flaw,
        other => panic!("{other:?}"),
    };
    for kind in ["DPoP", "mac", "N_A", ""] {
        assert_eq!(flaw(&format!(r#","token_type":"{kind}""#)), InvalidTokenError::Kind(Text::from(kind)));
    }
    let refresh = r#","issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token""#;
    assert_eq!(flaw(refresh), InvalidTokenError::NotAnAccessToken(Text::from("refresh_token")));
}

#[test]
fn refusal_is_classified_by_status_and_error_code() {
    use Concern::{Client, Sts, Wanted};
    use Grant::{ClientCredentials, Exchange};
    for (grant, status, error, description, concern, permanent) in [
        (
            ClientCredentials,
            401,
            "invalid_client",
            "Invalid client or Invalid client credentials",
            Client,
            true,
        ),
        (ClientCredentials, 401, "unauthorized_client", "Invalid client secret", Concern::Grant, true),
        (ClientCredentials, 400, "unauthorized_client", "Client not enabled", Wanted, true),
        (ClientCredentials, 400, "unsupported_grant_type", "Unsupported grant_type", Wanted, false),
        (ClientCredentials, 400, "invalid_scope", "Invalid scopes: x", Wanted, false),
        (ClientCredentials, 400, "invalid_request", "Missing form parameter: grant_type", Wanted, false),
        (ClientCredentials, 400, "invalid_grant", "", Wanted, false),
        (Exchange, 400, "invalid_request", "Invalid token", Wanted, false),
        (Exchange, 400, "invalid_client", "Audience not found", Wanted, true),
        // Perhaps for one caller's subject token.
        (Exchange, 401, "invalid_client", "Invalid token", Wanted, true),
        (Exchange, 401, "", "", Wanted, false),
        (Exchange, 401, "unauthorized_client", "Client not allowed to exchange", Concern::Grant, true),
        (Exchange, 403, "access_denied", "Client not allowed to exchange", Wanted, false),
        // A realm that is off serves nobody.
        (ClientCredentials, 403, "access_denied", "Realm not enabled", Sts, false),
        (Exchange, 403, "access_denied", "Realm not enabled", Sts, false),
    ] {
        let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
        let refused = read_as(grant, status, &body).expect_err(error);
        assert_eq!((refused.concern(), refused.is_permanent()), (concern, permanent), "{body}");
        assert!(concern != Sts || !refused.is_by_a_willing_sts(), "{body}");
        assert_eq!(refused.status(), Some(status));
        let told = refused.to_string();
        assert!(told.contains(error) && told.contains(description), "{told}");
        let code = if grant == Exchange { "token_exchange_failed" } else { "token_request_failed" };
        assert_eq!(refused.code(), code);
    }
}

#[test]
fn answer_of_no_sts_is_a_temporary_failure() {
    for (status, body) in [
        (200, "<html>log in</html>"),
        (200, "[]"),
        (200, "{}"),
        (200, r#"{"access_token":1}"#),
        (200, r#"{"access_token":null,"token_type":"Bearer"}"#),
        (204, ""),
        (302, ""),
        (401, "<html>"),
        (401, ""),
        (404, "Not Found"),
        (404, r#"{"error":"Realm does not exist"}"#),
        (405, r#"{"error":"HTTP 405 Method Not Allowed"}"#),
        (403, r#"{"error":"invalid_request","error_description":"HTTPS required"}"#),
        (429, r#"{"error":"slow_down"}"#),
        (500, r#"{"error":"invalid_client"}"#),
        (503, ""),
        (406, r#"{"error":"HTTP 406 Not Acceptable"}"#),
        (415, r#"{"error":"HTTP 415 Unsupported Media Type"}"#),
        (400, r#"{"error":"temporarily_unavailable","error_description":"busy"}"#),
        (400, r#"{"error":"SERVER_ERROR"}"#),
    ] {
        let failed = read(status, body).expect_err(body);
        assert!(matches!(failed, TokenError::Failed { .. }), "{status} {body}: {failed:?}");
        assert_eq!((failed.concern(), failed.is_permanent()), (Concern::Sts, false));
    }
    // A failure of an exchange concerns only the caller whose token was exchanged.
    let https = r#"{"error":"invalid_request","error_description":"HTTPS required"}"#;
    for (status, body) in [
        (500, ""),
        (413, "<html>"),
        (431, ""),
        (429, ""),
        (200, "[]"),
        (302, ""),
        (404, r#"{"error":"x"}"#),
        (403, https),
        (401, r#"{"detail":"x"}"#),
        (400, r#"{"error":"temporarily_unavailable"}"#),
    ] {
        let failed = read_as(Grant::Exchange, status, body).expect_err("failed");
        assert_eq!(failed.concern(), Concern::Wanted, "{status}");
    }
}

#[test]
fn sentence_names_the_cause() {
    use Grant::{ClientCredentials, Exchange};
    for (grant, status, body, says) in [
        (
            ClientCredentials,
            404,
            r#"{"error":"Realm does not exist"}"#,
            "check the realm and the path in sts.issuer",
        ),
        (Exchange, 404, "404 page not found", "check the realm and the path in sts.issuer"),
        (ClientCredentials, 401, r#"{"detail":"x"}"#, "refuses (401: x); check client_id"),
        (ClientCredentials, 401, r#"{"detail":["x"]}"#, "refuses (401); check client_id"),
        (ClientCredentials, 401, r#"{"message":"no API key"}"#, "refuses (401: no API key); check client_id"),
        (ClientCredentials, 401, r#"{"error":"INVALID_CLIENT"}"#, "(401 invalid_client); check client_id"),
        (
            ClientCredentials,
            401,
            r#"{"error":"urn:ietf:params:oauth:error:invalid_client"}"#,
            "(401 invalid_client); check client_id",
        ),
        (ClientCredentials, 400, r#"{"error":"invalid_grant"}"#, "own account"),
        (ClientCredentials, 400, r#"{"error":"invalid_request"}"#, "did not come through whole"),
        (ClientCredentials, 400, r#"{"error":"server_error"}"#, "failed (400); wait"),
        (ClientCredentials, 415, r#"{"error":"x"}"#, "check the realm and the path"),
        (Exchange, 401, r#"{"message":"x"}"#, "check client_id"),
        (ClientCredentials, 401, r#"{"error":"access_denied"}"#, "check client_id"),
        (ClientCredentials, 400, r#"{"error":"invalid_client"}"#, "check client_id"),
        (Exchange, 400, r#"{"error":"invalid_client"}"#, "the STS knows that audience"),
        (Exchange, 400, r#"{"error":"invalid_request"}"#, "check the subject token"),
        (ClientCredentials, 400, r#"{"error":"unsupported_grant_type"}"#, "client_credentials"),
        (Exchange, 400, r#"{"error":"unsupported_grant_type"}"#, "exchange tokens"),
        (ClientCredentials, 400, r#"{"error":"invalid_scope"}"#, "check scope in sts"),
        (
            ClientCredentials,
            403,
            r#"{"error":"access_denied","error_description":"Realm not enabled"}"#,
            "enable the realm",
        ),
        (
            ClientCredentials,
            403,
            r#"{"error":"invalid_request","error_description":"HTTPS required"}"#,
            "write https:// in sts.issuer",
        ),
        (ClientCredentials, 302, "", "points elsewhere"),
        (ClientCredentials, 204, "", "does not answer as a token endpoint does; check sts.issuer"),
        (ClientCredentials, 403, "", "if that is right client_id, its secret or key"),
        (ClientCredentials, 503, "", "wait, and if it lasts"),
    ] {
        let told = read_as(grant, status, body).expect_err(body).to_string();
        assert!(told.contains(says), "{status} {body}: {told}");
    }
}

#[test]
fn transport_failure_of_exchange_concerns_only_that_one() {
    use node_core::service::Service;
    use node_core::trouble::TroubleKind;
    for (kind, concern) in [
        (TroubleKind::Stalled, Concern::Wanted),
        (TroubleKind::ClosedEarly, Concern::Wanted),
        (TroubleKind::NotUnderstood, Concern::Wanted),
        (TroubleKind::NameUnknown, Concern::Sts),
        (TroubleKind::Unreachable, Concern::Sts),
        (TroubleKind::HandshakeCut, Concern::Sts),
        (TroubleKind::Clock, Concern::Sts),
    ] {
        let unanswered =
            |grant| TokenError::Unanswered { grant, trouble: Service::STS.trouble(kind, format_args!("x")) };
        assert_eq!(unanswered(Grant::Exchange).concern(), concern, "{kind:?}");
        assert_eq!(unanswered(Grant::ClientCredentials).concern(), Concern::Sts, "{kind:?}");
    }
}

#[test]
fn echoed_secret_is_not_shown() {
    for body in [
        r#"{"error":"invalid_client","error_description":"no client has s3cret"}"#,
        r#"{"error":"s3cret","error_description":"\u00733cret"}"#,
        r#"{"error":"S3CRET","error_description":"GOT S3CRET"}"#,
    ] {
        let refused = read(401, body).expect_err(body);
        let told = format!("{refused} {refused:?}").to_lowercase();
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn echoed_encoded_secret_is_not_shown() {
    let secret = "p:q+r s?>~";
    for echo in ["p%3Aq%2Br+s%3F%3E%7E", "cDpxK3Igcz8+fg", "cDpxK3Igcz8-fg==", secret] {
        let body = format!(r#"{{"error":"invalid_client","error_description":"not {echo}"}}"#);
        let secrets = [b"", secret.as_bytes()];
        let answer = Answer {
            grant: Grant::ClientCredentials,
            status: 401,
            body: body.as_bytes(),
            retry_after: None,
            between: None,
            address: "sts.issuer",
            secrets: &secrets,
        };
        let refused = answer.read(&Expected { issuer: "i", audience: "a", azp: &[], opaque: false }, BOUNDS);
        let Err(TokenError::Refused { description, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(description.as_str(), "", "{echo}");
    }
}

#[test]
fn secret_in_the_claims_of_a_token_is_not_shown() {
    const SECRET: &str = "q3n8Yk1bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvB";
    let half = &SECRET[..20];
    let capitals = half.to_uppercase();
    for (header, claims) in [
        (r#"{"alg":"RS256","kid":"k"}"#, format!(r#"{{"iss":"https://{capitals}"}}"#)),
        (r#"{"alg":"RS256","kid":"k"}"#, format!(r#"{{"iss":"https://{half}"}}"#)),
        (r#"{"alg":"RS256","kid":"k"}"#, format!(r#"{{"iss":"i","aud":"{half}"}}"#)),
        (r#"{"alg":"RS256","kid":"k"}"#, format!(r#"{{"iss":"i","aud":"a","azp":"{half}"}}"#)),
        (r#"{"alg":"q3n8Yk1bTtWm5"}"#, "{}".into()),
    ] {
        let body = format!(r#"{{"access_token":"{}"}}"#, jwt(header, &claims));
        let answer = Answer {
            grant: Grant::ClientCredentials,
            status: 200,
            body: body.as_bytes(),
            retry_after: None,
            between: None,
            address: "sts.issuer",
            secrets: &[SECRET.as_bytes()],
        };
        let azp = ["node".into()];
        let refused = answer.read(&Expected { issuer: "i", audience: "a", azp: &azp, opaque: false }, BOUNDS);
        let told = refused.map(|_| ()).expect_err("no such token").to_string();
        assert!(!told.to_lowercase().contains("q3n8") && told.contains('…'), "{told}");
    }
}

#[test]
fn control_characters_in_refusal_are_removed() {
    let refused = read(400, r#"{"error":"x\n\u001b[0m","error_description":"y\r"}"#).expect_err("refused");
    assert!(!refused.to_string().contains(char::is_control));
}
