//! The folder of a stub, and the program.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::client::{Ask, Connection};
use server_stub::{KeyType, Options, Stub};

const ADMIN_TOKEN: &str = "the-admin-token-of-the-environment";
const PROGRAM: &str = env!("CARGO_BIN_EXE_server-stub");

fn started(dir: &Path, tls: bool) -> Stub {
    Stub::start(Options { dir: Some(dir.to_owned()), tls, ..Options::default() }).expect("a stub")
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn json(dir: &Path, name: &str) -> serde_json::Value {
    serde_json::from_str(&read(dir, name)).expect("JSON")
}

#[test]
fn a_folder_holds_what_a_node_needs() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = &dir.path().join("made/for/it");
    let stub = started(dir, true);
    let config = json(dir, "config.json");
    assert_eq!(config["auth_url"], stub.url());
    assert_eq!(config["service_id"], "jarvis-command-center");
    assert_eq!(config["app_id"], stub.app_id());
    assert_eq!(config["led"], "none");
    for (key, name) in [
        ("app_key_file", "app.key"),
        ("credential_file", "credential.json"),
        ("ca_file", "ca.pem"),
        ("status_file", "status.json"),
        ("state_file", "state.json"),
    ] {
        let path = Path::new(config[key].as_str().expect("a path"));
        assert!(path.is_absolute() && path.ends_with(name), "{key}: {path:?}");
    }
    assert_eq!(config.as_object().expect("an object").len(), 9);
    assert_eq!(json(dir, "credential.json")["node_key"], stub.node().1);
    assert_eq!(read(dir, "app.key"), format!("{}\n", stub.app_key()));
    assert_eq!(read(dir, "admin.token"), format!("{}\n", stub.admin_token()));
    assert_eq!(Some(read(dir, "ca.pem").as_str()), stub.ca_pem());
    for secret in ["ca.key", "server.key", "app.key", "credential.json", "admin.token"] {
        let mode = fs::metadata(dir.join(secret)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
}

#[test]
fn without_tls_there_is_no_authority_to_trust() {
    let dir = tempfile::tempdir().expect("a folder");
    let stub = started(dir.path(), false);
    let config = json(dir.path(), "config.json");
    assert!(stub.url().starts_with("http://127.0.0.1:"));
    assert!(config.get("ca_file").is_none());
    assert!(!dir.path().join("ca.pem").exists());
}

#[test]
fn folder_keeps_its_kind_of_keys_and_takes_no_other() {
    let dir = tempfile::tempdir().expect("a folder");
    let start = |key_type| {
        let options = Options { dir: Some(dir.path().to_owned()), key_type, ..Options::default() };
        Stub::start(options).map(|stub| stub.ca_pem().map(str::to_owned))
    };
    let first = start(Some(KeyType::Rsa2048)).expect("started");
    assert_eq!(start(None).expect("started"), first);
    assert_eq!(start(Some(KeyType::Rsa2048)).expect("started"), first);
    let told = start(Some(KeyType::Ed25519)).expect_err("another kind").to_string();
    assert!(told.contains("--key-type"), "{told}");
    assert_eq!(start(None).expect("started"), first, "nothing was replaced");
}

#[test]
fn the_same_folder_makes_the_same_server_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = started(dir.path(), true);
    let kept = |stub: &Stub| {
        let (id, key) = stub.node();
        let ca = stub.ca_pem().expect("TLS").to_owned();
        let pin = stub.spki_pin().expect("TLS");
        [ca, pin, stub.app_key().into(), id.into(), key.into(), stub.admin_token().into()]
    };
    let before = kept(&first);
    drop(first);
    // Also if its mode was changed meanwhile.
    fs::set_permissions(dir.path().join("app.key"), fs::Permissions::from_mode(0o644)).expect("a mode");
    let second = started(dir.path(), true);
    assert_eq!(kept(&second), before);
    assert!(Connection::tls(second.addr(), &before[0], "localhost").is_ok(), "the old CA vouches for it");
    let mode = fs::metadata(dir.path().join("app.key")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_folder_that_is_no_use_is_named_and_left_alone() {
    for (name, nonsense) in [
        ("credential.json", "{\"node_id\":\"secret"),
        ("app.key", ""),
        ("ca.pem", "x"),
        ("server.key", "secret"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        drop(started(dir.path(), true));
        fs::write(dir.path().join(name), nonsense).expect("written");
        let refused = Stub::start(Options { dir: Some(dir.path().to_owned()), ..Options::default() });
        let sentence = refused.err().expect("refused").to_string();
        assert!(sentence.contains(name) && !sentence.contains("secret"), "{sentence}");
        assert_eq!(read(dir.path(), name), nonsense);
    }
}

/// The program, which is killed at the end of the test.
struct Program(Child);

impl Program {
    fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    fn start_with(dir: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "127.0.0.1:0", "--dir"]).arg(dir);
        command.args(arguments).env("JARVIS_AUTH_ADMIN_TOKEN", ADMIN_TOKEN);
        let child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        Self(child)
    }

    /// The line it prints when it listens.
    fn line(&mut self) -> serde_json::Value {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        serde_json::from_str(&line).expect("a line of JSON")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_program_says_where_it_listens_and_stops_when_told() {
    for signal in ["TERM", "INT"] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut program = Program::start(dir.path());
        let mut out = BufReader::new(program.0.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        assert_eq!(line["dir"], dir.path().to_str().expect("a path of text"));
        let url = line["url"].as_str().expect("a url");
        assert_eq!(json(dir.path(), "config.json")["auth_url"], url);

        let addr = url.strip_prefix("https://").expect("TLS").parse().expect("an address");
        let ca = read(dir.path(), "ca.pem");
        let mut connection = Connection::tls(addr, &ca, "127.0.0.1").expect("a trusted server");
        assert_eq!(connection.ask(&Ask::get("/health")).body, "{\"status\":\"ok\"}");

        let nodes = connection.ask(&Ask::get("/admin/nodes").header("X-Jarvis-Admin-Token", ADMIN_TOKEN));
        assert_eq!(nodes.status, 200);
        assert_eq!(read(dir.path(), "admin.token").trim_end(), ADMIN_TOKEN);

        program.signal(signal);
        let mut rest = String::new();
        out.read_to_string(&mut rest).expect("the end");
        assert_eq!(rest, "", "one line only");
        let mut told = String::new();
        program.0.stderr.take().expect("a pipe").read_to_string(&mut told).expect("the end");
        assert!(told.contains("jarvis-node check --config") && told.contains("rotate-key"), "{told}");
        let credential = json(dir.path(), "credential.json");
        for secret in [
            read(dir.path(), "admin.token").trim_end(),
            read(dir.path(), "app.key").trim_end(),
            credential["node_key"].as_str().expect("a key"),
        ] {
            assert!(!told.contains(secret), "{told}");
        }
        assert_eq!(program.0.wait().expect("an end").code(), Some(0), "{signal}");
    }
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str], variable: (&str, &str)| {
        let mut command = Command::new(PROGRAM);
        command.arg("--dir").arg(dir.path()).args(arguments).env(variable.0, variable.1);
        let output = command.output().expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let nothing = ("AUTH_ALGORITHM", "HS256");
    assert_eq!(run(&["--help"], nothing).0, Some(0));
    assert_eq!(run(&["--version"], nothing).0, Some(0));
    assert_eq!(run(&["--listen", "nowhere"], nothing).0, Some(64));
    assert_eq!(run(&["--fault", "no-such-fault"], nothing).0, Some(64));
    let (code, sentence) = run(&["--listen", "127.0.0.1:0", "--plain", "--fault", "cert-expired"], nothing);
    assert_eq!(code, Some(64), "{sentence}");
    assert_eq!(run(&["--listen", "127.0.0.1:0", "--name", "a b"], nothing).0, Some(64));
    let (code, sentence) = run(&[], ("AUTH_ALGORITHM", "none"));
    assert_eq!(code, Some(78));
    assert!(sentence.contains("AUTH_ALGORITHM"), "{sentence}");
    let other = crate::client::plain();
    let (code, sentence) = run(&["--listen", &other.addr().to_string()], nothing);
    assert_eq!(code, Some(69), "{sentence}");
    fs::write(dir.path().join("app.key"), "").expect("written");
    assert_eq!(run(&["--listen", "127.0.0.1:0"], nothing).0, Some(78));
}

#[test]
fn program_with_faults_names_its_control() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut program = Program::start_with(dir.path(), &["--fault", "refused", "--fault", "status-503"]);
    let line = program.line();
    let url = line["url"].as_str().expect("a url");
    let addr = url.strip_prefix("https://").expect("TLS").parse().expect("an address");
    let ca = read(dir.path(), "ca.pem");
    let refused = Connection::tls(addr, &ca, "127.0.0.1").err().map(|error| error.kind());
    assert_eq!(refused, Some(std::io::ErrorKind::ConnectionRefused));

    let control = line["control"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a control");
    let (control, path) = control.split_once('/').expect("a path");
    let put = Ask::new("PUT", &format!("/{path}")).header("X-Jarvis-Admin-Token", ADMIN_TOKEN);
    let put = put.body("[\"status-502\"]");
    let changed = Connection::plain(control.parse().expect("an address")).ask(&put);
    assert_eq!(changed.body, "[\"status-502\"]");
    let mut connection = Connection::tls(addr, &ca, "127.0.0.1").expect("a trusted server");
    assert_eq!(connection.ask(&Ask::get("/health")).status, 502);
    program.signal("TERM");
    assert_eq!(program.0.wait().expect("an end").code(), Some(0));
}

/// All services of a folder share its authority, and each can run alone.
#[test]
fn the_token_service_is_there_with_the_auth_server_and_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let discovered = |line: &serde_json::Value| {
        let issuer = line["sts"].as_str().expect("an issuer").to_owned();
        let addr = issuer.strip_prefix("https://").and_then(|rest| rest.split('/').next()).expect("TLS");
        let addr = addr.parse().expect("an address");
        let mut way = Connection::tls(addr, &read(dir.path(), "ca.pem"), "localhost").expect("trusted");
        let said = way.ask(&Ask::get("/realms/arp-dev/.well-known/openid-configuration"));
        assert_eq!(said.text("issuer"), issuer);
        let signing =
            way.ask(&Ask::new("POST", "/__stub/signing-key").header("X-Jarvis-Admin-Token", ADMIN_TOKEN));
        assert_eq!(signing.status, 200, "{}", signing.body);
    };
    let mut both = Program::start_with(dir.path(), &["--sts-algorithm", "ES256"]);
    let line = both.line();
    discovered(&line);
    assert!(line["url"].is_string() && line.get("sts_control").is_none());
    drop(both);
    let ca = read(dir.path(), "ca.pem");
    let alone = ["--only", "sts", "--sts-algorithm", "ES256", "--fault", "token-expired"];
    let mut alone = Program::start_with(dir.path(), &alone);
    let line = alone.line();
    discovered(&line);
    assert_eq!(read(dir.path(), "ca.pem"), ca, "the folder's authority");
    assert!(line.get("url").is_none() && line["sts_control"].is_string());
    drop(alone);
    let mut auth = Program::start_with(dir.path(), &["--only", "auth"]);
    assert!(auth.line().get("sts").is_none());
}

#[test]
fn token_service_alone_writes_its_folder_owner_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = &dir.path().join("new");
    let mut program = Program::start_with(dir, &["--only", "sts", "--sts-algorithm", "ES256"]);
    assert!(program.line()["sts"].is_string());
    let mut names: Vec<_> =
        fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("one").path()).collect();
    names.sort();
    assert_eq!(names, ["admin.token", "ca.key", "ca.pem"].map(|name| dir.join(name)));
    for secret in &names[..2] {
        let mode = fs::metadata(secret).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{secret:?}");
    }
}

#[test]
fn realm_file_is_read_and_a_bad_one_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("realm.json");
    let realm = |text: &str| fs::write(&file, text).expect("written");
    let arguments = ["--sts-algorithm", "ES256", "--realm", file.to_str().expect("text")];
    let refused = || {
        let mut command = Command::new(PROGRAM);
        command.args(["--listen", "127.0.0.1:0", "--dir"]).arg(dir.path()).args(arguments);
        let output = command.output().expect("the program runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = refused();
    assert!(code == Some(78) && told.contains("realm.json"), "{code:?} {told}");
    realm("{\"realm\":\"home\",\"clients\":[{\"clientId\":\"a\",\"secret\":[\"s3cret\"]}]}");
    let (code, told) = refused();
    assert!(code == Some(78) && told.contains("realm.json") && !told.contains("s3cret"), "{code:?} {told}");
    for (form, says) in
        [(&b"\xff\xfe{\0}\0"[..], "UTF-16"), (b"{\"realm\":\n\0", "NUL byte on line 2"), (b"", "empty")]
    {
        fs::write(&file, form).expect("written");
        let (code, told) = refused();
        assert!(code == Some(78) && told.contains("realm.json") && told.contains(says), "{code:?} {told}");
    }
    for other in ["/dev/zero", "/dev/null", "/"] {
        fs::remove_file(&file).expect("removed");
        symlink(other, &file).expect("a link");
        let (code, told) = refused();
        assert!(code == Some(78) && told.contains("not a regular file"), "{code:?} {told}");
    }
    fs::remove_file(&file).expect("removed");
    fs::File::create(&file).and_then(|file| file.set_len(1 << 30)).expect("a gigabyte");
    assert!(refused().1.contains("longer than 64 MiB"));
    realm(
        "\u{feff}[{\"realm\":\"home\",\r\n\"clients\":[{\"clientId\":\"a\"},{\"clientId\":\"b\",\"secret\":\"${B}\"}]}]",
    );
    let mut program = Program::start_with(dir.path(), &arguments);
    assert!(program.line()["sts"].as_str().expect("an issuer").ends_with("/realms/home"));
    let mut told = BufReader::new(program.0.stderr.take().expect("a pipe")).lines().map_while(Result::ok);
    let note = told.find(|line| line.starts_with("note: ")).expect("a note");
    assert!(note.contains("client \"b\" is left out: its secret is a placeholder"), "{note}");
}

#[test]
fn every_fault_is_listed_with_what_it_does() {
    let output = Command::new(PROGRAM).arg("--list-faults").output().expect("the program runs");
    let listed = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), server_stub::Fault::all().count());
    for (line, fault) in lines.into_iter().zip(server_stub::Fault::all()) {
        assert_eq!(line.split_whitespace().next(), Some(fault.name()));
        assert!(line.len() <= 110 && line.ends_with(fault.description()), "{line}");
    }
}
