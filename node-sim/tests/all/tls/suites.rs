//! Which cipher suite and group servers choose.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{fs, io, thread};

use rustls::HandshakeKind::{Full, Resumed};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::cipher_suite::{TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS13_AES_256_GCM_SHA384};
use rustls::crypto::ring::default_provider;
use rustls::server::NoClientAuth;
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, NamedGroup, ServerConfig, SupportedCipherSuite};

use super::pki::{Ca, Identity};
use super::server::{Server, Site, config};
use super::site::{TlsRig as _, validate};
use test_support::rig::Rig;

/// The extension of TLS 1.3 that names the group (RFC 8446, section 4.2).
const KEY_SHARE: u16 = 51;

/// A server that knows these suites alone.
fn knowing(identity: Identity, suites: &[SupportedCipherSuite]) -> Server {
    let provider = CryptoProvider { cipher_suites: suites.to_vec(), ..default_provider() };
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)
        .unwrap();
    Server::tls(&Site::of(config))
}

#[test]
fn chacha20_and_x25519_are_agreed_with_rustls() {
    let (rig, root) = (Rig::new(), Ca::root());
    for (version, suite) in [
        (&TLS13, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
        (&TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ] {
        let server = Server::tls(&Site::of(config(root.sound(), &[version], Arc::new(NoClientAuth))));
        rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
        let checked = rig.checked(server);
        assert_eq!(checked.outcome(), "valid", "{}", checked.view);
        assert_eq!(checked.seen.agreed, [(suite, NamedGroup::X25519)]);
    }
}

#[test]
fn server_with_aes_256_alone_is_found_out_once() {
    let (rig, root) = (Rig::new(), Ca::root());
    for suite in [TLS13_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384] {
        let server = knowing(root.sound(), &[suite]);
        rig.point(&format!("https://localhost:{}", server.addr.port()), &root.pem);
        let loaded = rig.reader().read().node.unwrap();
        for _ in 0..3 {
            validate(&loaded).unwrap();
        }
        let seen = server.stop();
        assert_eq!((seen.connections, seen.kinds()), (1 + 3, vec![Full, Resumed, Resumed]), "{suite:?}");
    }
}

/// What another program agrees with the node on.
fn agreed_with(mut server: Command, rig: &Rig, root: &Ca) -> (CipherSuite, NamedGroup) {
    let identity = root.sound();
    fs::write(rig.path("server.pem"), identity.pem()).unwrap();
    fs::write(rig.path("server.key"), identity.key_pem()).unwrap();
    // s_server ends with its input.
    server.current_dir(rig.path("")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = server.spawn().unwrap();
    let mut lines = BufReader::new(running.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.rsplit_once(':')?.1.trim().parse::<u16>().ok()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rig.point(&format!("https://localhost:{}", listener.local_addr().unwrap().port()), &root.pem);
    let between = thread::spawn(move || first_answer(&listener, port));
    // The handshake is done, and no answer comes.
    assert_eq!(rig.check().1["outcome"], "server");
    running.kill().unwrap();
    running.wait().unwrap();
    of_server_hello(&between.join().unwrap())
}

/// Passes one connection on to the server at `port`, and returns the first bytes that come back.
fn first_answer(listener: &TcpListener, port: u16) -> Vec<u8> {
    let mut node = listener.accept().unwrap().0;
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (mut from_node, mut to_server) = (node.try_clone().unwrap(), server.try_clone().unwrap());
    let asking = thread::spawn(move || io::copy(&mut from_node, &mut to_server));
    let mut first = vec![0; 16 * 1024];
    let amount = server.read(&mut first).unwrap();
    first.truncate(amount);
    // Either may end the connection at any time.
    let _ = node.write_all(&first).and_then(|()| io::copy(&mut server, &mut node));
    let _ = node.shutdown(Shutdown::Both);
    let _ = asking.join().unwrap();
    first
}

/// Suite and group in a record with a ServerHello of TLS 1.3 (RFC 8446, sections 4.1.3 and 4.2.8).
fn of_server_hello(record: &[u8]) -> (CipherSuite, NamedGroup) {
    let number = |at: usize| u16::from_be_bytes([record[at], record[at + 1]]);
    // Heads of record and message, version, random, and the echo of a session's id after its length.
    let suite = 5 + 4 + 2 + 32 + 1 + usize::from(record[43]);
    // Suite, compression, and the length of the extensions, each of which has its kind and its length.
    let mut extension = suite + 2 + 1 + 2;
    while number(extension) != KEY_SHARE {
        extension += 4 + usize::from(number(extension + 2));
    }
    (number(suite).into(), number(extension + 4).into())
}

#[test]
#[ignore = "needs openssl, python3 and go"]
fn openssl_python_and_go_agree_on_the_same() {
    let (rig, root) = (Rig::new(), Ca::root());
    // s_server takes the request and says nothing.
    rig.configure("request_timeout_secs", 5);
    fs::write(rig.path("server.go"), GO).unwrap();
    let mut go = Command::new("go");
    go.args(["run", "server.go"]);
    let mut openssl = Command::new("openssl");
    openssl.args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-cert", "server.pem"]);
    openssl.args(["-key", "server.key"]);
    let mut python = Command::new("python3");
    python.args(["-u", "-c", PYTHON]);
    for server in [openssl, python, go] {
        let name = format!("{server:?}");
        let agreed = agreed_with(server, &rig, &root);
        assert_eq!(agreed, (CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, NamedGroup::X25519), "{name}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn documented_commands_make_a_certificate_that_is_taken() {
    let (rig, dir) = (Rig::new(), tempfile::tempdir().unwrap());
    let [guide, front_page] = ["docs/configuration.md", "README.md"]
        .map(|name| fs::read_to_string(format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"))).unwrap());
    let (_, section) = guide.split_once("\n## The server's certificate\n").unwrap();
    let commands = section.split("```\n").nth(1).unwrap();
    assert!(front_page.contains(commands), "they stand in README.md, too");
    let commands = commands.replace("auth.home", "localhost");
    let done = Command::new("sh").args(["-ec", &commands]).current_dir(dir.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let made = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let server = Server::tls(&Site::new(Identity::fixture(&made("auth.pem"), &made("auth.key"))));
    rig.point(&format!("https://localhost:{}", server.addr.port()), &made("ca.pem"));
    let checked = rig.checked(server);
    assert_eq!(checked.outcome(), "valid", "{}", checked.view);
}

/// A server by Python's ssl module, as uvicorn has it.
const PYTHON: &str = r#"
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(f"listening on :{listening.getsockname()[1]}")
    context.wrap_socket(listening.accept()[0], server_side=True)
"#;

/// A server by Go's crypto/tls, as jarvisd has it.
const GO: &str = r#"
package main

import (
	"crypto/tls"
	"fmt"
	"net"
)

func main() {
	pair, err := tls.LoadX509KeyPair("server.pem", "server.key")
	if err != nil {
		panic(err)
	}
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("listening on", listening.Addr())
	taken, err := listening.Accept()
	if err != nil {
		panic(err)
	}
	if err := tls.Server(taken, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake(); err != nil {
		panic(err)
	}
}
"#;
