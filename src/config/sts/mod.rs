//! The objects `sts` and `broker` of the configuration: where tokens for other services come from, and who on this board
//! may have them. Variables can take the place of `sts`, and a file with variables a part of it.
//!
//! | module | task |
//! |---|---|
//! | `client` | the STS and this node there, wherever that is said |
//! | `form` | the keys of both objects |
//! | `named` | the same by the names of variables |
//! | `env_file` | a file with such variables |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use node_core::service::Service;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

pub use self::client::{Authentication, Client, Secret};
use self::client::{Names, printable};
pub(crate) use self::env_file::EnvFile;
use self::form::RuleForm;
pub(super) use self::form::{BrokerForm, StsForm};
use super::{Config, form};
use crate::error::SetupError;
use crate::net::service_url::ServiceUrl;

mod client;
mod env_file;
mod form;
pub(super) mod named;

/// Reads a variable.
pub(super) type Variables<'a> = dyn Fn(&str) -> Option<Zeroizing<String>> + 'a;

/// The security token service, and this node as its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sts {
    /// Where it is, and who the node is there.
    pub source: StsSource,
    /// CA certificates to trust instead of Mozilla's.
    pub ca_file: Option<PathBuf>,
    /// The services that tokens are for, and who may have them.
    pub audiences: BTreeMap<Box<str>, AudienceRule>,
    /// The audience of a request that names none.
    pub default_audience: Option<Box<str>>,
}

/// Where it is said which STS there is, and who the node is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StsSource {
    /// In the configuration.
    Configuration(Client),
    /// In the environment.
    Environment(Client),
    /// In this file with variables, which is read when tokens are to be had.
    EnvFile(PathBuf),
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
    /// What the STS calls the service in its own way (RFC 8707); `None` if that is not asked for.
    pub resource: Option<String>,
    /// Whether its tokens are taken as they come, unread: they live as long as the STS says.
    pub opaque: bool,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(untagged, !try_from))]
#[serde(try_from = "Value")]
pub enum Principal {
    /// By number.
    Id(u32),
    /// By name.
    Name(String),
}

impl TryFrom<Value> for Principal {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok()).map(Self::Id);
        let name = || value.as_str().map(|name| Self::Name(name.into()));
        id.or_else(name).ok_or("users and groups are names or numbers, as in [\"pi\", 1000]")
    }
}

/// Where other programs on the board ask for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// The Unix socket.
    pub socket: PathBuf,
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
        let source = match &self.env_file {
            Some(file) => self.env_file_alone().map(|()| StsSource::EnvFile(found(file)))?,
            None => StsSource::Configuration(self.client(main, found)?),
        };
        // Empty ones are meant: nobody is to have a token.
        let audiences =
            self.audiences.ok_or("sts lacks audiences, which says who may have tokens for what")?;
        let audiences = audiences.into_iter().map(|(audience, rule)| {
            if !audience.is_empty() {
                printable("a name in sts.audiences", &audience, 128)?;
            }
            Ok((audience, rule.check()?))
        });
        let audiences = audiences.collect::<Result<BTreeMap<_, _>, String>>()?;
        let first = audiences.keys().next();
        // In their order the empty name is the first.
        let default_audience = first.filter(|name| name.is_empty() || audiences.len() == 1).cloned();
        let ca_file = self.ca_file.map(|file| found(&file)).or_else(|| main.ca_file.map(Path::to_path_buf));
        Ok(Sts { source, ca_file, audiences, default_audience })
    }

    /// Checks that nothing else says what `env_file` says.
    fn env_file_alone(&self) -> Result<(), String> {
        let others = [
            ("issuer", self.issuer.is_some()),
            ("token_endpoint", self.token_endpoint.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret_file", self.client_secret_file.is_some()),
            ("client_key_file", self.client_key_file.is_some()),
            ("auth_method", self.auth_method.is_some()),
            ("assertion_audience", self.assertion_audience.is_some()),
            ("assertion_algorithm", self.assertion_algorithm.is_some()),
        ];
        match others.iter().find(|(_, is_there)| *is_there) {
            Some((key, _)) => Err(format!("sts has both env_file and {key}: leave one out")),
            None => Ok(()),
        }
    }

    fn client(&self, main: &MainConfig<'_>, found: &dyn Fn(&Path) -> PathBuf) -> Result<Client, String> {
        let issuer = needed("issuer", self.issuer.as_ref().filter(|issuer| !issuer.is_empty()))?;
        let client_id = needed("client_id", self.client_id.as_ref())?;
        let secret = self.client_secret_file.as_deref().map(|file| Secret::File(found(file)));
        let authentication = match (self.auth_method.as_deref(), secret, self.client_key_file.as_deref()) {
            (_, Some(_), Some(_)) => {
                return Err("sts has both client_secret_file and client_key_file: leave one out".into());
            }
            (None | Some("client_secret_post"), Some(secret), None) => Authentication::SecretPost(secret),
            (Some("client_secret_basic"), Some(secret), None) => Authentication::SecretBasic(secret),
            (None | Some("private_key_jwt"), None, Some(key)) => Authentication::PrivateKey(found(key)),
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
        let has_key = matches!(authentication, Authentication::PrivateKey(_));
        let mut client =
            Client::new(&IN_FILE, issuer, self.token_endpoint.clone(), client_id, authentication, main)?;
        client.assertion_algorithm.clone_from(&self.assertion_algorithm);
        client.assertion_audience = match self.assertion_audience.as_deref() {
            None | Some("issuer") => None,
            Some("token_endpoint") => Some(client.token_endpoint.whole().into()),
            Some(other) => {
                printable("sts.assertion_audience", other, 200)?;
                Some(other.into())
            }
        };
        if !has_key && (self.assertion_audience.is_some() || self.assertion_algorithm.is_some()) {
            return Err("sts has assertion_audience or assertion_algorithm without client_key_file".into());
        }
        Ok(client)
    }
}

/// What the values of the object `sts` are called.
const IN_FILE: Names = Names {
    issuer: "sts.issuer",
    token_endpoint: "sts.token_endpoint",
    client_id: "sts.client_id",
    address: ["sts.token_endpoint", "sts.issuer"],
};

impl RuleForm {
    fn check(self) -> Result<AudienceRule, String> {
        let Self { users, groups, scope, exchange, azp, resource, opaque } = self;
        if let Some(scope) = &scope
            && (scope.trim().is_empty()
                || scope.len() > 500
                || !scope.bytes().all(|b| b == b' ' || b.is_ascii_graphic()))
        {
            return Err(
                "scope in sts.audiences must be words of visible ASCII with spaces between them".into()
            );
        }
        azp.iter().try_for_each(|azp| printable("azp in sts.audiences", azp, 128))?;
        if opaque && !azp.is_empty() {
            return Err("sts.audiences has azp and opaque in one rule: leave one out".into());
        }
        if let Some(resource) = &resource
            && !(resource.len() <= 200
                && resource.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
                && resource.contains(':'))
        {
            return Err(
                "resource in sts.audiences must be a URI of at most 200 characters without '#'".into()
            );
        }
        let scope = scope.map(String::into_boxed_str);
        Ok(AudienceRule { users, groups, scope, exchange, azp, resource, opaque })
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

/// What is configured about tokens. Of variables, those that are set and not used.
pub(super) type TokenSettings = (Option<Sts>, Option<Broker>, Vec<&'static str>);

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
) -> Result<TokenSettings, (TokenPlace, String)> {
    let (in_sts, in_broker) = (TokenPlace::Key("sts"), TokenPlace::Key("broker"));
    let broker = broker.map(|value| form::<BrokerForm>("broker", value)).transpose();
    let broker = broker.map_err(|why| (in_broker, why))?;
    let mut unused = Vec::new();
    let sts = match (sts, &broker) {
        (Some(value), _) => {
            let checked = form::<StsForm>("sts", value).and_then(|form| form.check(main, found));
            Some(checked.map_err(|why| (in_sts, why))?)
        }
        (None, Some(_)) => {
            let named = named::read(variable, main).map_err(|why| (TokenPlace::Variables, why))?;
            let without = "broker needs sts beside it: without that there is no token to give out";
            let named = named.ok_or_else(|| (in_broker, without.into()))?;
            unused = named.unused;
            let sts = Sts::of_environment(named.client, named.audience.unwrap_or_default(), main);
            Some(sts.map_err(|why| (TokenPlace::Variables, why))?)
        }
        // Nobody asked for tokens, so the variables are there for other programs.
        (None, None) => None,
    };
    Ok((sts, broker.map(|form| Broker { socket: found(&form.socket) }), unused))
}

impl Sts {
    /// The STS that variables describe. They count only if the file has no `sts`; the two are never mixed. Tokens are
    /// then only for this audience, or without one if it is empty, and only for root.
    fn of_environment(client: Client, audience: String, main: &MainConfig<'_>) -> Result<Self, String> {
        if !audience.is_empty() {
            printable("ARP_AUTH_AUDIENCE", &audience, 128)?;
        }
        let audience = audience.into_boxed_str();
        Ok(Self {
            source: StsSource::Environment(client),
            ca_file: main.ca_file.map(Path::to_path_buf),
            audiences: BTreeMap::from([(audience.clone(), AudienceRule::default())]),
            default_audience: Some(audience),
        })
    }

    /// What the file with the node's secret or key is called, and where it is, if there is one.
    #[must_use]
    pub fn proof_file(&self) -> Option<(&'static str, &Path)> {
        match &self.source {
            StsSource::EnvFile(path) => Some((env_file::WHAT, path)),
            StsSource::Configuration(client) | StsSource::Environment(client) => {
                client.authentication.file().map(|path| ("client secret or key file", path))
            }
        }
    }

    /// The STS and this node there, as a part of `config`, and the file with variables that says so, if there is one.
    ///
    /// # Errors
    /// When that file cannot be used.
    pub(crate) fn client(&self, config: &Config) -> Result<(Client, Option<EnvFile>), SetupError> {
        match &self.source {
            StsSource::EnvFile(path) => {
                let main =
                    MainConfig { auth_url: &config.auth_url, allow_http: config.allow_http, ca_file: None };
                let file = EnvFile::read(path)?;
                Ok((file.client(&main)?, Some(file)))
            }
            StsSource::Configuration(client) | StsSource::Environment(client) => Ok((client.clone(), None)),
        }
    }

    /// The STS at this client's address as a service that is asked.
    #[must_use]
    pub const fn service(&self, client: &Client) -> Service {
        // The variables of the environment name no CA.
        let ca_file = match self.source {
            StsSource::Environment(_) => Service::AUTH.ca_file,
            StsSource::Configuration(_) | StsSource::EnvFile(_) => Service::STS.ca_file,
        };
        Service { address: client.address, ca_file, ..Service::STS }
    }
}

fn needed(key: &str, value: Option<&String>) -> Result<String, String> {
    value.cloned().ok_or_else(|| format!("sts lacks {key}"))
}

#[cfg(test)]
mod tests;
