//! The settings that the real service takes from its environment.

use std::ffi::OsString;

/// The real service's settings, by the names of its environment variables.
#[derive(Clone)]
pub struct Settings {
    /// `AUTH_SECRET_KEY`: signs access tokens. None: a random one, so tokens end with the process.
    pub secret_key: Option<String>,
    /// `AUTH_ALGORITHM`: how access tokens are signed.
    pub algorithm: TokenAlgorithm,
    /// `ACCESS_TOKEN_EXPIRE_MINUTES`: life of an access token in minutes; 30 by default.
    pub access_token_minutes: u32,
    /// `REFRESH_TOKEN_EXPIRE_DAYS`: life of a refresh token in days; 14 by default (*documented*).
    pub refresh_token_days: u32,
    /// `JARVIS_AUTH_ADMIN_TOKEN`: opens `/admin/*`. None: for the Python home the folder's, or a random one;
    /// in jarvisd nothing opens it.
    pub admin_token: Option<String>,
    /// `ADMIN_API_KEY` of the command center: mints provisioning tokens. None: the administrator's token.
    pub admin_api_key: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            secret_key: None,
            algorithm: TokenAlgorithm::Hs256,
            access_token_minutes: 30,
            refresh_token_days: 14,
            admin_token: None,
            admin_api_key: None,
        }
    }
}

/// How access tokens are signed: by a shared secret, as the service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

/// An environment variable with an unusable value.
// The value is not shown, because two of the variables are secrets.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} must be {wanted}; unset it to have the default")]
pub struct SettingsError {
    variable: &'static str,
    wanted: &'static str,
}

impl Settings {
    /// Reads the settings through `variable`, usually [`std::env::var_os`].
    ///
    /// # Errors
    /// A variable that is set has an unusable value.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let text = |name: &'static str, wanted: &'static str| match variable(name) {
            None => Ok(None),
            Some(value) => match value.into_string() {
                Ok(value) if !value.is_empty() => Ok(Some(value)),
                Ok(_) | Err(_) => Err(SettingsError { variable: name, wanted }),
            },
        };
        let count = |name: &'static str, wanted: &'static str, default: u32, most: u32| {
            let Some(value) = text(name, wanted)? else { return Ok(default) };
            match value.parse() {
                Ok(number) if (1..=most).contains(&number) => Ok(number),
                Ok(_) | Err(_) => Err(SettingsError { variable: name, wanted }),
            }
        };
        let defaults = Self::default();
        let admin = "printable ASCII without spaces, since it travels in a header";
        let secret = |name: &'static str| match text(name, admin)? {
            Some(secret) if !secret.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(SettingsError { variable: name, wanted: admin })
            }
            secret => Ok(secret),
        };
        let algorithm = match text("AUTH_ALGORITHM", "HS256, HS384 or HS512")?.as_deref() {
            None | Some("HS256") => TokenAlgorithm::Hs256,
            Some("HS384") => TokenAlgorithm::Hs384,
            Some("HS512") => TokenAlgorithm::Hs512,
            Some(_) => {
                return Err(SettingsError { variable: "AUTH_ALGORITHM", wanted: "HS256, HS384 or HS512" });
            }
        };
        Ok(Self {
            secret_key: text("AUTH_SECRET_KEY", "some text")?,
            algorithm,
            access_token_minutes: count(
                "ACCESS_TOKEN_EXPIRE_MINUTES",
                "a whole number of minutes from 1 to 525600",
                defaults.access_token_minutes,
                525_600,
            )?,
            refresh_token_days: count(
                "REFRESH_TOKEN_EXPIRE_DAYS",
                "a whole number of days from 1 to 3650",
                defaults.refresh_token_days,
                3650,
            )?,
            admin_token: secret("JARVIS_AUTH_ADMIN_TOKEN")?,
            admin_api_key: secret("ADMIN_API_KEY")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Settings, SettingsError> {
        Settings::from_variables(|asked| (asked == name).then(|| OsString::from(value)))
    }

    #[test]
    fn an_empty_environment_gives_the_services_defaults() {
        let settings = Settings::from_variables(|_| None).expect("nothing to refuse");
        assert!(settings.secret_key.is_none() && settings.admin_token.is_none());
        assert_eq!(settings.algorithm, TokenAlgorithm::Hs256);
        assert_eq!((settings.access_token_minutes, settings.refresh_token_days), (30, 14));
    }

    #[test]
    fn each_variable_is_read() {
        let read = |name, value| read(name, value).expect("a good value");
        assert_eq!(read("AUTH_SECRET_KEY", "s3cret").secret_key.as_deref(), Some("s3cret"));
        assert_eq!(read("AUTH_ALGORITHM", "HS512").algorithm, TokenAlgorithm::Hs512);
        assert_eq!(read("ACCESS_TOKEN_EXPIRE_MINUTES", "5").access_token_minutes, 5);
        assert_eq!(read("REFRESH_TOKEN_EXPIRE_DAYS", "1").refresh_token_days, 1);
        assert_eq!(read("JARVIS_AUTH_ADMIN_TOKEN", "a-1").admin_token.as_deref(), Some("a-1"));
        assert_eq!(read("ADMIN_API_KEY", "a-2").admin_api_key.as_deref(), Some("a-2"));
    }

    #[test]
    fn bad_values_are_refused_by_name_and_not_shown() {
        for (name, value) in [
            ("AUTH_SECRET_KEY", ""),
            ("AUTH_ALGORITHM", "RS256-or-so"),
            ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
            ("ACCESS_TOKEN_EXPIRE_MINUTES", "half an hour"),
            ("REFRESH_TOKEN_EXPIRE_DAYS", "-1"),
            ("JARVIS_AUTH_ADMIN_TOKEN", "two words"),
            ("ADMIN_API_KEY", "two words"),
        ] {
            let sentence = read(name, value).err().expect("refused").to_string();
            assert!(sentence.starts_with(name), "{sentence}");
            assert!(value.len() < 2 || !sentence.contains(value), "{sentence}");
        }
    }
}
