//! The client of the security token service (STS): one request for one token.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use log::info;
use node_core::credential::ValueError;
use node_core::time::UnixTime;
use node_core::trouble::Trouble;
use ureq::http::HeaderValue;
use ureq::http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::answer::Answer;
use super::error::TokenError;
use super::form;
use super::form::{FormBody, IN_HEADER};
use super::key::{KeyError, SigningKey};
use super::token::{AccessToken, Bounds, Expected};
use super::wanted::Wanted;
use crate::config::{AudienceRule, Authentication, Client, Config, EnvFile, Secret, Sts};
use crate::error::SetupError;
use crate::files::{secret_file, secret_line};
use crate::net::http::{Between, HttpClient, Post, retry_after};
use crate::net::tls::Tls;
use crate::system::clock;
use crate::system::environment::variable;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// RFC 7617, section 2.
const BASIC: &str = "Basic ";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// In seconds. If the STS's clock differs from ours by more than this, it may refuse an assertion for its
/// date.
const SKEW: u64 = 5;
/// In seconds. Assertions are dated back by this much, because services refuse a date in the future
/// (Keycloak: more than 15 s), but accept one that is slightly old.
const BACK: u64 = 15;

/// Requests tokens as one client of one STS.
pub struct StsClient {
    http: HttpClient,
    endpoint: String,
    issuer: String,
    client_id: Box<str>,
    proof: Proof,
    assertion_audience: String,
    audiences: BTreeMap<Box<str>, AudienceRule>,
    /// No request is made before this time, because the clock is not set yet; `None` if no date has to be
    /// checked.
    clock_floor: Option<UnixTime>,
    /// The lead of the STS's clock over ours, in seconds, when it last refused an assertion because of its
    /// date.
    offset: Mutex<i64>,
}

/// How the client authenticates itself.
enum Proof {
    Post(Zeroizing<String>),
    Basic(Zeroizing<String>),
    Key(SigningKey),
}

/// The parts of a request that depend on the token and on the authentication method.
struct TokenRequest {
    form: FormBody,
    authorization: Option<(&'static str, HeaderValue)>,
}

impl fmt::Debug for StsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StsClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl StsClient {
    /// Makes the client that `sts`, a part of `config`, describes. It sends nothing over TLS, and signs
    /// nothing, before `clock_floor`.
    ///
    /// # Errors
    /// When it cannot use one of the files that the configuration names.
    pub fn load(sts: &Sts, config: &Config, clock_floor: UnixTime) -> Result<Self, SetupError> {
        let (client, env_file) = sts.client(config)?;
        let proof = Proof::load(&client, env_file.as_ref())?;
        let tls = Tls::trusting(sts.ca_file.as_deref())?;
        let needs_clock = client.token_endpoint.is_https() || matches!(proof, Proof::Key(_));
        Ok(Self {
            http: HttpClient::new(
                sts.service(&client),
                &client.token_endpoint,
                config.connect_timeout,
                config.request_timeout,
                tls,
            ),
            endpoint: client.token_endpoint.whole().to_string(),
            audiences: sts.audiences.clone(),
            assertion_audience: client.assertion_audience.unwrap_or_else(|| client.issuer.clone()),
            issuer: client.issuer,
            client_id: client.client_id.into(),
            proof,
            clock_floor: needs_clock.then_some(clock_floor),
            offset: Mutex::new(0),
        })
    }

    /// The issuer of its tokens; empty if that is not checked.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Where tokens are requested.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Requests `wanted`. Returns within twice the configured time-out.
    ///
    /// # Errors
    /// The reason why there is no token.
    pub fn fetch(&self, wanted: &Wanted) -> Result<AccessToken, TokenError> {
        let grant = wanted.grant();
        if self.clock_floor.is_some_and(|floor| clock::now().wall < floor) {
            return Err(TokenError::Unanswered { grant, trouble: Trouble::clock() });
        }
        let (result, mut server_time) = self.ask(wanted)?;
        let Err(mut refused) = result else { return result };
        if refused.is_permanent() && server_time.is_some_and(|time| self.learns_offset(time)) {
            let (again, time) = self.ask(wanted)?;
            let Err(again) = again else { return again };
            (refused, server_time) = (again, time);
        }
        // A refusal that may be about the date of our assertion is not permanent, since clocks get set sooner
        // or later.
        let dated = matches!(self.proof, Proof::Key(_));
        let in_doubt = dated && server_time.is_none_or(|time| self.is_off(time).is_some());
        Err(if in_doubt { refused.for_its_date() } else { refused })
    }

    /// Makes one request. Also returns the server's time if it was authenticated by TLS.
    fn ask(
        &self,
        wanted: &Wanted,
    ) -> Result<(Result<AccessToken, TokenError>, Option<UnixTime>), TokenError> {
        let grant = wanted.grant();
        let unanswered = |trouble| TokenError::Unanswered { grant, trouble };
        let TokenRequest { form, authorization } = self.request(wanted).map_err(|why| {
            unanswered(Trouble::setup(
                format_args!("the request cannot be made: {why}"),
                format_args!("Look at the key in client_key_file of sts; `jarvis-node keygen` makes one."),
            ))
        })?;
        // The age of a token counts from before its request, so that it is never underestimated.
        let sent = clock::instant();
        let post = Post {
            url: &self.endpoint,
            headers: authorization.as_slice(),
            content_type: form::CONTENT_TYPE,
            body: form.as_bytes(),
        };
        let response = self.http.post(&post).map_err(|unsent| unanswered(unsent.trouble))?;
        let between = Between::of(&response);
        let server_time = self.http.proven_time(&response);
        let subject = wanted.subject.as_ref();
        let bounds = Bounds {
            sent,
            expires_in: None,
            now: server_time.or_else(|| Some(clock::now().wall).filter(|now| *now >= clock::build_time())),
            date: HttpClient::claimed_time(&response),
            subject_expires: subject.and_then(|subject| subject.expires()),
        };
        let rule = self.audiences.get(&wanted.audience);
        let azp = match rule.map(|rule| rule.azp.as_slice()).unwrap_or_default() {
            // Without an audience nothing else would bind it to this node.
            [] if wanted.audience.is_empty() => std::slice::from_ref(&self.client_id),
            azp => azp,
        };
        let opaque = rule.is_some_and(|rule| rule.opaque);
        let expected = Expected { issuer: &self.issuer, audience: &wanted.audience, azp, opaque };
        // The header of basic authentication contains the secret in an encoding of its own.
        let header = authorization.as_ref().and_then(|(_, value)| value.to_str().ok());
        let secrets = [
            self.proof.secret(),
            subject.map(|subject| subject.expose()).unwrap_or_default(),
            header.and_then(|header| header.strip_prefix(BASIC)).unwrap_or_default(),
        ]
        .map(str::as_bytes);
        let answer = Answer {
            grant,
            status: response.status,
            body: &response.body,
            retry_after: retry_after(&response.headers, self.http.now()),
            between,
            address: self.http.peer().service.address,
            secrets: &secrets,
        };
        Ok((answer.read(&expected, bounds), server_time))
    }

    fn request(&self, wanted: &Wanted) -> Result<TokenRequest, KeyError> {
        let subject = wanted.subject.as_ref().map(|subject| subject.expose());
        let scope = wanted.scope.as_deref().unwrap_or_default();
        let rule = self.audiences.get(&wanted.audience);
        let resource = rule.and_then(|rule| rule.resource.as_deref()).unwrap_or_default();
        let texts = [
            self.proof.secret(),
            subject.unwrap_or_default(),
            scope,
            &self.client_id,
            &wanted.audience,
            resource,
        ];
        let len: usize = texts.iter().map(|text| form::longest(text.len())).sum();
        // The rest is for the constant fields and an assertion.
        let mut form = FormBody::with_capacity(len + 4096);
        form.add("grant_type", if subject.is_some() { TOKEN_EXCHANGE } else { "client_credentials" });
        let mut authorization = None;
        match &self.proof {
            Proof::Post(secret) => {
                form.add("client_id", &self.client_id);
                form.add("client_secret", secret);
            }
            Proof::Basic(secret) => authorization = basic(&self.client_id, secret),
            Proof::Key(key) => {
                form.add("client_id", &self.client_id);
                form.add("client_assertion_type", ASSERTION);
                let now = self.offset().saturating_add_unsigned(clock::now().wall.0);
                let now = UnixTime(u64::try_from(now).unwrap_or_default().saturating_sub(BACK));
                form.add("client_assertion", &key.assertion(&self.client_id, &self.assertion_audience, now)?);
            }
        }
        if let Some(subject) = subject {
            form.add("subject_token", subject);
            form.add("subject_token_type", ACCESS_TOKEN);
            form.add("requested_token_type", ACCESS_TOKEN);
        }
        if !scope.is_empty() {
            form.add("scope", scope);
        }
        if !wanted.audience.is_empty() {
            form.add("audience", &wanted.audience);
        }
        if !resource.is_empty() {
            form.add("resource", resource);
        }
        Ok(TokenRequest { form, authorization })
    }

    fn offset(&self) -> i64 {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether our assertions may have been refused because their date was wrong by the server's clock. From
    /// then on they are dated by that clock.
    fn learns_offset(&self, server: UnixTime) -> bool {
        let Proof::Key(_) = self.proof else { return false };
        let Some(ahead) = self.is_off(server) else { return false };
        info!("the STS's clock is {ahead} s ahead of this board's: assertions are dated by it");
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
        true
    }

    /// The lead of the server's clock over ours, in seconds, unless assertions are already dated by it.
    fn is_off(&self, server: UnixTime) -> Option<i64> {
        let ours = clock::now().wall;
        let ahead = i64::try_from(i128::from(server.0) - i128::from(ours.0)).unwrap_or_default();
        (ahead.abs_diff(self.offset()) > SKEW).then_some(ahead)
    }
}

impl Proof {
    fn load(client: &Client, env_file: Option<&EnvFile>) -> Result<Self, SetupError> {
        match &client.authentication {
            Authentication::SecretPost(secret) => load_secret(secret, env_file).map(Self::Post),
            Authentication::SecretBasic(secret) => load_secret(secret, env_file).map(Self::Basic),
            Authentication::PrivateKey(path) => {
                SigningKey::load(path, client.assertion_algorithm.as_deref()).map(Self::Key)
            }
        }
    }

    /// The secret that must never be shown. A private key is never sent, so no answer can repeat it.
    fn secret(&self) -> &str {
        match self {
            Self::Post(secret) | Self::Basic(secret) => secret,
            Self::Key(_) => "",
        }
    }
}

/// Reads the secret without surrounding white space. It may contain every character but control characters. A variable is
/// one of `env_file`, if there is that.
fn load_secret(secret: &Secret, env_file: Option<&EnvFile>) -> Result<Zeroizing<String>, SetupError> {
    let (bytes, path, key) = match (secret, env_file) {
        (Secret::File(path), _) => {
            (secret_file::read_text("client secret file", path)?.0, path.clone(), "client secret")
        }
        (Secret::Variable(name), Some(file)) => (bytes(file.get(name)), file.path.clone(), *name),
        (Secret::Variable(name), None) => {
            let value = variable(name).map(Zeroizing::new);
            (bytes(value), format!("${name}").into(), "client secret")
        }
    };
    let wrong = |why| SetupError::Value { path: path.clone(), key, why };
    let text = secret_line::parse(&bytes).map_err(wrong)?;
    if text.len() > 512 {
        return Err(wrong(ValueError::TooLong(512)));
    }
    if text.contains(char::is_control) {
        return Err(wrong(ValueError::Forbidden("a control character")));
    }
    Ok(Zeroizing::new(text.into()))
}

fn bytes(text: Option<Zeroizing<String>>) -> Zeroizing<Vec<u8>> {
    let mut text = text.unwrap_or_default();
    Zeroizing::new(std::mem::take(&mut *text).into_bytes())
}

/// The header of client_secret_basic. Both halves are encoded, so that they may contain colons (RFC
/// 6749, section 2.3.1).
fn basic(client_id: &str, secret: &str) -> Option<(&'static str, HeaderValue)> {
    let mut both = Zeroizing::new(String::with_capacity(form::longest(client_id.len() + secret.len()) + 1));
    form::encode(client_id, IN_HEADER, &mut both);
    both.push(':');
    form::encode(secret, IN_HEADER, &mut both);
    let mut header = Zeroizing::new(String::with_capacity(both.len() * 2 + 8));
    header.push_str(BASIC);
    STANDARD.encode_string(both.as_bytes(), &mut header);
    let mut header = HeaderValue::from_str(&header).ok()?;
    header.set_sensitive(true);
    Some((AUTHORIZATION.as_str(), header))
}

#[cfg(test)]
mod tests;
