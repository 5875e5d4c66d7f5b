//! Where a household's services are, as its config service tells.

use server_stub::{Home, Options, Stub};

use super::replay::records;
use super::{HOMES, household};
use crate::client::{Ask, Connection};

/// The URL of a service by this query, and with these headers.
fn url(stub: &Stub, service: &str, query: &str, headers: &[(&str, &str)]) -> String {
    let ask = Ask::get(&format!("/services/{service}{query}"));
    let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
    ask.at(stub.config()).text("url")
}

fn published(home: Home) -> Stub {
    let public_urls = ["jarvis-auth=https://auth.example.org", "jarvis-logs=http://logs.example.org:8080"];
    let public_urls = public_urls.map(|text| text.parse().expect("a public URL")).to_vec();
    Stub::start(Options { home, tls: false, public_urls, ..Options::default() }).expect("a stub")
}

#[test]
fn rows_name_the_ports_that_the_services_listen_on() {
    for home in HOMES {
        let stub = household(home);
        let services = Ask::get("/services").at(stub.config()).json()["services"].clone();
        let ports = services.as_array().expect("rows").iter().map(|row| {
            assert_eq!((&row["host"], &row["scheme"] == "mqtt"), (&"localhost".into(), row["port"] == 1884));
            (row["name"].as_str().expect("a name").to_owned(), row["port"].as_u64().expect("a port"))
        });
        let listening = [
            ("jarvis-auth", stub.auth()),
            ("jarvis-command-center", stub.command_center()),
            ("jarvis-config-service", stub.config()),
            ("jarvis-logs", stub.logs()),
        ];
        let listening = listening.map(|(name, server)| (name.to_owned(), u64::from(server.addr().port())));
        let broker = [("jarvis-mqtt-broker".to_owned(), 1884)];
        assert!(ports.eq(listening.into_iter().chain(broker)), "{home}: {services}");
    }
}

#[test]
fn rows_of_a_household_with_tls_say_https() {
    let stub = Stub::start(Options { home: Home::Jarvisd, ..Options::default() }).expect("a stub");
    let mut connection = Connection::tls(stub.config().addr(), stub.ca_pem().expect("TLS"), "localhost")
        .expect("the certificate of the household");
    let answer = connection.ask(&Ask::get("/services/jarvis-auth?style=remote&remote_host=192.0.2.7"));
    assert_eq!(answer.text("url"), format!("https://192.0.2.7:{}", stub.auth().addr().port()));
}

#[test]
fn each_style_tells_another_address() {
    for home in HOMES {
        let stub = household(home);
        let port = stub.auth().addr().port();
        for (query, host) in [
            ("", "localhost"),
            ("?style=default&remote_host=192.0.2.7", "localhost"),
            ("?style=dockerized", "host.docker.internal"),
            ("?style=remote", "localhost"),
            ("?style=remote&remote_host=192.0.2.7", "192.0.2.7"),
            ("?style=external&remote_host=home.example.org", "home.example.org"),
        ] {
            assert_eq!(
                url(&stub, "jarvis-auth", query, &[]),
                format!("http://{host}:{port}"),
                "{home}: {query}"
            );
        }
    }
}

#[test]
fn jarvisd_tells_the_public_url_to_callers_from_outside() {
    let stub = published(Home::Jarvisd);
    let (here, there) =
        (format!("http://localhost:{}", stub.auth().addr().port()), "https://auth.example.org:443");
    for (query, headers, told) in [
        ("", &[][..], here.as_str()),
        ("?style=remote", &[], &here),
        ("?style=external", &[], there),
        ("", &[("Host", "auth.example.org")], there),
        ("?style=remote", &[("Host", "LOGS.example.org.:8080")], there),
        ("", &[("Host", "other.example.org")], &here),
        // The tunnel's end is on this machine.
        ("", &[("X-Forwarded-Host", "auth.example.org, proxy")], there),
        ("", &[("X-Forwarded-Host", "other.example.org")], &here),
        ("", &[("CF-Connecting-IP", "203.0.113.9")], there),
    ] {
        assert_eq!(url(&stub, "jarvis-auth", query, headers), told, "{query} {headers:?}");
    }
    assert_eq!(url(&stub, "jarvis-logs", "?style=external", &[]), "http://logs.example.org:8080");
    let center = format!("http://192.0.2.7:{}", stub.command_center().addr().port());
    let query = "?style=external&remote_host=192.0.2.7";
    assert_eq!(url(&stub, "jarvis-command-center", query, &[]), center, "without a public URL");
    let row = Ask::get("/services/jarvis-auth").at(stub.config()).json();
    assert_eq!((&row["external_host"], &row["external_port"]), (&"auth.example.org".into(), &().into()));
}

#[test]
fn python_registry_has_the_public_url_in_its_row() {
    let stub = published(Home::Python);
    for query in ["", "?style=remote&remote_host=192.0.2.7", "?style=external"] {
        assert_eq!(url(&stub, "jarvis-auth", query, &[]), "https://auth.example.org:443", "{query}");
    }
    let row = Ask::get("/services/jarvis-auth").at(stub.config()).json();
    assert_eq!((&row["host"], &row["external_host"]), (&"auth.example.org".into(), &().into()));
}

#[test]
fn config_service_goes_down_with_the_household() {
    for home in HOMES {
        let stub = household(home);
        stub.go_down();
        assert!(std::net::TcpStream::connect(stub.config().addr()).is_err(), "{home}");
        assert!(std::net::TcpStream::connect(stub.logs().addr()).is_err(), "{home}");
        stub.come_back().expect("the same addresses");
        assert_eq!(Ask::get("/info").at(stub.config()).text("service"), "jarvis-config-service");
    }
}

#[test]
fn config_service_answers_as_documented_in_both_homes() {
    let records = records("config");
    assert_eq!(records.len(), 17, "the file is whole");
    let mut differences = Vec::new();
    for record in &records {
        let home = record.home();
        let public_urls = match record.case.as_str() {
            "services_external_public_url" => vec![
                "jarvis-auth=https://auth.example.org",
                "jarvis-command-center=https://command-center.example.org",
                "jarvis-config-service=https://config-service.example.org",
                "jarvis-logs=https://logs.example.org",
            ],
            _ => Vec::new(),
        };
        let public_urls = public_urls.into_iter().map(|text| text.parse().expect("a public URL")).collect();
        let options = Options { home, tls: false, public_urls, ..Options::default() };
        let stub = Stub::start(options).expect("a stub");
        let port = |server: &server_stub::Server| server.addr().port().to_string();
        let ports = [stub.config(), stub.auth(), stub.logs(), stub.command_center()].map(port);
        let put: Vec<_> =
            ["7700", "7701", "7702", "7703"].into_iter().zip(ports.iter().map(String::as_str)).collect();
        differences.extend(record.differences(&record.ask(&[]).at(stub.config()), &put));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
