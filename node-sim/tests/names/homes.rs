//! A home that announces itself, found by a node that was told nothing of it: `jarvis-node enroll` without an address.

use core::net::SocketAddr;
use std::fs;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};
use server_stub::{Home, Options, Place, Stub};
use test_support::binaries::jarvis_node;
use test_support::process::feed;

use super::house::avahi;
use super::lan::{Device, Lan};

/// A jarvisd that announces itself as `name` from `server`, at its address 10.7.0.`host`: a token for the node, and what
/// ends it when dropped.
fn announced(server: &Device, name: &'static str, host: u8) -> (String, Sender<()>) {
    let (tell, told) = channel();
    let (end, is_over): (Sender<()>, Receiver<()>) = channel();
    server.thread(move || {
        let place = || Place { listen: SocketAddr::from(([10, 7, 0, host], 0)), ..Place::default() };
        let stub = Stub::start(Options {
            home: Home::Jarvisd,
            tls: false,
            listen: place().listen,
            command_center: place(),
            config: place(),
            logs: place(),
            announce: Some(name.to_owned()),
            ..Options::default()
        })
        .unwrap();
        tell.send(stub.provisioning_token_for("attic-pi")).unwrap();
        let _ = is_over.recv();
    });
    (told.recv().unwrap(), end)
}

/// `enroll` on a board as the installer leaves it without a configuration.
fn enroll(node: &Device, options: &[&str], token: &str) -> (Option<i32>, String, String) {
    let file = |name: &str| node.path(name).to_str().unwrap().to_owned();
    let example = json!({
        "auth_url": "https://jarvis.home.arpa:7701",
        "app_id": "jarvis-node-agent",
        "app_key_file": "/etc/jarvis-node-agent/app.key",
        "credential_file": file("credential.json"),
        "state_file": file("state.json"),
        "status_file": file("status.json"),
        "led": "none",
    });
    node.write("config.json", &example.to_string());
    let mut enroll = on(node, "enroll");
    feed(enroll.args(["--node-id", "attic-pi"]).args(options), token)
}

fn on(node: &Device, verb: &str) -> Command {
    let mut command = node.command(jarvis_node());
    command.arg(verb).arg("--config").arg(node.path("config.json")).env_remove("CREDENTIALS_DIRECTORY");
    command
}

#[test]
#[ignore = "needs root and network namespaces"]
fn home_is_found_and_joined_without_an_address() {
    let lan = Lan::new();
    let (node, server) = (lan.plug_in(&["10.7.0.1/24"]), lan.plug_in(&["10.7.0.2/24"]));
    let (code, _, err) = enroll(&node, &["--allow-http"], "prov_x");
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("no home announces itself on this network. Give the address"), "{err}");
    assert!(err.contains("Nothing was sent: the token is still good"), "{err}");

    let (token, _home) = announced(&server, "zuhause", 2);
    let (code, _, err) = enroll(&node, &[], &token);
    assert_eq!(code, Some(65), "{err}");
    assert!(err.contains("the home speaks plain HTTP (http://10.7.0.2:"), "{err}");
    assert!(err.contains("add --allow-http. Nothing was sent"), "{err}");

    let (code, out, err) = enroll(&node, &["--allow-http"], &token);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("found: Jarvis (zuhause) at http://10.7.0.2:"), "{err}");
    assert!(out.contains("this node is attic-pi") && out.contains("no LED is configured"), "{out}");
    let config: Value = serde_json::from_slice(&fs::read(node.path("config.json")).unwrap()).unwrap();
    let center = config["via"]["command_center"].as_str().unwrap();
    assert!(center.starts_with("http://10.7.0.2:") && config["allow_http"] == true, "{config}");
    let checked = on(&node, "check").output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
#[ignore = "needs root and network namespaces"]
fn several_homes_are_listed_for_a_script() {
    let lan = Lan::new();
    let (node, first) = (lan.plug_in(&["10.7.0.1/24"]), lan.plug_in(&["10.7.0.2/24"]));
    let second = lan.plug_in(&["10.7.0.3/24"]);
    let (token, _first) = announced(&first, "zuhause", 2);
    let (_, _second) = announced(&second, "garten", 3);
    let (code, _, err) = enroll(&node, &["--allow-http"], &token);
    assert_eq!(code, Some(65), "{err}");
    assert!(err.contains("there is more than one home: "), "{err}");
    for home in ["Jarvis (zuhause) at http://10.7.0.2:", "Jarvis (garten) at http://10.7.0.3:"] {
        assert!(err.contains(home) && err.contains("say which by --url"), "{err}");
    }
}

/// Another responder than jarvisd's, which names addresses of its machine that are of no use here, and a service that is
/// none of a home.
#[test]
#[ignore = "needs root and network namespaces"]
fn announcement_without_a_home_behind_it_is_told() {
    let lan = Lan::new();
    let (node, server) = (lan.plug_in(&["10.7.0.1/24"]), lan.plug_in(&["10.7.0.2/24"]));
    server.run("mkdir -p /run/services && mount --bind /run/services /etc/avahi/services");
    let service = "<service-group><name>Jarvis (avahi)</name><service><type>_jarvis-config._tcp</type>\
                   <port>7700</port></service></service-group>";
    server.run(&format!("printf '%s' '{service}' > /etc/avahi/services/jarvis.service"));
    let _avahi = avahi(&server, "server", "");
    let (code, _, err) = enroll(&node, &["--allow-http"], "prov_x");
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("no connection to 10.7.0.2:7700"), "{err}");
    assert!(err.contains("what the home announces (or give --url)"), "{err}");
}
