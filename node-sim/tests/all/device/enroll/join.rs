//! `jarvis-node enroll` from an installed board to a valid node: by a log-in at the terminal, with a configuration of its
//! own, and with the key for the voice node.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::{Value, json};
use server_stub::{Home, Options};
use test_support::process::feed;
use test_support::rig::Rig;

use super::super::terminal::{Terminal, is_as_before};

/// A board as the installer leaves it without a configuration: the example, and the CA beside it.
pub(super) fn installed(home: Home) -> Rig {
    let rig = Rig::with(Options { home, ..Options::default() });
    fs::remove_file(rig.path("credential.json")).unwrap();
    fs::write(rig.config(), example(&rig)).unwrap();
    rig
}

/// The example, but for where it keeps its files.
fn example(rig: &Rig) -> String {
    let files = |name: &str| rig.path(name).to_str().unwrap().to_owned();
    let example = json!({
        "auth_url": "https://jarvis.home.arpa:7701",
        "app_id": "jarvis-node-agent",
        "app_key_file": "/etc/jarvis-node-agent/app.key",
        "credential_file": files("credential.json"),
        "state_file": files("state.json"),
        "status_file": files("status.json"),
        "led": { "gpio": 26 },
    });
    example.to_string()
}

pub(super) fn config(rig: &Rig) -> Value {
    serde_json::from_slice(&fs::read(rig.config()).unwrap()).unwrap()
}

/// A terminal at which the member of the household logs in with this password.
fn log_in(rig: &Rig, arguments: &str, password: &str) -> Terminal {
    let url = rig.stub.config().url();
    let mut terminal = Terminal::running(rig, &format!("enroll --url {url} {arguments}"));
    terminal.wait_for("or Enter alone to log in (it is not shown):");
    terminal.type_in("\n");
    terminal.wait_for("e-mail:");
    terminal.type_in(&format!("{}\n", rig.stub.member().0));
    terminal.wait_for("password (it is not shown):");
    terminal.type_in(&format!("{password}\n"));
    terminal
}

#[test]
fn log_in_makes_a_valid_node_of_an_installed_board() {
    for home in [Home::Python, Home::Jarvisd] {
        let rig = installed(home);
        let password = rig.stub.member().1.to_owned();
        let shown = log_in(&rig, "--node-id attic-pi --room attic", &password).rest();
        assert!(shown.contains("household: My Home") && shown.contains("exit code 0"), "{shown}");
        assert!(shown.contains("this node is attic-pi; its configuration is written to"), "{shown}");
        assert!(shown.contains("it is accepted") && shown.contains("the LED shines steadily"), "{shown}");
        assert!(!shown.contains(&password) && !shown.contains("prov_") && is_as_before(&shown), "{shown}");
        let written = config(&rig);
        let center = rig.stub.command_center_url();
        assert_eq!(written["via"], json!({ "command_center": center }), "{written}");
        assert_eq!(written["led"], json!({ "gpio": 26 }), "what else the example says is kept");
        assert!(written.get("auth_url").is_none() && written.get("allow_http").is_none(), "{written}");
        assert_eq!(fs::metadata(rig.config()).unwrap().permissions().mode() & 0o7777, 0o644);
        let (code, view) = rig.check();
        assert_eq!((code, &view["node_id"]), (Some(0), &Value::from("attic-pi")), "{view}");
        for file in fs::read_dir(rig.dir.path()).unwrap().map(|entry| entry.unwrap().path()) {
            // The stub keeps its own member's password there.
            let is_stubs = file.ends_with("member.password");
            let text = fs::read(&file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap();
            assert!(is_stubs || !text.contains(&password), "{}", file.display());
        }
    }
}

#[test]
fn household_is_chosen_and_the_home_names_the_node() {
    let rig = installed(Home::Jarvisd);
    rig.stub.add_household("Summer House");
    let password = rig.stub.member().1.to_owned();
    let mut terminal = log_in(&rig, "", &password);
    terminal.wait_for("which household? (1 to 2)");
    terminal.type_in("3\n");
    terminal.wait_for("which household? (1 to 2)");
    terminal.type_in("2\n");
    let shown = terminal.rest();
    assert!(shown.contains("household: ") && shown.contains("exit code 0"), "{shown}");
    let (code, view) = rig.check();
    assert_eq!(code, Some(0), "{view}");
    assert_eq!(view["node_id"].as_str().unwrap().len(), 36, "an id of the home's own: {view}");
}

#[test]
fn wrong_password_registers_nothing_and_is_not_shown() {
    for home in [Home::Python, Home::Jarvisd] {
        let rig = installed(home);
        let shown = log_in(&rig, "--node-id attic-pi", "s3cret-pass").rest();
        assert!(shown.contains("the home refuses the log-in (401): 'Invalid email or password'"), "{shown}");
        assert!(shown.contains("No node was registered") && shown.contains("exit code 77"), "{shown}");
        assert!(!shown.contains("s3cret-pass") && is_as_before(&shown), "{shown}");
        assert!(config(&rig).get("auth_url").is_some(), "the example is as it was");
        assert!(!rig.path("credential.json").exists());
    }
}

#[test]
fn token_makes_a_valid_node_of_an_installed_board() {
    let rig = installed(Home::Python);
    let token = rig.stub.provisioning_token_for("attic-pi");
    let url = rig.stub.config().url();
    let (code, _, err) = feed(rig.command("enroll").args(["--url", url]), &token);
    assert_eq!(code, Some(65), "{err}");
    assert!(err.contains("a token is for one node: say which by --node-id"), "{err}");
    let mut enroll = rig.command("enroll");
    fs::write(rig.path("first-boot.txt"), "the token of the first boot was refused").unwrap();
    let (code, out, err) = feed(enroll.args(["--url", url, "--node-id", "attic-pi"]), &token);
    assert!(
        !rig.path("first-boot.txt").exists(),
        "what the first boot has left for the daemon to tell is over"
    );
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("its configuration is written to"), "{out}");
    assert!(
        err.contains("registers 'attic-pi' at") && err.contains("that home may count the id as taken"),
        "{err}"
    );
    assert_eq!(rig.check().0, Some(0));

    // As if it had been cut short before the configuration was written.
    let stored = fs::read(rig.path("credential.json")).unwrap();
    let (written, example) = (config(&rig), example(&rig));
    fs::write(rig.config(), &example).unwrap();
    let mut enroll = rig.command("enroll");
    let (code, out, err) = feed(enroll.args(["--url", url, "--node-id", "cellar-pi"]), "prov_x");
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("this node is attic-pi; its configuration is written to"), "{out}");
    assert_eq!((config(&rig), fs::read(rig.path("credential.json")).unwrap()), (written, stored));
    let other = Rig::with(Options { home: Home::Jarvisd, tls: false, ..Options::default() });
    fs::write(rig.config(), &example).unwrap();
    let mut enroll = rig.command("enroll");
    let (code, _, err) = feed(enroll.args(["--url", other.stub.config().url(), "--node-id", "n"]), "prov_x");
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("add --replace") && config(&rig).get("auth_url").is_some(), "{err}");
}

#[test]
fn configuration_of_another_home_is_left_and_named() {
    let rig = Rig::new();
    let other = Rig::with(Options { home: Home::Jarvisd, ..Options::default() });
    rig.configure("ca_file", other.path("ca.pem").to_str().unwrap());
    let before = config(&rig);
    let token = other.stub.provisioning_token();
    let mut enroll = rig.command("enroll");
    enroll.args(["--url", other.stub.config().url(), "--node-id", "attic-pi", "--replace"]);
    let (code, out, err) = feed(&mut enroll, &token);
    assert_eq!(code, Some(0), "{err}");
    let said =
        format!("{} asks another home: set auth_url there to {}", rig.config().display(), other.stub.url());
    assert!(out.contains(&said), "{out}");
    assert_eq!(config(&rig), before);
}

#[test]
fn id_in_use_is_warned_about_before_it_is_risked() {
    let rig = Rig::new();
    let token = rig.stub.provisioning_token();
    let mut enroll = rig.command("enroll");
    enroll.args(["--url", rig.stub.command_center_url(), "--node-id", "kitchen-pi", "--replace"]);
    let (code, _, err) = feed(&mut enroll, &token);
    assert_eq!(code, Some(77), "{err}");
    assert!(err.contains("a home registers an id once: one that has had 'kitchen-pi' refuses it"), "{err}");
    assert_eq!(rig.check().0, Some(0), "the old credential is in use");
}

/// The voice node's configuration, with keys in no order and an owner and a mode of its own.
fn voice_node(rig: &Rig, node_id: &str) -> std::path::PathBuf {
    let path = rig.path("voice.json");
    let url = rig.stub.config().url();
    let text = format!(
        "{{\n    \"room\": \"attic\",\n    \"api_key\": \"your_api_key_here\",\n    \"node_id\": \"{node_id}\",\n    \
         \"mic_gain\": 1.50,\n    \"jarvis_config_service_url\": \"{url}\"\n}}\n"
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(1234), Some(4321)).unwrap();
    }
    path
}

#[test]
fn voice_node_gets_the_key_in_place_and_tells_the_home() {
    let rig = installed(Home::Python);
    let path = voice_node(&rig, "your-node-id");
    let before = (fs::read_to_string(&path).unwrap(), fs::metadata(&path).unwrap());
    let token = rig.stub.provisioning_token();
    let mut enroll = rig.command("enroll");
    enroll.args(["--node-id", "attic-pi", "--write-config"]).arg(&path);
    let (code, _, err) = feed(&mut enroll, &token);
    assert_eq!(code, Some(0), "{err}");
    let key = serde_json::from_slice::<Value>(&fs::read(rig.path("credential.json")).unwrap()).unwrap();
    let expected = before.0.replace("your-node-id", "attic-pi");
    let expected = expected.replace("your_api_key_here", key["node_key"].as_str().unwrap());
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.1.uid(), before.1.gid(), before.1.mode()));
    // The voice node is to look alive by itself alone, and to take its own updates.
    assert_eq!(config(&rig)["via"], json!({ "logs": rig.stub.logs().url() }));
    assert_eq!((key["credential_store"]["shared"].as_bool(), rig.stub.heartbeats()), (Some(true), 0));
    assert_eq!((rig.check().0, rig.stub.heartbeats()), (Some(0), 0));
}

#[test]
fn voice_node_that_cannot_get_the_key_costs_no_token() {
    let rig = installed(Home::Python);
    let token = rig.stub.provisioning_token();
    let link = rig.path("link.json");
    std::os::unix::fs::symlink(voice_node(&rig, "cellar-pi"), &link).unwrap();
    fs::write(rig.path("broken.json"), "{\"api_key\": \"s3cret\"").unwrap();
    for (name, says) in [
        ("voice.json", "is of the node 'cellar-pi', not of 'attic-pi'"),
        ("link.json", "is a link"),
        ("broken.json", "is not an object of JSON (line 1, column "),
        ("nowhere.json", "cannot be read: No such file"),
    ] {
        let mut enroll = rig.command("enroll");
        enroll.args(["--url", rig.stub.config().url(), "--node-id", "attic-pi", "--write-config"]);
        let (code, _, err) = feed(enroll.arg(rig.path(name)), &token);
        assert_eq!(code, Some(78), "{name}: {err}");
        assert!(err.contains(says) && err.contains("the token is still good"), "{name}: {err}");
        assert!(!err.contains("s3cret") && !rig.path("nowhere.json").exists(), "{err}");
    }
    let mut enroll = rig.command("enroll");
    enroll.args(["--url", rig.stub.config().url(), "--node-id", "attic-pi"]);
    assert_eq!(feed(&mut enroll, &token).0, Some(0), "the token is still good");
}
