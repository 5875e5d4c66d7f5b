//! A row of the registry, and the address it tells.

use serde::Serialize;
use time::OffsetDateTime;

use super::public::PublicUrl;
use super::style::Asked;
use crate::home::Home;
use crate::moment::naive;

/// A service and where it listens.
pub(crate) struct Listed {
    pub(crate) name: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) port: u16,
}

/// A row of the registry.
pub(super) struct Row {
    id: u32,
    name: &'static str,
    scheme: String,
    host: String,
    port: u16,
    health_path: Option<&'static str>,
    description: Option<&'static str>,
    /// jarvisd only. A Python registry has the public address in place of the other.
    public: Option<PublicUrl>,
    /// UTC without a zone.
    created_at: String,
}

/// A row as a client sees it, in the order of the Python service's model.
#[derive(Serialize)]
pub(super) struct ShownRow<'a> {
    name: &'a str,
    host: &'a str,
    port: u16,
    scheme: &'a str,
    health_path: Option<&'a str>,
    description: Option<&'a str>,
    id: u32,
    url: String,
    external_host: Option<&'a str>,
    external_port: Option<u16>,
    created_at: &'a str,
    updated_at: &'a str,
}

impl Row {
    pub(super) fn new(
        home: Home,
        id: u32,
        listed: &Listed,
        public: Option<&PublicUrl>,
        now: OffsetDateTime,
    ) -> Self {
        let Listed { name, scheme, port } = *listed;
        let broker = scheme == "mqtt";
        let row = Self {
            id,
            name,
            scheme: scheme.to_owned(),
            host: "localhost".to_owned(),
            port,
            health_path: (!broker).then_some("/health"),
            description: match (home, broker) {
                (Home::Python, _) => None,
                (Home::Jarvisd, true) => Some("embedded MQTT broker (jarvisd)"),
                (Home::Jarvisd, false) => Some("served by jarvisd"),
            },
            public: None,
            created_at: told(home, now),
        };
        match (home, public) {
            (_, None) => row,
            (Home::Jarvisd, Some(public)) => Self { public: Some(public.clone()), ..row },
            (Home::Python, Some(public)) => Self {
                scheme: public.scheme().to_owned(),
                host: public.host().to_owned(),
                port: public.port_or_default(),
                ..row
            },
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) const fn public(&self) -> Option<&PublicUrl> {
        self.public.as_ref()
    }

    pub(super) fn shown(&self, asked: &Asked) -> ShownRow<'_> {
        ShownRow {
            name: self.name,
            host: &self.host,
            port: self.port,
            scheme: &self.scheme,
            health_path: self.health_path,
            description: self.description,
            id: self.id,
            url: self.url(asked),
            external_host: self.public.as_ref().map(PublicUrl::host),
            external_port: self.public.as_ref().and_then(PublicUrl::port),
            created_at: &self.created_at,
            updated_at: &self.created_at,
        }
    }

    /// The address for this client, always with its port.
    fn url(&self, asked: &Asked) -> String {
        if let Some(public) = self.public.as_ref().filter(|_| asked.public) {
            return format!("{}://{}:{}", public.scheme(), public.host(), public.port_or_default());
        }
        let is_local = matches!(self.host.as_str(), "localhost" | "127.0.0.1");
        let instead = asked.local_host.as_deref().filter(|_| is_local);
        format!("{}://{}:{}", self.scheme, instead.unwrap_or(&self.host), self.port)
    }
}

/// A moment as the registry tells it. SQLite, jarvisd's database, counts milliseconds.
fn told(home: Home, at: OffsetDateTime) -> String {
    let at = match home {
        Home::Python => at,
        Home::Jarvisd => at.replace_millisecond(at.millisecond()).unwrap_or(at),
    };
    let told = naive(at);
    told.strip_suffix(".000000").unwrap_or(&told).to_owned()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn jarvisd_tells_milliseconds_and_no_empty_fraction() {
        let at =
            |micros: u64| OffsetDateTime::UNIX_EPOCH + Duration::from_micros(1_795_313_155_000_000 + micros);
        assert_eq!(told(Home::Python, at(482_571)), "2026-11-22T02:05:55.482571");
        assert_eq!(told(Home::Jarvisd, at(482_571)), "2026-11-22T02:05:55.482000");
        assert_eq!(told(Home::Jarvisd, at(571)), "2026-11-22T02:05:55");
    }
}
