//! A token service and the node's client of it, made from files as on a node.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use jarvis_node::config::Config;
use jarvis_node::sts::{AccessToken, StsClient, SubjectToken, TokenError, Wanted};
use node_core::time::UnixTime;
use serde_json::{Value, json};
use server_stub::{CertificateAuthority, ServerOptions, Sts, StsOptions};
use tempfile::TempDir;

pub(super) struct Rig {
    pub(super) sts: Sts,
    pub(super) dir: TempDir,
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with(StsOptions::default())
    }

    /// A token service over TLS, whose time can be trusted.
    pub(super) fn tls() -> Self {
        let authority = Some(CertificateAuthority::new().unwrap());
        Self::with(StsOptions {
            server: ServerOptions { authority, ..ServerOptions::default() },
            ..StsOptions::default()
        })
    }

    pub(super) fn with(options: StsOptions) -> Self {
        Self { sts: Sts::start(options).unwrap(), dir: tempfile::tempdir().unwrap() }
    }

    pub(super) fn file(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A client with these keys of `sts` besides issuer and audiences.
    pub(super) fn client(&self, keys: &Value) -> StsClient {
        // Long enough for a busy machine.
        self.client_within(60, keys)
    }

    /// A client with these keys of `sts` and a time-out of this many seconds.
    fn client_within(&self, secs: u64, keys: &Value) -> StsClient {
        let mut sts = json!({
            "issuer": self.sts.issuer(),
            "client_id": "jarvis-node",
            "audiences": {
                "arp-run-gateway": {"azp": ["jarvis-node"]}, "arp-run-coordinator": {}, "nobody": {}
            },
        });
        if let Some(pem) = self.sts.server().ca_pem() {
            self.file("ca.pem", pem);
            sts["ca_file"] = "ca.pem".into();
        }
        for (key, value) in keys.as_object().unwrap() {
            sts[key] = value.clone();
        }
        let config = json!({
            "auth_url": "https://auth.invalid", "service_id": "s", "app_id": "a", "app_key_file": "a.key",
            "credential_file": "c.json", "request_timeout_secs": secs, "sts": sts,
        });
        self.file("config.json", &config.to_string());
        let config = Config::load(&self.dir.path().join("config.json")).unwrap();
        StsClient::load(config.sts.as_ref().unwrap(), &config, UnixTime(0)).unwrap()
    }

    /// The client with the usual secret.
    pub(super) fn usual(&self) -> StsClient {
        self.file("secret", "jarvis-node-secret\n");
        self.client(&json!({"client_secret_file": "secret"}))
    }

    /// The client with the usual secret and a short time-out.
    pub(super) fn impatient(&self) -> StsClient {
        self.file("secret", "jarvis-node-secret\n");
        self.client_within(2, &json!({"client_secret_file": "secret"}))
    }

    pub(super) fn fault(&self, name: &str) {
        self.sts.server().set_faults(name.parse().unwrap()).unwrap();
    }
}

pub(super) fn wanted(audience: &str) -> Wanted {
    Wanted { audience: audience.into(), scope: None, subject: None }
}

pub(super) fn exchange(audience: &str, subject: &str) -> Wanted {
    Wanted { subject: Some(SubjectToken::parse(subject).unwrap()), ..wanted(audience) }
}

/// The result in a few words: the token's life or the error. Lives are rounded up to tens, since a second may
/// pass between the token's date and the answer's.
pub(super) fn brief(result: &Result<AccessToken, TokenError>) -> String {
    match result {
        Ok(token) => format!("token for {} s", token.life().as_secs().next_multiple_of(10)),
        Err(TokenError::Unanswered { trouble, .. }) => format!("unanswered: {:?}", trouble.kind),
        Err(TokenError::Refused { status, error, .. }) => format!("refused: {status} {error}"),
        Err(TokenError::Failed { status, by, .. }) => {
            let by = format!("{by:?}");
            format!("failed: {status} {}", by.split('(').next().unwrap())
        }
        Err(TokenError::Unusable { flaw, .. }) => {
            let flaw = format!("{flaw:?}");
            format!("unusable: {}", flaw.split('(').next().unwrap())
        }
    }
}
