//! PEM files: the CAs, the node's own certificate, and its key.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use jarvis_node::net::tls::{ClientCertificate, Tls, TlsSettings};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);
static SETTINGS: LazyLock<TlsSettings> = LazyLock::new(|| {
    let file = |name: &str| -> Option<PathBuf> { Some(SCRATCH.path(name)) };
    let client = ClientCertificate::parse(file("cert.pem"), file("key.pem"), true).expect("both");
    TlsSettings { ca_file: file("ca.pem"), client_certificate: client, spki_pins: Vec::new() }
});

fuzz_target!(|input: &[u8]| {
    let [ca, cert, key] = parts::<3>(input);
    SCRATCH.put("ca.pem", ca);
    SCRATCH.put("cert.pem", cert);
    SCRATCH.put("key.pem", key);
    judge(&SETTINGS, [ca, cert, key]);
    // The node without a client certificate.
    let without = TlsSettings { client_certificate: None, ..SETTINGS.clone() };
    judge(&without, [ca, ca, ca]);
});

fn judge(settings: &TlsSettings, files: [&[u8]; 3]) {
    match Tls::new(settings) {
        Ok(_) => {
            assert!(files[..2].iter().all(|pem| holds(pem, b"CERTIFICATE-----")));
            assert!(settings.client_certificate.is_none() || holds(files[2], b"PRIVATE KEY-----"));
        }
        Err(error) => {
            is_error_fit_to_show(&error, &error.to_trouble());
            let told = error.to_string().replace(&SCRATCH.path("").display().to_string(), "");
            // A file may hold a private key beside the certificates: the message shows no part of it in any
            // spelling.
            assert!(told.len() < 400, "{told}");
            for file in files {
                for part in file.windows(24).step_by(12) {
                    // Text with spaces comes from our own messages, which the fuzzer has learnt.
                    assert!(part.contains(&b' ') || !holds(told.as_bytes(), part), "{told}");
                    let numbers = format!("{:?}", &part[..8]);
                    assert!(!told.contains(numbers.trim_matches(['[', ']'])), "{told}");
                }
            }
        }
    }
}
