//! The examples of docs/broker.md, run as they are.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_support::process::feed;

use super::rig::{GATEWAY, Rig, skipped, uid};

/// The only block of `language` in docs/broker.md.
pub(super) fn block(language: &str) -> String {
    let guide = include_str!("../../../../docs/broker.md");
    let fence = format!("\n```{language}\n");
    let mut blocks = guide.split(&fence).skip(1);
    let found = blocks.next().unwrap().split("\n```\n").next().unwrap();
    assert!(blocks.next().is_none(), "more than one block of {language}");
    found.to_owned() + "\n"
}

/// Runs `program` in Python against the rig's daemon; `None` where there is no Python.
fn python(rig: &Rig, program: &str) -> Option<(bool, String, String)> {
    let mut command = Command::new("python3");
    command.arg("-").env("JARVIS_NODE_SOCKET", rig.socket());
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match piped.spawn() {
        Ok(child) => child,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
        Err(e) => panic!("{e}"),
    };
    child.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some((output.status.success(), text(output.stdout), text(output.stderr)))
}

#[test]
fn python_client_gets_tokens_and_reports_refusals() {
    let rig = Rig::new();
    let mut daemon = rig.daemon();
    daemon.comes_to("valid");
    let client = block("python");
    let more = "
first = token('arp-run-gateway')
again = token('arp-run-gateway', refused=first['fingerprint'])
assert headers == {'Authorization': 'Bearer ' + first['access_token']}
assert again['access_token'] != first['access_token'] and again['expires_in'] > 200
print(again['access_token'])
token('elsewhere')
";
    let Some((ended_well, out, err)) = python(&rig, &(client + more)) else {
        return skipped("there is no python3 here");
    };
    assert_eq!(out.trim(), rig.get(GATEWAY).token(), "{err}");
    assert!(!ended_well && err.contains("RuntimeError: audience_not_configured: there is no such"), "{err}");
}

#[test]
fn configuration_in_the_guide_works() {
    let rig = Rig::new();
    let shown: Value = format!("{{{}}}", block("json")).parse().unwrap();
    assert_eq!(shown["broker"]["socket"], "/run/jarvis-node-agent/node.sock");
    let mut sts = shown["sts"].clone();
    let rule = &mut sts["audiences"]["arp-run-gateway"];
    // This part is different on every board.
    assert_eq!(*rule, json!({"users": ["pi"], "groups": ["jarvis"]}));
    *rule = json!({"users": [uid()], "groups": ["root"]});
    sts["issuer"] = rig.sts.issuer().into();
    rig.node.configure("sts", sts);
    let key = rig.node.dir.path().join("sts.key");
    let (code, keys, _) = feed(rig.command("keygen").arg("--out").arg(&key), "");
    assert_eq!(code, Some(0));
    rig.sts.register_key("jarvis-node", &keys.parse().unwrap()).unwrap();
    let _daemon = rig.daemon();
    assert_eq!(rig.get(GATEWAY).status, 200);
}

#[test]
fn curl_gets_a_token() {
    let rig = Rig::new();
    let _daemon = rig.daemon();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--unix-socket"]).arg(rig.socket());
    let output = match curl.arg(format!("http://localhost{GATEWAY}")).output() {
        Ok(output) => output,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return skipped("there is no curl here"),
        Err(e) => panic!("{e}"),
    };
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["access_token"], rig.get(GATEWAY).token());
}
