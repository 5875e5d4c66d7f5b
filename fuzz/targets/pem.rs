//! PEM files: the CAs, the node's own certificate, and its key.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use jarvis_node::config::Config;
use jarvis_node::net::tls::{ClientCertificate, Tls};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let file = |name: &str| -> Option<PathBuf> { Some(SCRATCH.path(name)) };
    let client = ClientCertificate::parse(file("cert.pem"), file("key.pem"), true).expect("both");
    Config { ca_file: file("ca.pem"), client_certificate: client, ..config("https://auth.home", BY_APP) }
});

fuzz_target!(|input: &[u8]| {
    let [ca, cert, key] = parts::<3>(input);
    SCRATCH.put("ca.pem", ca);
    SCRATCH.put("cert.pem", cert);
    SCRATCH.put("key.pem", key);
    judge(&CONFIG, [ca, cert, key]);
    // Without a certificate of the node's own.
    let config = Config { client_certificate: None, ..CONFIG.clone() };
    judge(&config, [ca, ca, ca]);
});

fn judge(config: &Config, files: [&[u8]; 3]) {
    match Tls::new(config) {
        Ok(_) => {
            assert!(files[..2].iter().all(|pem| holds(pem, b"-----BEGIN CERTIFICATE-----")));
            assert!(config.client_certificate.is_none() || holds(files[2], b"PRIVATE KEY-----"));
        }
        Err(error) => {
            is_error_fit_to_show(&error, &error.to_trouble());
            let told = error.to_string().replace(&SCRATCH.path("").display().to_string(), "");
            // A file may hold a private key beside the certificates: none of it, spelt in any way.
            assert!(told.len() < 400, "{told}");
            for file in files {
                for part in file.windows(24).step_by(12) {
                    // Words with spaces between are our own, which the fuzzer has picked up.
                    assert!(part.contains(&b' ') || !holds(told.as_bytes(), part), "{told}");
                    let numbers = format!("{:?}", &part[..8]);
                    assert!(!told.contains(numbers.trim_matches(['[', ']'])), "{told}");
                }
            }
        }
    }
}
