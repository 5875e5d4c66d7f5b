//! What the services of one folder have in common.

use std::path::Path;

use super::directory::{self, Kept};
use super::error::StartError;
use super::pki::CertificateAuthority;
use crate::secrets::new_key;

/// What the services of one folder have in common, for those that start without the auth server.
#[derive(Clone)]
pub struct Common {
    /// Who vouches for them. None: plain HTTP.
    pub authority: Option<CertificateAuthority>,
    /// What opens their `/__stub/*`.
    pub admin_token: String,
}

impl Common {
    /// Reads from `dir` what an earlier start of whatever service left there, and writes what is new.
    /// `admin_token` goes before the folder's.
    ///
    /// # Errors
    /// The folder cannot be used, or no certificate can be made.
    pub fn kept_in(dir: &Path, tls: bool, admin_token: Option<String>) -> Result<Self, StartError> {
        let kept = Kept::load(dir)?;
        let authority = match (tls, kept.authority) {
            (true, Some(kept)) => Some(kept),
            (true, None) => Some(CertificateAuthority::new()?),
            (false, _) => None,
        };
        let admin_token = admin_token.or(kept.admin_token).unwrap_or_else(new_key);
        directory::make(dir)?;
        if let Some(authority) = &authority {
            directory::write_authority(dir, authority)?;
        }
        directory::write_admin_token(dir, &admin_token)?;
        Ok(Self { authority, admin_token })
    }
}
