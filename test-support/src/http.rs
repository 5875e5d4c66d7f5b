//! A client that shows the bytes on the wire: it sends raw bytes and returns the status, the header names as sent,
//! and the exact body.

use core::net::SocketAddr;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use server_stub::{Options, Server, Stub};

use crate::waiting::PATIENCE;

/// A stub without TLS on a free port.
///
/// # Panics
/// If it does not start.
pub fn plain() -> Stub {
    Stub::start(Options { tls: false, ..Options::default() }).unwrap()
}

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields in their order, with their names as they were sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The header field of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body, which is JSON.
    ///
    /// # Panics
    /// If it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The string that a JSON body holds under `key`.
    ///
    /// # Panics
    /// If there is none.
    pub fn text(&self, key: &str) -> String {
        self.json()[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", self.body)).to_owned()
    }
}

/// A request under construction.
#[derive(Debug)]
pub struct Ask {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Ask {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), headers: Vec::new(), body: None }
    }

    /// A GET.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of JSON.
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", path).header("Content-Type", "application/json").body(body)
    }

    /// With this header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// With the app's credentials.
    #[must_use]
    pub fn app(self, stub: &Stub) -> Self {
        self.header("X-Jarvis-App-Id", stub.app_id()).header("X-Jarvis-App-Key", stub.app_key())
    }

    /// With the admin token.
    #[must_use]
    pub fn admin(self, stub: &Stub) -> Self {
        self.header("X-Jarvis-Admin-Token", stub.admin_token())
    }

    /// The request as it is sent where the host does not matter.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_for("auth.test:7701")
    }

    /// The request as it is sent, with this `Host` unless it names another.
    fn bytes_for(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            head.push_str(&format!("Host: {host}\r\n"));
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

    /// The answer of the auth service of a stub without TLS, over a connection of its own.
    pub fn of(&self, stub: &Stub) -> Answer {
        self.at(stub.auth())
    }

    /// The answer of a server without TLS, over a connection of its own.
    pub fn at(&self, server: &Server) -> Answer {
        Connection::plain(server.addr()).ask(self)
    }
}

/// A connection to a server.
#[derive(Debug)]
pub struct Connection<S> {
    /// What is written to and read from.
    pub stream: S,
    /// The `Host` of requests that name none.
    addr: SocketAddr,
}

impl Connection<TcpStream> {
    /// A connection without TLS.
    ///
    /// # Panics
    /// If there is none to be had.
    pub fn plain(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, addr }
    }
}

impl Connection<StreamOwned<ClientConnection, TcpStream>> {
    /// Connects over TLS to `name`, trusting `ca_pem` only.
    ///
    /// # Errors
    /// If there is none to be had, or the server does not prove itself.
    ///
    /// # Panics
    /// If `ca_pem` is no certificate, or `name` no name.
    pub fn tls(addr: SocketAddr, ca_pem: &str, name: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls =
            ClientConnection::new(Arc::new(config), ServerName::try_from(name.to_owned()).unwrap()).unwrap();
        let socket = TcpStream::connect(addr)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(tls, socket);
        stream.conn.complete_io(&mut stream.sock)?;
        Ok(Self { stream, addr })
    }
}

impl<S: Read + Write> Connection<S> {
    /// Sends a request and reads the answer.
    ///
    /// # Panics
    /// If the connection ends before the answer does.
    pub fn ask(&mut self, ask: &Ask) -> Answer {
        self.send(&ask.bytes_for(&self.addr.to_string()));
        self.answer(ask.method == "HEAD").unwrap()
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// If the other end takes no more.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
        self.stream.flush().unwrap();
    }

    /// Whether the server ends the connection without another byte.
    pub fn ended(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }

    /// Reads an answer whose body is as long as its `Content-Length` says or comes in chunks, or none where
    /// there is never one.
    ///
    /// # Errors
    /// If the connection ends before the answer does.
    ///
    /// # Panics
    /// If it is not HTTP/1.1.
    pub fn answer(&mut self, without_body: bool) -> io::Result<Answer> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).unwrap();
        let status = status[..3].parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header field: {line:?}")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: String::new() };
        let named = |name: &str| answer.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        let chunked = named("transfer-encoding").is_some_and(|(_, coding)| coding == "chunked");
        let length = named("content-length").map_or(0, |(_, length)| length.parse().unwrap());
        if !without_body {
            let body = if chunked { self.chunks()? } else { self.bytes(length)? };
            answer.body = String::from_utf8(body).unwrap();
        }
        Ok(answer)
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut size = Vec::new();
            while !size.ends_with(b"\r\n") {
                size.extend(self.bytes(1)?);
            }
            let size = usize::from_str_radix(String::from_utf8(size).unwrap().trim_end(), 16).unwrap();
            body.extend(self.bytes(size)?);
            self.bytes(2)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}
