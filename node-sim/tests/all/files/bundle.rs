//! The archive of `jarvis-node diag` holds no canary, wherever one stands.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use test_support::process::write_script;
use test_support::rig::Rig;

/// Every canary so far.
#[derive(Default)]
struct Canaries(Vec<String>);

impl Canaries {
    /// One that looks like a key.
    fn key(&mut self) -> String {
        let canary = format!("cAn{:03}Zq8Yk1bTtWm5xV7cR0pL", self.0.len());
        self.0.push(canary.clone());
        canary
    }

    /// One that looks like a word, and is known by its place only.
    fn word(&mut self) -> String {
        let canary = format!("canary-lamp-{:03}-river", self.0.len());
        self.0.push(canary.clone());
        canary
    }

    /// One as programs make them: of letters and digits, hexadecimal, a UUID, or as Python's `token_urlsafe` has it.
    fn random(&mut self) -> String {
        const LETTERS: &[u8; 64] = b"0123456789abcdefABCDEFGHIJKLMNOPQRSTUVWXYZghijklmnopqrstuvwxyz-_";
        let nth = self.0.len();
        // The numbers of minstd (Park and Miller, 1988), whose seed is fixed.
        let mut state = nth as u64 + 1;
        let mut text = |len: usize, of: u64| -> String {
            let mut letter = || {
                state = state * 48_271 % 0x7fff_ffff;
                char::from(LETTERS[(state / 64 % of) as usize])
            };
            (0..len).map(|_| letter()).collect()
        };
        let canary = match nth % 4 {
            0 => text(16 + nth / 4 % 9, 62),
            1 => text(24, 16),
            2 => [8, 4, 4, 4, 12].map(|len| text(len, 16)).join("-"),
            _ => text(43, 64),
        };
        self.0.push(canary.clone());
        canary
    }

    /// Complains of each that is in `text`, in any form of `forms`.
    fn found_in(&self, text: &str) -> Vec<&String> {
        self.0.iter().filter(|canary| forms(canary).iter().any(|form| text.contains(form))).collect()
    }
}

/// A canary as programs write it.
fn forms(secret: &str) -> Vec<String> {
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let escaped: String = secret.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    vec![
        secret.into(),
        secret.replace('-', "%2D"),
        secret.replace('-', "%2d"),
        base64(secret),
        percent,
        escaped,
        hex,
    ]
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let whole =
        text.as_bytes().chunks_exact(3).map(|three| u32::from_be_bytes([0, three[0], three[1], three[2]]));
    whole
        .flat_map(|bits| [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift) as usize & 63])))
        .collect()
}

fn program(folder: &Path, name: &str, says: &str) {
    fs::write(folder.join(format!("{name}.says")), says).unwrap();
    write_script(&folder.join(name), "#!/bin/sh\ncat \"$0.says\"\n");
}

/// What is in the archive that `diag` makes with these stand-ins: each file with its name, joined. And what `diag` says.
fn bundle(rig: &Rig, stand_ins: &Path) -> (String, String) {
    let out = rig.path("bundle.tar.gz");
    let _ = fs::remove_file(&out);
    let path = format!("{}:{}", stand_ins.display(), std::env::var("PATH").unwrap_or_default());
    let run = || rig.command("diag").arg("--out").arg(&out).env("PATH", &path).output().unwrap();
    let done = run();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run().status.code(), Some(73), "what is there is not replaced");
    let unpacked = tempfile::tempdir().unwrap();
    let tar = Command::new("tar").arg("-xzf").arg(&out).arg("-C").arg(unpacked.path()).status().unwrap();
    assert!(tar.success());
    let folder = unpacked.path().join("jarvis-node-diag");
    let mut names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "config.json",
        "doctor.json",
        "doctor.txt",
        "journal.txt",
        "status.json",
        "unit.txt",
        "versions.txt",
    ];
    assert_eq!(names, expected);
    let content = |name: &String| format!("{name}: {}\n", fs::read_to_string(folder.join(name)).unwrap());
    let said = [done.stdout, done.stderr].concat();
    (names.iter().map(content).collect(), String::from_utf8(said).unwrap())
}

fn shown(canaries: &Canaries, rig: &Rig, journal: &str, unit: &str) -> String {
    let stand_ins = tempfile::tempdir().unwrap();
    program(stand_ins.path(), "journalctl", journal);
    program(stand_ins.path(), "systemctl", unit);
    let (text, said) = bundle(rig, stand_ins.path());
    assert!(said.contains("no secret that this program knows of") && !said.contains("left out"), "{said}");
    assert_eq!(canaries.found_in(&text), Vec::<&String>::new(), "{text}");
    text
}

#[test]
fn bundle_holds_no_secret_of_any_file_or_variable() {
    let rig = Rig::new();
    let mut canaries = Canaries::default();
    let mut known = vec![rig.stub.node().1.to_owned(), rig.stub.app_key().to_owned()];
    for ending in [".prev", ".new", ".probe", "~"] {
        let key = canaries.word();
        let text = json!({ "node_id": "kitchen-pi", "node_key": key }).to_string();
        rig.write_secret(&format!("credential.json{ending}"), &text);
        known.push(key);
    }
    let damaged = canaries.word();
    rig.write_secret("credential.json.damaged", &format!("{{\"node_key\": \"{damaged}\", \"room\": \"ki"));
    let old = canaries.word();
    rig.write_secret("app.key.prev", &old);
    let client_secret = canaries.word();
    rig.write_secret("sts.secret", &format!("{client_secret}\n"));
    rig.configure(
        "sts",
        json!({"issuer": "https://sts.invalid", "client_id": "kitchen", "client_secret_file": "sts.secret", "audiences": {"gateway": {}}}),
    );
    rig.configure("broker", json!({"socket": "node.sock"}));
    let (in_variable, quoted, in_file) = (canaries.word(), canaries.word(), canaries.word());
    rig.write_secret("variables", &format!("# a comment\nARP_TOKEN='{in_file}'\n"));
    known.extend([damaged, old, client_secret, in_variable.clone(), quoted.clone(), in_file]);
    let dropped: Vec<_> = (0..5).map(|_| canaries.word()).collect();
    let unit = format!(
        "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nUser={user}\nGroup={user}\n\
         Environment=A_TOKEN={in_variable} \"SECRET={quoted}\"\nEnvironmentFiles={variables} (ignore_errors=no)\n\
         ExecStart={{ path=/bin/true ; argv[]=/bin/true run --token={on_line} ; ignore_errors=no ; pid=0 }}\n\
         # /etc/systemd/system/x.service.d/override.conf\n[Service]\nEnvironment=\"C={}\" \\\n    \"D={}\"\n\
         Environment=E={}\nSetCredential=key:{}\nSetCredentialEncrypted=key: \\\n    {}\nRestart=always\n",
        dropped[0],
        dropped[1],
        dropped[2],
        dropped[3],
        dropped[4],
        user = rustix::process::geteuid().as_raw(),
        variables = rig.path("variables").display(),
        on_line = canaries.key(),
    );
    let mut journal = String::from("2026-11-28T02:00:00+00:00 kitchen jarvis-node[7]: valid: kitchen-pi\n");
    for secret in &known {
        for form in forms(secret) {
            journal += &format!("it sent {form} and {{\"k\":\"{form}\"}}\n");
        }
        journal += &format!("Authorization: Basic {}\n", base64(&format!("kitchen:{secret}   ")));
    }
    canaries.0.extend(known);
    for line in [
        "token {}",
        "Bearer {}",
        "password={}",
        "api_key: {}",
        "password = {}",
        "{\"mqtt_password\":\"{}\",\"a\":1}",
        "{'client_secret': '{}'}",
        "at https://me:{}@auth.home/x",
        "at https://auth.home/x?k={}&l=1",
    ] {
        let canary = if line.starts_with("token") { canaries.key() } else { canaries.word() };
        journal += &(line.replace("{}", &canary) + "\n");
    }
    for form in forms(&canaries.key()) {
        journal += &format!("of nobody: {form}\n");
    }
    for _ in 0..300 {
        let canary = canaries.random();
        journal += &format!("of nobody: {canary}, x={canary} {{\"id\": \"{canary}\"}} /v1/{canary}/x\n");
    }
    let harmless = "2026-11-28T02:00:01+00:00 kitchen-pi-02 jarvis-node-agent.service: node 0.1.0 at https://auth.home:7701/v1 with \
                    /etc/jarvis-node-agent/config.json on 6.12.47+rpt-rpi-v8 since 2026-11-27, raspberrypi02";
    journal += &format!("{harmless}\n");
    let text = shown(&canaries, &rig, &journal, &unit);
    for kept in [
        "2026-11-28T02:00:00+00:00 kitchen jarvis-node[7]: valid: kitchen-pi",
        harmless,
        "Restart=always",
        "https://sts.invalid",
        "\"check\":",
        "ok   ",
        "jarvis-node 0.",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}

#[test]
fn bundle_holds_no_value_that_may_be_a_secret() {
    let rig = Rig::new();
    let mut canaries = Canaries::default();
    let mut config = serde_json::Map::new();
    let keys = [
        "auth_url",
        "service_id",
        "app_id",
        "app_key_file",
        "credential_file",
        "state_file",
        "ca_file",
        "client_cert_file",
        "client_key_file",
        "status_file",
        "led",
        "spki_pins",
        "allow_http",
        "revalidate_secs",
        "offline_grace_secs",
        "start_splay_secs",
        "spread_secs",
        "connect_timeout_secs",
        "request_timeout_secs",
        "heartbeat",
        "update_command",
        "via",
        "broker",
        "node_key",
        "api_key",
        "log",
    ];
    for key in keys {
        config.insert(key.into(), canaries.key().into());
    }
    config["spki_pins"] = json!([canaries.key(), { "pin": canaries.key() }]);
    config["update_command"] = json!(["/bin/true", "--token", canaries.word()]);
    config["via"] = json!({ "command_center": format!("https://me:{}@cc.home", canaries.word()), "logs": canaries.key() });
    config["heartbeat"] = json!({ "command_center": format!("https://cc.home/?k={}", canaries.word()) });
    config["broker"] = json!({ "socket": canaries.word(), "password": canaries.word() });
    config.insert("unheard-of".into(), json!({ "deep": [canaries.word(), { "deeper": canaries.word() }] }));
    config.insert("logs".into(), json!({ "url": format!("http://{}@logs.home", canaries.word()) }));
    config.insert("metrics_file".into(), "/run/metrics.prom".into());
    for nth in 0..300 {
        config.insert(format!("unknown-{nth}"), json!([canaries.random()]));
    }
    for unknown in ["comment", "notes", "tokens", "backup", "old_key", "x"] {
        config.insert(unknown.into(), json!({ "a": canaries.key() }));
    }
    let mut sts: Value = json!({ "audiences": { canaries.key(): { "scope": canaries.key(), "users": [canaries.key()],
        "groups": [canaries.key()], "azp": [canaries.key()], "resource": canaries.key(), "secret": canaries.word() } } });
    for key in [
        "env_file",
        "issuer",
        "token_endpoint",
        "client_id",
        "client_secret_file",
        "client_key_file",
        "auth_method",
        "assertion_audience",
        "assertion_algorithm",
        "ca_file",
        "client_secret",
    ] {
        sts[key] = canaries.key().into();
    }
    for key in ["scope", "users", "groups", "azp", "resource"] {
        sts["audiences"]["arp-run-gateway"][key] = (0..40).map(|_| canaries.random()).collect();
    }
    config.insert("sts".into(), sts);
    assert!(canaries.0.len() >= 50, "{}", canaries.0.len());
    fs::write(rig.config(), Value::Object(config).to_string()).unwrap();
    let text = shown(&canaries, &rig, "", "");
    for kept in [
        "unheard-of",
        "/run/metrics.prom",
        "arp-run-gateway",
        "client_secret_file",
        "update_command",
        "FAIL configuration",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    fs::write(rig.config(), format!("{{\"app_key\": \"{}\", ", canaries.word())).unwrap();
    shown(&canaries, &rig, "", "");
    assert!(canaries.0.len() >= 60, "{}", canaries.0.len());
}

#[test]
fn bundle_lacks_the_journal_where_a_secret_is_unread() {
    let rig = Rig::new();
    rig.write_secret("credential.json.prev", &"canary-lamp ".repeat(30_000));
    let stand_ins = tempfile::tempdir().unwrap();
    program(stand_ins.path(), "journalctl", "it sent canary-lamp\n");
    program(stand_ins.path(), "systemctl", "LoadState=loaded\nExecStart={ argv[]=/bin/true canary-lamp }\n");
    let (text, said) = bundle(&rig, stand_ins.path());
    assert!(!text.contains("canary-lamp"), "{text}");
    assert!(
        text.contains("journal.txt: the journal and the unit are left out")
            && text.contains("unit.txt: the journal and the unit are left out"),
        "{text}"
    );
    let why =
        format!("{} cannot be read: it is longer than 256 KiB", rig.path("credential.json.prev").display());
    assert!(said.contains("it on; the journal and the unit are left out") && said.contains(&why), "{said}");
    assert!(text.contains("cannot be read: it is longer than 256 KiB"), "{text}");
}
