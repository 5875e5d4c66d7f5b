//! A Jarvis home, and where its services are: its config service says so (docs/wire/jarvis-home.md, "Discovery").

use std::time::Duration;

use node_core::service::Service;
use node_core::text::{Brief, Text};
use node_core::trouble::{Trouble, TroubleKind};
use serde::Deserialize;

use crate::config::Config;
use crate::error::SetupError;
use crate::files::json;
use crate::net::http::HttpClient;
use crate::net::service_url::ServiceUrl;
use crate::net::tls::{Pin, Tls, TlsSettings};

/// The services of one home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// The config service.
    pub(crate) config: ServiceUrl,
    /// The command center.
    pub(crate) command_center: ServiceUrl,
    /// The auth service, if the config service has a row for it.
    pub(crate) auth: Option<ServiceUrl>,
    /// The log service, if the config service has a row for it.
    pub(crate) logs: Option<ServiceUrl>,
}

/// How the services of a home are asked before a node belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    /// Whether services may be asked without TLS.
    pub(crate) allow_http: bool,
    /// Which servers to trust, and how the node proves itself there. The pins are left out.
    pub(crate) tls: TlsSettings,
    /// The one server that the pins are for.
    pub(crate) pinned: Option<(ServiceUrl, Vec<Pin>)>,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// How long a whole request may take.
    pub(crate) request_timeout: Duration,
}

impl Means {
    /// As this configuration says.
    pub(crate) fn of(config: &Config) -> Self {
        let TlsSettings { spki_pins, .. } = &config.tls;
        Self {
            allow_http: config.allow_http,
            tls: TlsSettings { spki_pins: Vec::new(), ..config.tls.clone() },
            pinned: (!spki_pins.is_empty()).then(|| (config.auth_url.clone(), spki_pins.clone())),
            connect_timeout: config.connect_timeout,
            request_timeout: config.request_timeout,
        }
    }

    fn pins_of(&self, url: &ServiceUrl) -> Option<&Vec<Pin>> {
        self.pinned.as_ref().filter(|(server, _)| url.is_server_of(server)).map(|(_, pins)| pins)
    }

    /// Whether the certificate of the server at `url` is judged by the board's own clock.
    pub(crate) fn needs_clock(&self, url: &ServiceUrl) -> bool {
        url.is_https() && self.pins_of(url).is_none()
    }

    /// A client of `service` at `url`.
    ///
    /// # Errors
    /// A file of TLS cannot be used.
    pub(crate) fn client(&self, service: Service, url: &ServiceUrl) -> Result<HttpClient, SetupError> {
        let spki_pins = self.pins_of(url).cloned().unwrap_or_default();
        let tls = Tls::new(&TlsSettings { spki_pins, ..self.tls.clone() })?;
        Ok(HttpClient::new(service, url, self.connect_timeout, self.request_timeout, tls))
    }
}

/// The home whose config service is at `url`; `None` if something else that speaks HTTP is there, such as a command
/// center. Nothing secret is sent. Trouble is told of `service`, which is [`Service::HOME`] with the setting that holds the
/// address.
///
/// # Errors
/// There is no answer; or it is a config service, but what it says of its home cannot be used. With the fix.
pub(crate) fn of(url: &ServiceUrl, service: Service, means: &Means) -> Result<Option<Home>, Trouble> {
    #[derive(Deserialize)]
    struct Info {
        service: Text<32>,
    }
    let client = means.client(service, url).map_err(|why| why.to_trouble())?;
    let get = |path: &str| client.get(&format!("{}{path}", url.as_str()), &[]).map_err(|e| e.trouble);
    let info = get("/info")?;
    let is_config = |body: &[u8]| json::object::<Info>(body).is_ok_and(|info| info.service.is(NAME));
    if info.status != 200 || !is_config(&info.body) {
        return Ok(None);
    }
    // The style whose addresses stay on the local network; `external` would leave it through a tunnel.
    // The host is one that a URL can have, so nothing of it means anything in a query.
    let [open, close] = if url.host().contains(':') { ["%5B", "%5D"] } else { [""; 2] };
    let services = get(&format!("/services?style=remote&remote_host={open}{}{close}", url.host()))?;
    let listed = if services.status == 200 { &services.body[..] } else { b"" };
    read(listed, url, means.allow_http).map(Some)
}

/// The config service's name for itself.
const NAME: &str = "jarvis-config-service";
const COMMAND_CENTER: &str = "jarvis-command-center";

#[derive(Deserialize)]
struct Listing {
    services: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: Text<64>,
    url: Text<256>,
}

/// The home in the answer `body` of the config service at `config`.
fn read(body: &[u8], config: &ServiceUrl, allow_http: bool) -> Result<Home, Trouble> {
    let unusable = |why: std::fmt::Arguments<'_>, fix: std::fmt::Arguments<'_>| {
        Trouble::with_fix(TroubleKind::NotUnderstood, why, fix)
    };
    let registry = Brief(config.as_str());
    let Listing { services } = json::object(body).map_err(|_| {
        unusable(
            format_args!("the config service at {registry} does not list the services of its home"),
            format_args!("Look at its log, and that it and this program are of matching versions."),
        )
    })?;
    let find = |name: &str| {
        let Some(row) = services.iter().find(|row| row.name.is(name)) else { return Ok(None) };
        let fix = format_args!(
            "Set the address of {name} there to one that the whole network can use, or give this command the command \
             center's address (--url)."
        );
        let wrong = |why: &str| unusable(format_args!("by the list at {registry}, {why}"), fix);
        let key = format!("the address of {name}");
        let url = ServiceUrl::parse(&key, row.url.as_str(), allow_http).map_err(|why| wrong(&why))?;
        if url.is_this_machine() && !config.is_this_machine() {
            return Err(wrong(&format!("{key} is this board itself ({})", Brief(url.as_str()))));
        }
        Ok(Some(url))
    };
    let (command_center, auth, logs) = (find(COMMAND_CENTER)?, find("jarvis-auth")?, find("jarvis-logs")?);
    let command_center = command_center.ok_or_else(|| {
        unusable(
            format_args!("the config service at {registry} has no row {COMMAND_CENTER}"),
            format_args!("Add it there, or give this command the command center's address (--url)."),
        )
    })?;
    Ok(Home { config: config.clone(), command_center, auth, logs })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServiceUrl {
        ServiceUrl::parse("url", text, true).expect(text)
    }

    /// What the registry at `config` says with these rows.
    fn told(config: &str, rows: &[(&str, &str)]) -> Result<Home, Trouble> {
        let row =
            |(name, url): &(&str, &str)| format!(r#"{{"host":"h","name":"{name}","port":1,"url":"{url}"}}"#);
        let rows: Vec<_> = rows.iter().map(row).collect();
        read(format!(r#"{{"services":[{}]}}"#, rows.join(",")).as_bytes(), &url(config), true)
    }

    const CENTER: (&str, &str) = (COMMAND_CENTER, "http://192.0.2.10:7703");

    #[test]
    fn home_is_read_by_the_names_of_its_rows() {
        let rows = [
            ("jarvis-auth", "http://192.0.2.10:7701"),
            CENTER,
            ("jarvis-logs", "https://logs.home:443"),
            ("jarvis-mqtt-broker", "mqtt://localhost:1884"),
        ];
        let home = told("http://192.0.2.10:7700", &rows).expect("a home");
        assert_eq!(home.command_center, url(CENTER.1));
        assert_eq!(home.auth, Some(url("http://192.0.2.10:7701")));
        assert_eq!(home.logs, Some(url("https://logs.home:443")));
        let least = told("http://192.0.2.10:7700", &[CENTER]).expect("a home");
        assert_eq!((least.auth, least.logs), (None, None));
    }

    #[test]
    fn address_of_the_board_itself_is_refused_from_elsewhere() {
        let here = [
            "localhost",
            "127.0.0.1",
            "127.0.1.1",
            "0.0.0.0",
            "[::1]",
            "[::]",
            "cc.localhost",
            "[::ffff:127.0.0.1]",
        ];
        for host in here {
            let row = format!("http://{host}:7703");
            let rows = [(COMMAND_CENTER, row.as_str())];
            let trouble = told("http://jarvis.home:7700", &rows).expect_err(host);
            let (reason, fix) = (trouble.reason.as_str(), trouble.fix.as_str());
            assert!(
                reason.contains("jarvis.home:7700") && reason.contains("is this board itself"),
                "{reason}"
            );
            assert!(
                fix.contains("Set the address of jarvis-command-center there") && fix.ends_with('.'),
                "{fix}"
            );
            told("http://localhost:7700", &rows).expect("the home is on this board");
        }
    }

    #[test]
    fn row_that_is_no_address_of_http_is_refused() {
        for (row, says) in [
            ("mqtt://192.0.2.10:7703", "must begin with https:// or http://"),
            ("http://u:p@192.0.2.10", "user name"),
            ("", "is not a URL"),
            ("http://192.0.2.10:0", "port"),
        ] {
            let trouble = told("http://192.0.2.10:7700", &[(COMMAND_CENTER, row)]).expect_err(row);
            let reason = trouble.reason.as_str();
            assert!(
                reason.contains(says) && reason.contains("the address of jarvis-command-center"),
                "{reason}"
            );
        }
        let http = read(
            br#"{"services":[{"name":"jarvis-command-center","url":"http://h:1"}]}"#,
            &url("https://h"),
            false,
        );
        assert!(http.expect_err("plain").reason.as_str().contains("plain HTTP"));
    }

    #[test]
    fn listing_without_a_command_center_is_no_home() {
        for rows in [&[][..], &[("jarvis-auth", "http://192.0.2.10:7701")]] {
            let reason = told("http://192.0.2.10:7700", rows).expect_err("no command center").reason;
            assert!(reason.as_str().contains("has no row jarvis-command-center"), "{reason}");
        }
        for body in ["", "[]", "{}", r#"{"services":{}}"#, r#"{"services":[{"name":"x"}]}"#] {
            let reason = read(body.as_bytes(), &url("http://h:7700"), true).expect_err(body).reason;
            assert!(reason.as_str().contains("does not list the services"), "{reason}");
        }
    }
}
