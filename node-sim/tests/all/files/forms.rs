//! Every file of a setup, in every form in which files come: it is used, or named.

use core::time::Duration;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

use jarvis_node::setup::{Reader, SetupRead};
use serde_json::{Value, json};
use test_support::daemon::Daemon;
use test_support::rig::Rig;

/// A node with every file that a configuration can name.
fn node() -> Rig {
    let rig = Rig::new();
    rig.write_secret("client.pem", include_str!("../tls/fixtures/rsa2048.pem"));
    rig.write_secret("client.key", include_str!("../tls/fixtures/rsa2048.key"));
    rig.write_secret("sts.secret", "s3cret\n");
    rig.write_secret("state.json", "{\"board\": null}\n");
    fs::copy(rig.path("ca.pem"), rig.path("sts-ca.pem")).unwrap();
    rig.edit(|config| {
        for (key, name) in [
            ("client_cert_file", "client.pem"),
            ("client_key_file", "client.key"),
            ("state_file", "state.json"),
        ] {
            config.insert(key.into(), name.into());
        }
        config.insert("led".into(), "none".into());
        config.insert("broker".into(), json!({"socket": "node.sock"}));
        config.insert(
            "sts".into(),
            json!({
                "issuer": "https://sts.home/r", "client_id": "c", "client_secret_file": "sts.secret",
                "ca_file": "sts-ca.pem", "audiences": {"a": {}},
            }),
        );
    });
    rig
}

/// A node whose STS is in a file with variables.
fn node_with_env_file() -> Rig {
    let rig = node();
    let lines = "KEYCLOAK_URL=https://sts.home\nKEYCLOAK_REALM=r\nKEYCLOAK_CLIENT_ID=c\nKEYCLOAK_CLIENT_SECRET=s3cret\n";
    rig.write_secret("agent.env", lines);
    rig.configure("sts", json!({"env_file": "agent.env", "audiences": {"": {}}}));
    rig
}

const FILES: [&str; 8] = [
    "config.json",
    "credential.json",
    "app.key",
    "ca.pem",
    "client.pem",
    "client.key",
    "sts.secret",
    "sts-ca.pem",
];

/// All files, with the nodes that use them.
fn files() -> impl Iterator<Item = (Rc<Rig>, &'static str)> {
    let (node, other) = (Rc::new(node()), Rc::new(node_with_env_file()));
    let all = FILES.map(|name| (Rc::clone(&node), name));
    all.into_iter().chain([(other, "agent.env")])
}

/// Reads the setup, which must not take long.
fn read(rig: &Rig) -> SetupRead {
    let start = Instant::now();
    let read = Reader::new(rig.config()).read();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    read
}

/// All that is told of what cannot be used.
fn told(read: &SetupRead) -> Vec<String> {
    let error = read.node.as_ref().err().map(ToString::to_string);
    error.into_iter().chain(read.warnings.iter().map(|warning| warning.message.clone())).collect()
}

#[track_caller]
fn is_used(rig: &Rig, what: &str) {
    assert_eq!(told(&read(rig)), Vec::<String>::new(), "{what}");
}

#[track_caller]
fn is_named(rig: &Rig, name: &str, what: &str, says: &str) {
    let told = told(&read(rig));
    let path = rig.path(name).display().to_string();
    assert!(told.iter().any(|line| line.contains(&path) && line.contains(says)), "{name} {what}: {told:?}");
    assert!(!told.iter().any(|line| line.contains("s3cret")), "{told:?}");
}

fn utf_16(text: &[u8], big: bool) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
        .collect()
}

/// Writes the file without changing who may read it.
fn write(rig: &Rig, name: &str, bytes: &[u8]) {
    fs::write(rig.path(name), bytes).unwrap();
}

/// Makes a file of some form at a path.
type Making<'a> = &'a dyn Fn(&Path);

#[test]
fn text_as_editors_save_it_is_used() {
    for (rig, name) in files() {
        is_used(&rig, "nothing changed");
        let before = fs::read(rig.path(name)).unwrap();
        let text = String::from_utf8(before.clone()).unwrap();
        let unended = text.trim_end();
        let lines = if name == "config.json" { unended.replace(',', ",\n") } else { unended.into() };
        for (what, form) in [
            ("without its last line end", unended.to_owned()),
            ("with a byte order mark", format!("\u{feff}{text}")),
            ("with CRLF", format!("{lines}\n").replace('\n', "\r\n")),
            ("with all of it", format!("\u{feff}{}", lines.replace('\n', "\r\n"))),
        ] {
            write(&rig, name, form.as_bytes());
            is_used(&rig, &format!("{name} {what}"));
        }
        write(&rig, name, &before);
    }
}

#[test]
fn text_of_another_encoding_is_named() {
    for (rig, name) in files() {
        let before = fs::read(rig.path(name)).unwrap();
        for big in [false, true] {
            write(&rig, name, &utf_16(&before, big));
            is_named(&rig, name, "UTF-16", "UTF-16");
            write(&rig, name, &utf_16(&before, big)[2..]);
            is_named(&rig, name, "UTF-16 without a mark", "UTF-16");
        }
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        write(&rig, name, &[&before[..], b"\0"].concat());
        is_named(&rig, name, "NUL at the end", &format!("NUL byte on line {line}"));
        write(&rig, name, &vec![0; before.len()]);
        is_named(&rig, name, "NULs only", "NUL byte on line 1");
        write(&rig, name, b"");
        is_named(&rig, name, "empty", "empty");
        write(&rig, name, &before);
        is_used(&rig, "as before");
    }
}

#[test]
fn file_that_is_no_regular_file_is_named_without_waiting() {
    for (rig, name) in files() {
        let (path, aside) = (rig.path(name), rig.path("aside"));
        fs::rename(&path, &aside).unwrap();
        let forms: [(&str, Making<'_>); 6] = [
            ("a pipe", &|path| {
                assert!(Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
            }),
            ("a device", &|path| symlink("/dev/zero", path).unwrap()),
            ("a device", &|path| symlink("/dev/null", path).unwrap()),
            ("a socket", &|path| drop(UnixListener::bind(path).unwrap())),
            ("a folder", &|path| fs::create_dir(path).unwrap()),
            ("far too large", &|path| {
                rig.write_secret(name, "");
                fs::File::options().write(true).open(path).unwrap().set_len(1 << 30).unwrap();
            }),
        ];
        for (says, make) in forms {
            make(&path);
            is_named(&rig, name, says, says);
            // The LED needs an answer even sooner.
            let start = Instant::now();
            let _: Value = rig.check().1;
            assert!(start.elapsed() < Duration::from_secs(30), "{name} {says}: {:?}", start.elapsed());
            if path.is_dir() { fs::remove_dir(&path).unwrap() } else { fs::remove_file(&path).unwrap() }
        }
        is_named(&rig, name, "missing", "there is no");
        fs::rename(aside, path).unwrap();
    }
}

#[test]
fn file_that_may_not_be_read_is_named() {
    if rustix::process::geteuid().is_root() {
        return;
    }
    for (rig, name) in files() {
        let before = fs::metadata(rig.path(name)).unwrap().permissions();
        fs::set_permissions(rig.path(name), fs::Permissions::from_mode(0o000)).unwrap();
        is_named(&rig, name, "unreadable", "cannot be read");
        fs::set_permissions(rig.path(name), before).unwrap();
    }
}

#[test]
fn path_for_a_shell_is_named_with_the_path_it_would_be() {
    let rig = Rig::new();
    for (path, says) in [
        ("~/app.key", "app_key_file begins with ~, which only a shell replaces: write the whole path, /"),
        (
            "$HOME/app.key",
            "app_key_file begins with a variable, which only a shell replaces: write the whole path, /",
        ),
        (
            "file:///etc/app.key",
            "app_key_file is a URL, where a path belongs: write the whole path, /etc/app.key",
        ),
    ] {
        rig.configure("app_key_file", path);
        let (exit, view) = rig.check();
        assert_eq!(exit, Some(78), "{view}");
        assert!(view["reason"].as_str().unwrap().contains(says), "{view}");
        assert!(view["reason"].as_str().unwrap().ends_with("/app.key"), "{view}");
    }
}

#[test]
fn long_path_never_cuts_a_reason_off() {
    let rig = Rig::new();
    let folder = format!("{0}/{0}", "f".repeat(100));
    fs::create_dir_all(rig.path(&folder)).unwrap();
    for key in ["app_key_file", "credential_file", "ca_file"] {
        let before: Value = serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap();
        let name = format!("{folder}/{key}.pem");
        rig.configure(key, name.as_str());
        rig.write_secret(&name, "\u{1}\u{2}\0");
        let (exit, view) = rig.check();
        assert_eq!(exit, Some(78), "{view}");
        let reason = view["reason"].as_str().unwrap();
        assert!(reason.ends_with("is binary, where text belongs") || reason.contains("is not"), "{view}");
        fs::write(rig.config(), before.to_string()).unwrap();
    }
}

#[test]
fn two_keys_never_use_one_file() {
    let rig = node();
    let app_key = fs::read(rig.path("app.key")).unwrap();
    for (key, name) in [
        ("state_file", "app.key"),
        ("status_file", "./app.key"),
        ("credential_file", "app.key"),
        ("status_file", "state.json"),
        ("app_key_file", "credential.json.prev"),
        ("state_file", "config.json"),
    ] {
        let before: Value = serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap();
        rig.configure(key, name);
        let (exit, view) = rig.check();
        let reason = view["reason"].as_str().unwrap();
        assert_eq!(exit, Some(78), "{view}");
        assert!(reason.contains(key) && reason.contains("a file of its own"), "{key} {name}: {view}");
        fs::write(rig.config(), before.to_string()).unwrap();
    }
    // Nor do those for tokens, which cost the node nothing.
    rig.edit(|config| config["sts"]["client_secret_file"] = "app.key".into());
    let read = read(&rig);
    assert!(read.node.is_ok() && told(&read)[0].contains("sts.client_secret_file and"), "{:?}", told(&read));
    assert_eq!(fs::read(rig.path("app.key")).unwrap(), app_key);
}

#[test]
fn bad_certificate_in_a_bundle_is_a_warning() {
    let rig = Rig::new();
    let ca = fs::read_to_string(rig.path("ca.pem")).unwrap();
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    // Joined without a line end, so that the second does not begin a line.
    write(&rig, "ca.pem", format!("{bad}{ca}").as_bytes());
    let (exit, view) = rig.check();
    assert_eq!(exit, Some(0), "{view}");
    assert_eq!(view["warnings"].as_array().unwrap().len(), 1, "{view}");
    assert_eq!(view["warnings"][0]["code"], "ca_file");
    let message = view["warnings"][0]["message"].as_str().unwrap();
    assert!(message.contains("ca.pem: certificate 1 cannot be used") && message.contains("line 1"), "{view}");
}

#[test]
fn folder_open_to_all_is_refused_for_secrets_only() {
    let rig = Rig::new();
    let open = rig.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    rig.configure("state_file", "open/state.json");
    rig.configure("status_file", "open/status.json");
    let (exit, view) = rig.check();
    assert_eq!(exit, Some(0), "{view}");
    let fix = format!("sudo chmod o-w {}", open.display());
    for (warning, key) in view["warnings"].as_array().unwrap().iter().zip(["state_file", "status_file"]) {
        assert!(warning["message"].as_str().unwrap().contains(key), "{view}");
        assert_eq!((&warning["code"], &warning["fix"]), (&"folder".into(), &fix.as_str().into()), "{view}");
    }
    assert_eq!(view["warnings"].as_array().unwrap().len(), 2, "{view}");
    rig.write_secret("open/app.key", &fs::read_to_string(rig.path("app.key")).unwrap());
    rig.configure("app_key_file", "open/app.key");
    let (exit, view) = rig.check();
    assert_eq!((exit, view["fix"].as_str()), (Some(78), Some(fix.as_str())), "{view}");
}

#[test]
fn foreign_files_survive_as_state_and_status() {
    let rig = Rig::new();
    for name in ["notes.json", "more.json"] {
        write(&rig, name, b"{\"somebody\": \"else's\"}");
    }
    rig.configure("state_file", "notes.json");
    rig.configure("status_file", "more.json");
    let mut daemon = Daemon::start(&mut rig.command("run"));
    daemon.comes_to("valid");
    for told in ["notes.json cannot be written", "no status can be left"] {
        assert!(daemon.lines.iter().any(|line| line.contains(told)), "{told}: {:?}", daemon.lines);
    }
    assert!(daemon.stop().0.success());
    for name in ["notes.json", "more.json"] {
        assert_eq!(fs::read(rig.path(name)).unwrap(), b"{\"somebody\": \"else's\"}", "{name}");
    }
}
