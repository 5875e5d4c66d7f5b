//! The parts that all services of one folder share.

use std::path::Path;

use super::directory::{self, Kept};
use super::error::StartError;
use super::pki::{CertificateAuthority, KeyType};
use crate::secrets::new_key;

/// The parts that all services of one folder share, for services that start without the auth server.
#[derive(Clone)]
pub struct Common {
    /// The authority that signs their certificates. None: plain HTTP.
    pub authority: Option<CertificateAuthority>,
    /// The administrator's token, required at their `/__stub/*`.
    pub admin_token: String,
}

impl Common {
    /// Reads the files of an earlier start of any service from `dir`, and writes those that are missing.
    /// `key_type` is the kind that the authority's key must be of; a new one is on P-256 unless it says another.
    /// `admin_token` takes precedence over the folder's.
    ///
    /// # Errors
    /// The folder cannot be used, or no certificate can be made.
    pub fn kept_in(
        dir: &Path,
        tls: bool,
        key_type: Option<KeyType>,
        admin_token: Option<String>,
    ) -> Result<Self, StartError> {
        let mut kept = Kept::load(dir)?;
        let authority = kept.authority(tls, key_type)?;
        let admin_token = admin_token.or(kept.admin_token).unwrap_or_else(new_key);
        directory::make(dir)?;
        if let Some(authority) = &authority {
            directory::write_authority(dir, authority)?;
        }
        directory::write_admin_token(dir, &admin_token)?;
        Ok(Self { authority, admin_token })
    }
}
