//! A server's certificates: two bytes of length, the server's certificate, and one of an intermediate CA.
//! Every signature is accepted, since no mutated certificate would have a valid one.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jarvis_node::fuzzing::tls::Rules;
use jarvis_node::net::tls::{Pin, Tls};
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName, SignatureVerificationAlgorithm,
    UnixTime,
};

/// The CA that signed the seeds, and the public key of the server that is to be accepted.
const CA: &[u8] = include_bytes!("../../certificates/ca.der");
const KEY_INFO: &[u8] = include_bytes!("../../certificates/key-info.der");
/// In the middle of the seeds' validity.
const NOW: u64 = 1_800_000_000;

#[derive(Debug)]
struct AnySignature(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for AnySignature {
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
}

fn lenient() -> CryptoProvider {
    let provider = ring::default_provider();
    let all = provider.signature_verification_algorithms.all.iter();
    let all: Vec<&'static dyn SignatureVerificationAlgorithm> =
        all.map(|algorithm| &*Box::leak(Box::new(AnySignature(*algorithm))) as _).collect();
    let algorithms = WebPkiSupportedAlgorithms { all: all.leak(), mapping: &[] };
    CryptoProvider { signature_verification_algorithms: algorithms, ..provider }
}

fn rules(pins: &[Pin], dates_count: bool) -> Rules {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CA)).expect("a CA");
    Rules { roots: Arc::new(roots), pins: pins.into(), dates_count, provider: lenient() }
}

static STRICT: LazyLock<Rules> = LazyLock::new(|| rules(&[], true));
static TIMELESS: LazyLock<Rules> = LazyLock::new(|| rules(&[], false));
static PINNED: LazyLock<Rules> = LazyLock::new(|| rules(&[Pin::of(KEY_INFO)], true));
static TLS: LazyLock<Tls> =
    LazyLock::new(|| Tls::new(&config("https://auth.home", BY_APP).tls).expect("TLS"));

fuzz_target!(|input: &[u8]| {
    let Some((len, rest)) = input.split_first_chunk::<2>() else { return };
    let (leaf, other) = rest.split_at(rest.len().min(u16::from_be_bytes(*len).into()));
    let others: Vec<_> = [other].into_iter().filter(|c| !c.is_empty()).map(CertificateDer::from).collect();
    let name = ServerName::try_from("auth.home").expect("a name");
    let now = UnixTime::since_unix_epoch(Duration::from_secs(NOW));
    let [strict, timeless, pinned] = [&STRICT, &TIMELESS, &PINNED].map(|rules| {
        let judged = rules.judge(&TLS, &CertificateDer::from(leaf), &others, &name, now);
        if let Err(trouble) = &judged {
            is_fit_to_show(trouble.as_ref().expect("words for it"));
        }
        judged
    });
    if strict.is_ok() {
        assert!(timeless.is_ok(), "good now, but not without a look at the dates");
    }
    if timeless.is_ok() {
        let lower = leaf.to_ascii_lowercase();
        assert!(
            holds(&lower, b"auth.home") || holds(&lower, b"*.home"),
            "accepted for a name that the certificate does not hold"
        );
    }
    if pinned.is_ok() {
        assert!(strict.is_ok() && holds(leaf, KEY_INFO), "another key than the pinned one");
    } else if strict.is_ok() {
        let trouble = pinned.err().flatten().expect("words for it");
        assert!(trouble.fix.as_str().contains("sha256//"), "{trouble:?}");
    }
});
