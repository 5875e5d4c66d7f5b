//! The node against servers with every kind of TLS, good and bad. Most tests run the device's binary; those in
//! which one call must follow another use its library. `matrix` holds the servers that must not be trusted.

mod accepted;
mod certificates;
mod chain;
mod client_certificate;
mod keys;
mod matrix;
pub(crate) mod outcomes;
mod pinned;
mod pki;
mod ports;
mod server;
mod sessions;
mod site;
mod suites;

use serde_json::Value;
use test_support::rig::Rig;

use self::site::TlsRig as _;

/// What a node makes of exactly `answer` over TLS, by `runs`: an exit code and words. `asks` changes whom the configuration
/// asks at a URL.
pub(crate) fn answered(
    rig: &Rig,
    answer: String,
    asks: fn(&Rig, &str),
    runs: fn(&Rig) -> (Option<i32>, Value),
) -> (Option<i32>, Value) {
    let root = pki::Ca::root();
    let site = server::Site::new(root.sound());
    site.answers(move |_| answer.clone());
    let server = server::Server::tls(&site);
    let url = format!("https://localhost:{}", server.addr.port());
    rig.point(&url, &root.pem);
    asks(rig, &url);
    let (exit, view) = runs(rig);
    assert!(!server.stop().requests.is_empty(), "nothing was asked: {view}");
    (exit, view)
}
