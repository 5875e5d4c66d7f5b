use std::fs;

use super::*;

const LEAST: &str = r#""auth_url": "https://auth.home:7701", "service_id": "command-center",
    "app_id": "jarvis-node-agent", "app_key_file": "app.key", "credential_file": "/var/lib/c.json""#;

fn parse(more: &str) -> Result<Config, String> {
    parse_whole(&format!("{{{LEAST}{more}}}"))
}

fn parse_whole(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("/etc/jarvis-node-agent/config.json"), &|_| None)
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = parse("").expect("sound");
    assert_eq!(config.revalidate, Duration::from_secs(300));
    assert_eq!(config.offline_grace, Duration::from_secs(86_400));
    assert_eq!(config.start_splay, Duration::from_secs(5));
    assert_eq!(config.connect_timeout, Duration::from_secs(5));
    assert_eq!(config.spread, Duration::from_secs(4));
    assert_eq!(config.request_timeout, Duration::from_secs(45));
    assert_eq!(config.tls, TlsSettings::default());
    assert_eq!(config.indicators.led, Led::Sysfs("ACT".into()));
    assert_eq!(
        config.indicators.status_file.as_deref(),
        Some(Path::new("/run/jarvis-node-agent/status.json"))
    );
}

#[test]
fn start_is_spread_as_the_return_unless_said_otherwise() {
    for (given, splay) in [
        (r#", "spread_secs": 150"#, 150),
        (r#", "spread_secs": 2"#, 5),
        (r#", "spread_secs": 150, "start_splay_secs": 0"#, 0),
    ] {
        assert_eq!(parse(given).expect(given).start_splay, Duration::from_secs(splay), "{given}");
    }
}

#[test]
fn relative_files_are_beside_the_configuration() {
    let config = parse(r#", "ca_file": "ca.pem", "status_file": "s.json""#).expect("sound");
    let Via::App { app_key_file, .. } = config.via else { panic!("no app") };
    assert_eq!(app_key_file, Path::new("/etc/jarvis-node-agent/app.key"));
    assert_eq!(config.credential_file, Path::new("/var/lib/c.json"));
    assert_eq!(config.tls.ca_file.as_deref(), Some(Path::new("/etc/jarvis-node-agent/ca.pem")));
    assert_eq!(config.indicators.status_file.as_deref(), Some(Path::new("/etc/jarvis-node-agent/s.json")));
}

#[test]
fn example_configuration_is_sound_and_matches_the_readme() {
    let example = include_str!("../../systemd/config.example.json");
    let config = parse_whole(example).expect("sound");
    assert_eq!(config.indicators.led, Led::Gpio { pin: 26, active_low: false });
    assert_eq!(config.credential_file, Path::new("/var/lib/jarvis-node-agent/credential.json"));
}

#[test]
fn every_form_of_led_is_read() {
    for (form, led) in [
        (r#"{"gpio":17}"#, Led::Gpio { pin: 17, active_low: false }),
        (r#"{"gpio":17,"active_low":true}"#, Led::Gpio { pin: 17, active_low: true }),
        (r#"{"sysfs":"ACT"}"#, Led::Sysfs("ACT".into())),
        (r#""none""#, Led::None),
    ] {
        assert_eq!(parse(&format!(r#", "led": {form}"#)).expect(form).indicators.led, led);
    }
    for (form, quiet) in [
        (r#"{"quiet":true}"#, Some(true)),
        (r#"{"sysfs":"ACT","quiet":true}"#, Some(true)),
        (r#"{"gpio":17,"active_low":true,"quiet":false}"#, Some(false)),
        (r#"{"gpio":17,"quiet":"yes"}"#, None),
        (r#"{"gpio":17,"sysfs":"ACT","quiet":true}"#, None),
        ("{}", None),
    ] {
        let config = parse(&format!(r#", "led": {form}"#)).expect(form);
        let told = config.warnings.is_empty().then_some(config.indicators.quiet);
        assert_eq!(told, quiet, "{form}");
    }
}

#[test]
fn error_names_what_is_wrong() {
    for (more, says) in [
        (r#", "revalidate_sec": 3"#, r#"there is no key "revalidate_sec""#),
        (r#", "revalidate_secs": 0"#, "revalidate_secs must be from 1 to 604800, not 0"),
        (r#", "spread_secs": 0"#, "spread_secs must be from 1 to 7200, not 0"),
        (r#", "request_timeout_secs": 9999"#, "request_timeout_secs must be"),
        (r#", "request_timeout_secs": -1"#, "line 2"),
        (r#", "app_id": "again""#, "duplicate field `app_id`"),
    ] {
        let error = parse(more).expect_err(more);
        assert!(error.contains(says), "{more}: {error}");
    }
    for other in ["auth_url: https://auth.home", "s3cret"] {
        let error = parse_whole(other).expect_err(other);
        assert_eq!(error, "this is not JSON, which begins with {");
    }
    for (text, missing) in [("{}", "credential_file"), (r#"{"credential_file": "c"}"#, "auth_url")] {
        let error = parse_whole(text).expect_err(text);
        assert!(error.contains(&format!("missing field `{missing}`")), "{error}");
    }
}

/// The schema of the configuration is tried with the same table: packaging/manual/tests/schema.rs.
#[test]
fn every_wrong_configuration_is_named() {
    let rows: Vec<Value> = serde_json::from_str(include_str!("wrong.json")).expect("JSON");
    for row in rows {
        let mut config: Value = serde_json::from_str(&format!("{{{LEAST}}}")).expect("JSON");
        let keys = config.as_object_mut().expect("an object");
        for key in row["without"].as_array().into_iter().flatten() {
            keys.remove(key.as_str().expect("a key"));
        }
        keys.extend(row["with"].as_object().cloned().unwrap_or_default());
        let told = match parse_whole(&config.to_string()) {
            Ok(config) => {
                let [warning] = &config.warnings[..] else { panic!("{row}: {:?}", config.warnings) };
                let is_used = config.sts.is_some() || config.broker.is_some();
                assert!(warning.code != "tokens" || !is_used, "{row}: half of it is used");
                warning.message.clone()
            }
            Err(why) => why,
        };
        let says = row["says"].as_str().expect("a sentence");
        assert!(told.contains(says), "{row}: {told}");
    }
}

#[test]
fn malformed_led_is_a_warning() {
    for (more, says) in [
        (r#", "led": "off""#, r#"it can only be "none""#),
        (r#", "led": {"gpio": 54}"#, "no GPIO 54"),
        (r#", "led": {"gpio": 9999}"#, "no GPIO 9999; the BCM numbers go from 0 to 53"),
        (r#", "led": {"gpio": 17, "colour": "red"}"#, "led must be"),
        (r#", "led": [17]"#, "led must be"),
        (r#", "led": {"gpio": 17, "sysfs": "ACT"}"#, "led must be"),
        (r#", "led": {"sysfs": "../gpio"}"#, "must be the name of a folder"),
    ] {
        let config = parse(more).expect("the rest is sound");
        assert_eq!(config.indicators.led, Led::default());
        let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
        assert!(warning.code == "led" && warning.message.contains(says), "{more}: {warning:?}");
    }
}

#[test]
fn clock_is_needed_unless_the_server_tells_the_time() {
    let pins = r#", "spki_pins": ["sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]"#;
    assert!(parse("").expect("sound").needs_clock());
    assert!(!parse(pins).expect("sound").needs_clock());
    let plain = LEAST.replace("https://auth.home:7701", "http://127.0.0.1:7701");
    let plain = parse_whole(&format!("{{{plain}}}")).expect("sound");
    assert!(!plain.needs_clock());
}

#[test]
fn broken_configuration_still_names_its_led() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("config.json");
    fs::write(&path, r#"{"led":{"gpio":17},"status_file":"/tmp/s.json","auht_url":1}"#).expect("written");
    let indicators = Indicators::load_lenient(&path);
    assert_eq!(indicators.led, Led::Gpio { pin: 17, active_low: false });
    assert_eq!(indicators.status_file.as_deref(), Some(Path::new("/tmp/s.json")));
    fs::write(&path, "{").expect("written");
    assert_eq!(Indicators::load_lenient(&path).led, Led::Sysfs("ACT".into()));
}

#[test]
fn other_service_replaces_everything_about_the_app() {
    let parse = parse_whole;
    let config = parse(r#"{"via": {"command_center": "https://cc.home:7703"}, "credential_file": "c.json"}"#);
    let config = config.expect("sound");
    assert_eq!((config.via, config.auth_url.as_str()), (Via::CommandCenter, "https://cc.home:7703"));
    let config =
        parse(r#"{"via": {"logs": "https://logs.home:7702"}, "credential_file": "c.json"}"#).expect("sound");
    assert_eq!((config.via, config.auth_url.as_str()), (Via::Logs, "https://logs.home:7702"));
    for (text, says) in [
        (
            r#"{"via": {"command_center": "https://cc"}, "app_id": "x", "credential_file": "c"}"#,
            "leave those out",
        ),
        (
            r#"{"via": {"command_center": "http://cc"}, "credential_file": "c"}"#,
            "via.command_center is plain HTTP",
        ),
        (r#"{"via": {"url": "https://cc"}, "credential_file": "c"}"#, r#"there is no key "url""#),
        (r#"{"via": {}, "credential_file": "c"}"#, "via must name one service"),
        (
            r#"{"via": {"command_center": "https://cc", "logs": "https://l"}, "credential_file": "c"}"#,
            "via must name one service",
        ),
        (r#"{"auth_url": "https://a", "app_id": "a", "credential_file": "c"}"#, "`app_key_file`"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn status_is_never_left_in_another_keys_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("config.json");
    let default = "/run/jarvis-node-agent/status.json";
    for (text, status) in [
        (r#"{"status_file":"s.json"}"#, Some("s.json")),
        (r#"{"status_file":"s.json","state_file":"s.json"}"#, Some(default)),
        (r#"{"status_file":"./s.json","credential_file":"s.json","typo":1}"#, Some(default)),
        (r#"{"status_file":"c.json","credential_file":"c.json.new"}"#, Some(default)),
        (r#"{"status_file":"config.json"}"#, Some(default)),
        (r#"{"state_file":"/run/jarvis-node-agent/status.json"}"#, None),
        (r#"{"state_file":7,"status_file":7}"#, Some(default)),
    ] {
        fs::write(&path, text).expect("written");
        let expected = status.map(|status| dir.path().join(status));
        assert_eq!(Indicators::load_lenient(&path).status_file, expected, "{text}");
    }
}

#[test]
fn service_that_a_command_center_grants_is_the_default() {
    let service = |text: &str| match parse_whole(text).expect("sound").via {
        Via::App { service_id, .. } => service_id,
        Via::CommandCenter | Via::Logs => panic!("asked by an app"),
    };
    assert_eq!(service(&format!("{{{LEAST}}}")), "command-center");
    let without = LEAST.replace(r#" "service_id": "command-center","#, "");
    assert_ne!(without, LEAST);
    assert_eq!(service(&format!("{{{without}}}")), "jarvis-command-center");
}

#[test]
fn comment_and_credential_in_its_place_are_told_as_such() {
    for (text, says) in [
        ("// mine\n{}", "line 1, column 1: JSON has no comments"),
        ("{\n  # mine\n}", "line 2, column 3: JSON has no comments"),
        ("{\"led\": null, /* mine */\n}", "column 15: JSON has no comments"),
        ("{\"led\": /dev/led}", "expected value"),
        (r#"{"node_id": "kitchen-pi", "api_key": "k"}"#, "a file with a node's credential"),
        (r#"{"auth_url": "https://auth.home", "node_id": "kitchen-pi"}"#, "there is no key \"node_id\""),
    ] {
        let error = parse_whole(text).expect_err(text);
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn file_that_all_may_write_to_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().expect("a folder");
    let [config, roots] = ["config.json", "ca.pem"].map(|name| dir.path().join(name));
    fs::write(&config, format!(r#"{{{LEAST}, "ca_file": "ca.pem"}}"#)).expect("written");
    fs::write(&roots, "").expect("written");
    let warned = |mode, folder| {
        for (place, mode) in [(&config, mode), (&roots, mode), (&dir.path().into(), folder)] {
            fs::set_permissions(place, fs::Permissions::from_mode(mode)).expect("mode set");
        }
        Config::load(&config).expect("sound").warnings.len()
    };
    assert_eq!([warned(0o644, 0o755), warned(0o666, 0o755), warned(0o644, 0o777)], [0, 2, 2]);
}
