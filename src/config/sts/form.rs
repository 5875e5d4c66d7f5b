//! The keys of `sts` and `broker`. Their comments are what the schema of the configuration says of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::Principal;

/// ASCII that is seen, and spaces between.
#[cfg(feature = "schema")]
const PRINTABLE: &str = "^[ -~]*[!-~][ -~]*$";
/// Visible ASCII with a colon and no '#'.
#[cfg(feature = "schema")]
const URI: &str = "^[!-\"$-~]*:[!-\"$-~]*$";

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct StsForm {
    /// A file with variables, in the place of the keys from issuer to assertion_algorithm.
    pub(super) env_file: Option<PathBuf>,
    /// What the tokens must name as their issuer, to the letter.
    pub(super) issuer: Option<String>,
    /// Where tokens are requested; otherwise the issuer's, as Keycloak has it.
    pub(super) token_endpoint: Option<String>,
    /// The node's name there.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = PRINTABLE), length(max = 128)))]
    pub(super) client_id: Option<String>,
    /// The file with its secret.
    pub(super) client_secret_file: Option<PathBuf>,
    /// The file with its key, which `jarvis-node keygen` makes.
    pub(super) client_key_file: Option<PathBuf>,
    /// private_key_jwt, client_secret_post or client_secret_basic; otherwise by the file.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = "^(client_secret_post|client_secret_basic|private_key_jwt)$"))
    )]
    pub(super) auth_method: Option<String>,
    /// What an assertion names as its audience: issuer, token_endpoint, or the value itself.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = PRINTABLE), length(max = 200)))]
    pub(super) assertion_audience: Option<String>,
    /// The name of the algorithm in assertions; otherwise by the key.
    pub(super) assertion_algorithm: Option<String>,
    /// CA certificates to trust there.
    pub(super) ca_file: Option<PathBuf>,
    /// Who may ask for which service.
    pub(super) audiences: Option<BTreeMap<Box<str>, RuleForm>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RuleForm {
    /// Users who may ask, by name or number.
    #[serde(default)]
    pub(super) users: Vec<Principal>,
    /// Groups whose members may ask, by name or number.
    #[serde(default)]
    pub(super) groups: Vec<Principal>,
    /// The scope that is asked for if a caller names none, and the most it may name.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = PRINTABLE), length(max = 500)))]
    pub(super) scope: Option<String>,
    /// Whether callers may exchange tokens.
    #[serde(default)]
    pub(super) exchange: bool,
    /// The clients that a token may be issued to; otherwise the node.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = PRINTABLE), length(max = 128))))]
    pub(super) azp: Vec<Box<str>>,
    /// A URI that is sent to the STS (RFC 8707).
    #[cfg_attr(feature = "schema", schemars(regex(pattern = URI), length(max = 200)))]
    pub(super) resource: Option<String>,
    /// Whether tokens are taken unread.
    #[serde(default)]
    pub(super) opaque: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct BrokerForm {
    /// The Unix socket.
    pub(super) socket: PathBuf,
}
