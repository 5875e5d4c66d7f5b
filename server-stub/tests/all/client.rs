//! A client that shows the bytes on the wire: it sends raw bytes and returns the status, the header names as
//! sent, and the exact body.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use server_stub::{Options, Stub};

/// Far longer than any answer of the stub takes, far shorter than a hung test run.
const PATIENCE: Duration = Duration::from_secs(30);

/// A plain stub on a free port.
pub(crate) fn plain() -> Stub {
    Stub::start(Options { tls: false, ..Options::default() }).expect("a plain stub")
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The string that a JSON body holds under `key`.
    pub(crate) fn text(&self, key: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.body).expect("a JSON body");
        body[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", self.body)).to_owned()
    }
}

/// A request under construction.
pub(crate) struct Ask {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: None }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of JSON.
    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", path).header("Content-Type", "application/json").body(body)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// With the app's credentials.
    pub(crate) fn app(self, stub: &Stub) -> Self {
        self.header("X-Jarvis-App-Id", stub.app_id()).header("X-Jarvis-App-Key", stub.app_key())
    }

    /// With the admin token.
    pub(crate) fn admin(self, stub: &Stub) -> Self {
        self.header("X-Jarvis-Admin-Token", stub.admin_token())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            head.push_str("Host: auth.test:7701\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// The answer, over a connection of its own.
    pub(crate) fn of(&self, stub: &Stub) -> Answer {
        Connection::plain(stub.addr()).ask(self)
    }
}

pub(crate) struct Connection<S> {
    pub(crate) stream: S,
}

impl Connection<TcpStream> {
    pub(crate) fn plain(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Self { stream }
    }
}

impl Connection<StreamOwned<ClientConnection, TcpStream>> {
    /// Connects over TLS to `name`, trusting `ca_pem` only.
    pub(crate) fn tls(addr: SocketAddr, ca_pem: &str, name: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).expect("a certificate")).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        let socket = TcpStream::connect(addr)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(tls, socket);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Self { stream })
    }
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn ask(&mut self, ask: &Ask) -> Answer {
        self.send(&ask.bytes());
        self.answer(ask.method == "HEAD").expect("an answer")
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the request is sent");
        self.stream.flush().expect("the request is flushed");
    }

    /// Whether the server ends the connection without another byte.
    pub(crate) fn ended(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }

    pub(crate) fn answer(&mut self, without_body: bool) -> io::Result<Answer> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("a head of text");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).expect("a status line");
        let status = status[..3].parse().expect("a status");
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").expect("a header"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        if !without_body {
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body)?;
            answer.body = String::from_utf8(body).expect("a body of text");
        }
        Ok(answer)
    }
}
