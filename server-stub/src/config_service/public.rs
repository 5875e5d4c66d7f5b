//! Public addresses of services, by which a home can be reached from outside.

use core::fmt;
use core::str::FromStr;

use axum::http::Uri;

use super::{AUTH, CONFIG, MQTT};
use crate::auth::state::{COMMAND_CENTER, LOGS};

/// The address that a service of the home has outside, behind a tunnel.
///
/// ```
/// use server_stub::PublicUrl;
/// let public: PublicUrl = "jarvis-auth=https://auth.example.org".parse()?;
/// assert_eq!(public.to_string(), "jarvis-auth=https://auth.example.org");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    service: &'static str,
    scheme: &'static str,
    host: String,
    port: Option<u16>,
}

/// The schemes, and the port that each implies.
const SCHEMES: [(&str, u16); 6] =
    [("http", 80), ("https", 443), ("ws", 80), ("wss", 443), ("mqtt", 1883), ("mqtts", 8883)];
const SERVICES: [&str; 5] = [AUTH, COMMAND_CENTER, CONFIG, LOGS, MQTT.name];

impl PublicUrl {
    pub(super) const fn service(&self) -> &'static str {
        self.service
    }

    pub(super) const fn scheme(&self) -> &'static str {
        self.scheme
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> Option<u16> {
        self.port
    }

    pub(super) fn port_or_default(&self) -> u16 {
        let implied = SCHEMES.iter().find(|(scheme, _)| *scheme == self.scheme).map(|(_, port)| *port);
        self.port.or(implied).unwrap_or_default()
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, scheme, host, port } = self;
        write!(f, "{service}={scheme}://{host}")?;
        port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The text is no service's public URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlError {
    /// There is no service of that name.
    #[error("there is no service '{name}'; {known} are there", known = SERVICES.join(", "))]
    Service {
        /// The name.
        name: String,
    },
    /// No such address can be public.
    #[error(
        "a public URL is scheme://host or scheme://host:port without a path, like jarvis-auth=https://auth.example.org; the schemes are http, https, ws, wss, mqtt and mqtts"
    )]
    Url,
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let (name, url) = text.split_once('=').ok_or(PublicUrlError::Url)?;
        let service = SERVICES.into_iter().find(|service| *service == name);
        let service = service.ok_or_else(|| PublicUrlError::Service { name: name.to_owned() })?;
        let uri: Uri = url.parse().map_err(|_| PublicUrlError::Url)?;
        let scheme = SCHEMES.iter().find(|(scheme, _)| uri.scheme_str() == Some(scheme));
        let (Some((scheme, _)), Some(authority)) = (scheme, uri.authority()) else {
            return Err(PublicUrlError::Url);
        };
        if authority.as_str().contains('@') || uri.path() != "/" || uri.query().is_some() {
            return Err(PublicUrlError::Url);
        }
        Ok(Self { service, scheme, host: authority.host().to_ascii_lowercase(), port: authority.port_u16() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_url_is_a_service_and_an_origin() {
        for (text, port) in [
            ("jarvis-auth=https://auth.example.org", 443),
            ("jarvis-command-center=http://cc.example.org:8443", 8443),
            ("jarvis-mqtt-broker=wss://mqtt.example.org", 443),
            ("jarvis-mqtt-broker=mqtts://[2001:db8::1]", 8883),
        ] {
            let public: PublicUrl = text.parse().expect("a public URL");
            assert_eq!((public.to_string().as_str(), public.port_or_default()), (text, port));
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        assert_eq!(
            "jarvis=https://h".parse::<PublicUrl>(),
            Err(PublicUrlError::Service { name: "jarvis".into() })
        );
        for text in [
            "https://h",
            "jarvis-auth=h",
            "jarvis-auth=ftp://h",
            "jarvis-auth=https://h/p",
            "jarvis-auth=https://h?q",
            "jarvis-auth=https://u@h",
            "jarvis-auth=https://",
            "jarvis-auth=",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(PublicUrlError::Url), "{text}");
        }
    }
}
