//! The objects `sts` and `broker` of the configuration: where tokens for other services come from, and who on this board
//! may have them. The variables of the ARP services can take the place of `sts` (docs/wire/arp.md, "Token requests").

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use node_core::service::Service;
use serde::Deserialize;
use serde_json::Value;

use super::form;
use crate::net::service_url::ServiceUrl;

/// The path from an issuer to its token endpoint in Keycloak.
const TOKEN_PATH: &str = "/protocol/openid-connect/token";

/// What sentences about the object `sts`, and about Keycloak's variables, begin with.
const FROM_FILE: &str = "sts.";
const FROM_KEYCLOAK: &str = "KEYCLOAK_URL: ";

/// Reads a variable of the environment.
pub(super) type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The security token service, and this node as its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sts {
    /// The issuer that its tokens must name, to the letter.
    pub issuer: String,
    /// Where tokens are requested.
    pub token_endpoint: ServiceUrl,
    /// The node's name there.
    pub client_id: String,
    /// How the node proves that it is that client.
    pub authentication: Authentication,
    /// CA certificates to trust instead of Mozilla's.
    pub ca_file: Option<PathBuf>,
    /// The services that tokens are for, and who may have them.
    pub audiences: BTreeMap<Box<str>, AudienceRule>,
    /// The audience of a request that names none.
    pub default_audience: Option<Box<str>>,
    /// Whether all of this comes from variables.
    pub from_variables: bool,
    /// The setting or the variable that leads to the token endpoint.
    pub address: &'static str,
}

/// How a client proves itself at the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// client_secret_post: the secret in the body.
    SecretPost(Secret),
    /// client_secret_basic: the secret in a header.
    SecretBasic(Secret),
    /// private_key_jwt: no secret; the private key in this file signs an assertion.
    PrivateKey(PathBuf),
}

impl Authentication {
    /// The file with the secret or key, if there is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::SecretPost(Secret::File(path))
            | Self::SecretBasic(Secret::File(path))
            | Self::PrivateKey(path) => Some(path),
            Self::SecretPost(Secret::Variable(_)) | Self::SecretBasic(Secret::Variable(_)) => None,
        }
    }
}

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// In a file.
    File(PathBuf),
    /// In the variable of this name.
    Variable(&'static str),
}

/// The users and groups that may have tokens for an audience, and which tokens. Root always may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceRule {
    /// These users may.
    pub users: Vec<Principal>,
    /// Members of these groups may.
    pub groups: Vec<Principal>,
    /// The scope of a request that names none.
    pub scope: Option<Box<str>>,
    /// Whether callers may exchange their own tokens for tokens of this audience.
    pub exchange: bool,
    /// The clients that its tokens may be issued to; empty for any.
    pub azp: Vec<Box<str>>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "users and groups are names or numbers, as in [\"pi\", 1000]")]
pub enum Principal {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

/// Where other programs on the board ask for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// The Unix socket.
    pub socket: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StsForm {
    issuer: Option<String>,
    token_endpoint: Option<String>,
    client_id: Option<String>,
    client_secret_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
    auth_method: Option<String>,
    ca_file: Option<PathBuf>,
    audiences: Option<BTreeMap<Box<str>, RuleForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleForm {
    #[serde(default)]
    users: Vec<Principal>,
    #[serde(default)]
    groups: Vec<Principal>,
    scope: Option<String>,
    #[serde(default)]
    exchange: bool,
    #[serde(default)]
    azp: Vec<Box<str>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokerForm {
    socket: PathBuf,
}

/// The parts of the rest of the configuration that matter here.
pub(super) struct MainConfig<'a> {
    pub(super) auth_url: &'a ServiceUrl,
    pub(super) allow_http: bool,
    pub(super) ca_file: Option<&'a Path>,
}

impl StsForm {
    pub(super) fn check(
        self,
        main: &MainConfig<'_>,
        found: &dyn Fn(&Path) -> PathBuf,
    ) -> Result<Sts, String> {
        let issuer = needed("issuer", self.issuer)?;
        let client_id = needed("client_id", self.client_id)?;
        let secret = self.client_secret_file.map(|file| Secret::File(found(&file)));
        let authentication = match (self.auth_method.as_deref(), secret, self.client_key_file) {
            (_, Some(_), Some(_)) => {
                return Err("sts has both client_secret_file and client_key_file: leave one out".into());
            }
            (None | Some("client_secret_post"), Some(secret), None) => Authentication::SecretPost(secret),
            (Some("client_secret_basic"), Some(secret), None) => Authentication::SecretBasic(secret),
            (None | Some("private_key_jwt"), None, Some(key)) => Authentication::PrivateKey(found(&key)),
            (Some("client_secret_post" | "client_secret_basic"), None, _) => {
                return Err("sts lacks client_secret_file, which its auth_method needs".into());
            }
            (Some("private_key_jwt"), _, None) => {
                return Err(
                    "sts lacks client_key_file, which private_key_jwt needs; `jarvis-node keygen` makes one"
                        .into(),
                );
            }
            (None, None, None) => {
                return Err(
                    "sts lacks client_secret_file or client_key_file; `jarvis-node keygen` makes a key"
                        .into(),
                );
            }
            (Some(_), ..) => {
                return Err(
                    "sts.auth_method must be client_secret_post, client_secret_basic or private_key_jwt"
                        .into(),
                );
            }
        };
        // Empty ones are meant: nobody is to have a token.
        let audiences =
            self.audiences.ok_or("sts lacks audiences, which says who may have tokens for what")?;
        let audiences = audiences.into_iter().map(|(audience, rule)| {
            name("a name in sts.audiences", &audience)?;
            Ok((audience, rule.check()?))
        });
        let audiences = audiences.collect::<Result<BTreeMap<_, _>, String>>()?;
        let only = audiences.keys().next().filter(|_| audiences.len() == 1);
        let mut sts = sts(FROM_FILE, issuer, self.token_endpoint, client_id, authentication, main)?;
        sts.default_audience = only.cloned();
        sts.audiences = audiences;
        if let Some(ca_file) = self.ca_file {
            sts.ca_file = Some(found(&ca_file));
        }
        Ok(sts)
    }
}

impl RuleForm {
    fn check(self) -> Result<AudienceRule, String> {
        let Self { users, groups, scope, exchange, azp } = self;
        if let Some(scope) = &scope
            && (scope.trim().is_empty()
                || scope.len() > 500
                || !scope.bytes().all(|b| b == b' ' || b.is_ascii_graphic()))
        {
            return Err(
                "scope in sts.audiences must be words of visible ASCII with spaces between them".into()
            );
        }
        azp.iter().try_for_each(|azp| name("azp in sts.audiences", azp))?;
        Ok(AudienceRule { users, groups, scope: scope.map(String::into_boxed_str), exchange, azp })
    }
}

/// Where something about tokens is configured.
#[derive(Clone, Copy, Debug)]
pub(super) enum TokenPlace {
    /// At this key of the configuration file.
    Key(&'static str),
    /// In the environment.
    Variables,
}

/// What the values of `sts` and `broker` say, or `variable` in the place of `sts`.
///
/// # Errors
/// The place that is wrong, and a sentence about its first fault.
pub(super) fn tokens(
    sts: Option<Value>,
    broker: Option<Value>,
    variable: &Variables<'_>,
    main: &MainConfig<'_>,
    found: &dyn Fn(&Path) -> PathBuf,
) -> Result<(Option<Sts>, Option<Broker>), (TokenPlace, String)> {
    let (in_sts, in_broker) = (TokenPlace::Key("sts"), TokenPlace::Key("broker"));
    let broker = broker.map(|value| form::<BrokerForm>("broker", value)).transpose();
    let broker = broker.map_err(|why| (in_broker, why))?;
    let sts = match (sts, &broker) {
        (Some(value), _) => {
            let checked = form::<StsForm>("sts", value).and_then(|form| form.check(main, found));
            Some(checked.map_err(|why| (in_sts, why))?)
        }
        (None, Some(_)) => Sts::from_variables(variable, main).map_err(|why| (TokenPlace::Variables, why))?,
        // Nobody asked for tokens, so the variables are there for other programs.
        (None, None) => None,
    };
    match (&sts, &broker) {
        (None, Some(_)) => {
            Err((in_broker, "broker needs sts beside it: without that there is no token to give out".into()))
        }
        (Some(sts), Some(_)) if sts.from_variables && sts.audiences.is_empty() => Err((
            TokenPlace::Variables,
            "broker needs an audience to give tokens out for: set ARP_AUTH_AUDIENCE, too, or put sts into the file"
                .into(),
        )),
        (None | Some(_), None) | (Some(_), Some(_)) => {
            Ok((sts, broker.map(|form| Broker { socket: found(&form.socket) })))
        }
    }
}

impl Sts {
    /// The STS as a service that is asked.
    #[must_use]
    pub const fn service(&self) -> Service {
        // The variables name no CA.
        let ca_file = if self.from_variables { Service::AUTH.ca_file } else { Service::STS.ca_file };
        Service { address: self.address, ca_file, ..Service::STS }
    }

    /// The STS that the variables describe. They count only if the file has no `sts`; the two are never mixed. Tokens
    /// are then only for the one audience that is named, and only for root.
    pub(super) fn from_variables(
        variable: &Variables<'_>,
        main: &MainConfig<'_>,
    ) -> Result<Option<Self>, String> {
        let set = |name: &str| variable(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let audience = set("ARP_AUTH_AUDIENCE").or_else(|| set("ARP_AUTH_SERVICE_ID"));
        let is_set = |names: &[&str]| names.iter().any(|name| set(name).is_some());
        let arp =
            ["ARP_AUTH_ISSUER", "ARP_AUTH_CLIENT_ID", "ARP_AUTH_CLIENT_SECRET", "ARP_AUTH_TOKEN_ENDPOINT"];
        let keycloak = ["KEYCLOAK_URL", "KEYCLOAK_REALM", "AGENT_CLIENT_ID", "AGENT_CLIENT_SECRET"];
        let lacks = |names: &[&str]| {
            let missing: Vec<_> = names.iter().copied().filter(|name| set(name).is_none()).collect();
            if missing.is_empty() {
                Ok(())
            } else {
                Err(format!("not set, though others of its kind are: {}", missing.join(", ")))
            }
        };
        let value = |name| set(name).unwrap_or_default();
        let mut found = match (is_set(&arp), is_set(&keycloak)) {
            (false, false) if audience.is_none() => return Ok(None),
            (true, true) => {
                return Err(
                    "ARP_AUTH_… and KEYCLOAK_…/AGENT_… variables are both set: unset those of one kind"
                        .into(),
                );
            }
            (false, true) => {
                lacks(&keycloak)?;
                let issuer = format!(
                    "{}/realms/{}",
                    value("KEYCLOAK_URL").trim_end_matches('/'),
                    value("KEYCLOAK_REALM")
                );
                let secret = Authentication::SecretPost(Secret::Variable("AGENT_CLIENT_SECRET"));
                sts(FROM_KEYCLOAK, issuer, None, value("AGENT_CLIENT_ID"), secret, main)?
            }
            (true | false, false) => {
                lacks(&arp[..3])?;
                let secret = Authentication::SecretPost(Secret::Variable("ARP_AUTH_CLIENT_SECRET"));
                let endpoint = set("ARP_AUTH_TOKEN_ENDPOINT");
                sts(
                    "ARP_AUTH: ",
                    value("ARP_AUTH_ISSUER"),
                    endpoint,
                    value("ARP_AUTH_CLIENT_ID"),
                    secret,
                    main,
                )?
            }
        };
        if let Some(audience) = audience {
            name("ARP_AUTH_AUDIENCE", &audience)?;
            let audience = audience.into_boxed_str();
            found.audiences.insert(audience.clone(), AudienceRule::default());
            found.default_audience = Some(audience);
        }
        found.from_variables = true;
        Ok(Some(found))
    }
}

fn sts(
    of: &str,
    issuer: String,
    token_endpoint: Option<String>,
    client_id: String,
    authentication: Authentication,
    main: &MainConfig<'_>,
) -> Result<Sts, String> {
    name(&format!("{of}client_id"), &client_id)?;
    // With a token endpoint of its own the issuer is only a name, which may begin with http://.
    let allow_http = main.allow_http || token_endpoint.is_some();
    let address = match (of, &token_endpoint) {
        (FROM_FILE, Some(_)) => "sts.token_endpoint",
        (FROM_FILE, None) => "sts.issuer",
        (FROM_KEYCLOAK, _) => "KEYCLOAK_URL",
        (_, Some(_)) => "ARP_AUTH_TOKEN_ENDPOINT",
        (_, None) => "ARP_AUTH_ISSUER",
    };
    ServiceUrl::parse(&format!("{of}issuer"), &issuer, allow_http)?;
    let endpoint = token_endpoint.unwrap_or_else(|| format!("{}{TOKEN_PATH}", issuer.trim_end_matches('/')));
    let token_endpoint = ServiceUrl::parse(&format!("{of}token_endpoint"), &endpoint, main.allow_http)?;
    if token_endpoint.is_server_of(main.auth_url) {
        return Err(format!(
            "{of}token_endpoint is on the same host and port as {}: tokens and the node's credential never go \
             to each other's servers",
            main.auth_url.as_str()
        ));
    }
    Ok(Sts {
        issuer,
        token_endpoint,
        client_id,
        authentication,
        ca_file: main.ca_file.map(Path::to_path_buf),
        audiences: BTreeMap::new(),
        default_audience: None,
        from_variables: false,
        address,
    })
}

fn needed(key: &str, value: Option<String>) -> Result<String, String> {
    value.ok_or_else(|| format!("sts lacks {key}"))
}

/// Checks a name. The limit is the length up to which the names in a token are compared.
fn name(key: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 128 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("{key} must be 1 to 128 visible ASCII characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
