//! Servers that report afterwards what reached them.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CipherSuite, HandshakeKind, NamedGroup, ProtocolVersion, ServerConfig, ServerConnection,
    SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion,
};

use super::pki::Identity;
use test_support::rude::read_request;
use test_support::waiting::PATIENCE;

/// What reached a server.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The kind and version of each completed handshake.
    pub(super) handshakes: Vec<(HandshakeKind, ProtocolVersion)>,
    /// The suite and the group of each completed handshake.
    pub(super) agreed: Vec<(CipherSuite, NamedGroup)>,
    /// How many connections were made, with a handshake or without.
    pub(super) connections: usize,
    /// Whole requests, decrypted.
    pub(super) requests: Vec<String>,
    /// Every byte that came over the wire.
    pub(super) wire: Vec<u8>,
}

impl Seen {
    /// The first lines of the requests.
    pub(super) fn asked(&self) -> Vec<&str> {
        self.requests.iter().filter_map(|request| request.lines().next()).collect()
    }

    pub(super) fn kinds(&self) -> Vec<HandshakeKind> {
        self.handshakes.iter().map(|(kind, _)| *kind).collect()
    }
}

/// A server that takes one connection after the other.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    stopped: Arc<AtomicBool>,
    requests: Receiver<usize>,
    thread: JoinHandle<Seen>,
}

type Behaviour = Box<dyn FnMut(&mut TcpStream, &mut Seen) -> io::Result<()> + Send>;

impl Server {
    fn start(address: &str, mut behave: Behaviour) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let addr = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let (tell, requests) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut seen = Seen::default();
            for mut stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                seen.connections += 1;
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                // The client may end the connection at any time.
                let _ = behave(&mut stream, &mut seen);
                let _ = tell.send(seen.requests.len());
            }
            seen
        });
        Self { addr, stopped, requests, thread }
    }

    /// Speaks TLS as `site` says, and HTTP within it.
    pub(super) fn tls(site: &Site) -> Self {
        Self::tls_at("127.0.0.1:0", site)
    }

    pub(super) fn tls_at(address: &str, site: &Site) -> Self {
        let site = site.clone();
        Self::start(address, Box::new(move |stream, seen| site.serve(stream, seen)))
    }

    /// Reads the client's first bytes and does `behave` with the connection.
    pub(super) fn raw(behave: fn(&mut TcpStream)) -> Self {
        Self::start(
            "127.0.0.1:0",
            Box::new(move |stream, seen| {
                let mut buffer = [0; 16 * 1024];
                let amount = stream.read(&mut buffer)?;
                seen.wire.extend(&buffer[..amount]);
                behave(stream);
                Ok(())
            }),
        )
    }

    /// Closes with bytes unread, which the client sees as a reset.
    pub(super) fn raw_reset() -> Self {
        Self::start("127.0.0.1:0", Box::new(|stream, _| stream.peek(&mut [0]).map(drop)))
    }

    /// Answers the client's first bytes with `bytes`, and records what it sends after that.
    pub(super) fn answering(bytes: &'static [u8]) -> Self {
        Self::start(
            "127.0.0.1:0",
            Box::new(move |stream, seen| {
                let mut buffer = [0; 16 * 1024];
                let amount = stream.read(&mut buffer)?;
                seen.wire.extend(&buffer[..amount]);
                stream.write_all(bytes)?;
                stream.shutdown(std::net::Shutdown::Write)?;
                stream.read_to_end(&mut seen.wire)?;
                Ok(())
            }),
        )
    }

    /// Waits until `count` requests were answered.
    pub(super) fn wait_for_requests(&self, count: usize) {
        while self.requests.recv_timeout(PATIENCE).unwrap() < count {}
    }

    /// Ends the server after every connection made so far.
    pub(super) fn stop(self) -> Seen {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.addr));
        self.thread.join().unwrap()
    }
}

/// What a server shows and answers. A change counts from the next connection on.
#[derive(Clone)]
pub(super) struct Site {
    tls: Arc<Mutex<Arc<ServerConfig>>>,
    answer: Arc<Mutex<Answer>>,
    speaks_like_openssl: bool,
}

type Answer = Box<dyn Fn(&str) -> String + Send>;

impl Site {
    /// Both versions of TLS, no client certificate, sessions that can be resumed, and the real time.
    pub(super) fn new(identity: Identity) -> Self {
        Self::of(config(identity, &[&TLS13, &TLS12], Arc::new(NoClientAuth)))
    }

    pub(super) fn of(config: ServerConfig) -> Self {
        let site = Self {
            tls: Arc::new(Mutex::new(Arc::new(config))),
            answer: Arc::new(Mutex::new(Box::new(|_| String::new()))),
            speaks_like_openssl: false,
        };
        site.answers(|request| ok(request, Some(&now())));
        site
    }

    pub(super) fn answers(&self, answer: impl Fn(&str) -> String + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// Answers as it should, with this `Date`.
    pub(super) fn says_it_is(&self, date: &'static str) {
        self.answers(move |request| ok(request, Some(date)));
    }

    /// Answers a missing client certificate with the alert that OpenSSL uses in TLS 1.2.
    pub(super) fn like_openssl(self) -> Self {
        Self { speaks_like_openssl: true, ..self }
    }

    pub(super) fn becomes(&self, config: ServerConfig) {
        *self.tls.lock().unwrap() = Arc::new(config);
    }

    fn serve(&self, stream: &mut TcpStream, seen: &mut Seen) -> io::Result<()> {
        let config = Arc::clone(&self.tls.lock().unwrap());
        let mut tls = ServerConnection::new(config).unwrap();
        let mut tap = Tap { stream, taken: &mut seen.wire, like_openssl: self.speaks_like_openssl };
        while tls.is_handshaking() {
            tls.complete_io(&mut tap)?;
        }
        // In TLS 1.3 a client certificate is refused after the client's side of the handshake is complete.
        let (kind, version) = (tls.handshake_kind().unwrap(), tls.protocol_version().unwrap());
        seen.handshakes.push((kind, version));
        let suite = tls.negotiated_cipher_suite().unwrap().suite();
        seen.agreed.extend(tls.negotiated_key_exchange_group().map(|group| (suite, group.name())));
        let mut both = rustls::Stream::new(&mut tls, &mut tap);
        let request = read_request(&mut both);
        if request.is_empty() {
            return Ok(());
        }
        let answer = self.answer.lock().unwrap()(&request);
        seen.requests.push(request);
        both.write_all(answer.as_bytes())?;
        both.conn.send_close_notify();
        both.flush()
    }
}

/// Records what is read.
struct Tap<'a> {
    stream: &'a mut TcpStream,
    taken: &'a mut Vec<u8>,
    like_openssl: bool,
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.stream.read(buffer)?;
        self.taken.extend(&buffer[..amount]);
        Ok(amount)
    }
}

impl Write for Tap<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match bytes {
            // handshake_failure in the place of certificate_required.
            [21, 3, 3, 0, 2, 2, 116] if self.like_openssl => self.stream.write(&[21, 3, 3, 0, 2, 2, 40]),
            _ => self.stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

pub(super) fn now() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}

/// The answer of a sound service to either request.
pub(super) fn ok(request: &str, date: Option<&str>) -> String {
    let body = if request.starts_with("GET /health ") {
        r#"{"status":"ok"}"#
    } else {
        r#"{"valid":true,"node_id":"kitchen-pi","household_id":null,"household_member_ids":null,"reason":null}"#
    };
    response("200 OK", date, body)
}

pub(super) fn response(status: &str, date: Option<&str>, body: &str) -> String {
    let date = date.map(|date| format!("date: {date}\r\n")).unwrap_or_default();
    format!("HTTP/1.1 {status}\r\n{date}content-length: {}\r\n\r\n{body}", body.len())
}

pub(super) fn config(
    identity: Identity,
    versions: &[&'static SupportedProtocolVersion],
    clients: Arc<dyn ClientCertVerifier>,
) -> ServerConfig {
    let key = any_supported_type(&identity.key).unwrap();
    config_with(CertifiedKey::new(identity.chain, key), versions, clients)
}

/// Unlike `config`, this does not check that key and certificate belong together.
pub(super) fn config_with(
    key: CertifiedKey,
    versions: &[&'static SupportedProtocolVersion],
    clients: Arc<dyn ClientCertVerifier>,
) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
}

/// A server that remembers no session.
pub(super) fn forgetful(mut config: ServerConfig) -> ServerConfig {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}

/// Pretends to sign, for a key that ring would not sign with.
#[derive(Debug)]
pub(super) struct Pretender;

impl SigningKey for Pretender {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Self))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl Signer for Pretender {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![0; 128])
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PSS_SHA256
    }
}
