use super::*;

fn unit(rest: &str) -> Unit {
    Unit::of(&format!("LoadState=loaded\n{rest}")).expect("loaded")
}

fn start(argv: &str) -> String {
    format!("ExecStart={{ path=/usr/local/bin/jarvis-node ; argv[]={argv} ; ignore_errors=no ; pid=0 }}\n")
}

#[test]
fn configuration_is_the_one_of_the_start_line() {
    for (argv, rest, path) in [
        ("/usr/local/bin/jarvis-node run", "", "/etc/jarvis-node-agent/config.json"),
        ("/usr/local/bin/jarvis-node run --config /srv/c.json", "", "/srv/c.json"),
        ("/usr/local/bin/jarvis-node run --config=/srv/my node/c.json", "", "/srv/my node/c.json"),
        ("/usr/local/bin/jarvis-node --config c.json run", "WorkingDirectory=/srv\n", "/srv/c.json"),
        ("jarvis-node run", "Environment=JARVIS_NODE_CONFIG=/srv/v.json\n", "/srv/v.json"),
        ("jarvis-node run", "Environment=JARVIS_NODE_CONFIG=\n", "/etc/jarvis-node-agent/config.json"),
        ("jarvis-node run --config ${CONF}", "Environment=CONF=/srv/v.json\n", "/srv/v.json"),
    ] {
        let unit = unit(&(start(argv) + rest));
        assert_eq!(unit.config_file(&unit.variables()).as_deref(), Some(Path::new(path)), "{argv}");
    }
    assert_eq!(unit("").config_file(&Variables::new()), None);
}

#[test]
fn variables_of_files_come_after_those_of_lines() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("env");
    fs::write(&file, "# a comment\nTWO='2 of file'\n; another\nTHREE=\"3\"\nFOUR = 4\nlong=a\\\nb\n")
        .expect("written");
    let shown = format!(
        "Environment=ONE=1 \"TWO=2 of line\" \"Q=a\\\"b\" GONE=x\nUnsetEnvironment=GONE\n\
         EnvironmentFiles={} (ignore_errors=no)\nEnvironmentFiles=/nowhere (ignore_errors=yes)\n",
        file.display()
    );
    let variables = unit(&shown).variables();
    let all: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected =
        [("FOUR", "4"), ("ONE", "1"), ("Q", "a\"b"), ("THREE", "3"), ("TWO", "2 of file"), ("long", "ab")];
    assert_eq!(all, expected);
}

#[test]
fn unit_that_cannot_start_is_told() {
    for (shown, says) in [
        ("LoadState=loaded\nNeedDaemonReload=no\n", None),
        ("LoadState=bad-setting\n", Some("systemctl status")),
        ("LoadState=masked\n", Some("unmask")),
        ("LoadState=loaded\nNeedDaemonReload=yes\n", Some("daemon-reload")),
        (
            "LoadState=loaded\nEnvironmentFiles=/nowhere/env (ignore_errors=no)\n",
            Some("EnvironmentFile=/nowhere/env: there is none"),
        ),
        ("LoadState=loaded\nEnvironmentFiles=/nowhere/env (ignore_errors=yes)\n", None),
        (
            "LoadState=loaded\nExecStart={ path=/nowhere/node ; argv[]=x ; pid=0 }\n",
            Some("ExecStart=/nowhere/node: there is none"),
        ),
        ("LoadState=loaded\nEnvironmentFiles=/tmp (ignore_errors=no)\n", Some("=/tmp: it is no file")),
        ("LoadState=loaded\nWorkingDirectory=/dev/null\n", Some("it is no folder")),
        ("LoadState=loaded\nWorkingDirectory=/nowhere\n", Some("WorkingDirectory=")),
        ("LoadState=loaded\nWorkingDirectory=!/nowhere\n", None),
        ("LoadState=loaded\nReadWritePaths=-/nowhere /tmp\n", None),
        (
            "LoadState=loaded\nReadWritePaths=-/nowhere /nowhere/too\n",
            Some("ReadWritePaths=/nowhere/too: there is none"),
        ),
        (
            "LoadState=loaded\nBindReadOnlyPaths=/nowhere:/srv\n",
            Some("BindReadOnlyPaths=/nowhere: there is none"),
        ),
        ("LoadState=loaded\nPrivateNetwork=yes\n", Some("from the network")),
        ("LoadState=loaded\nRestrictAddressFamilies=AF_UNIX\n", Some("from the network")),
        ("LoadState=loaded\nRestrictAddressFamilies=AF_INET AF_UNIX\nIPAddressDeny=\n", None),
        ("LoadState=loaded\nIPAddressDeny=::/0 0.0.0.0/0\n", Some("IPAddressDeny=")),
        ("LoadState=loaded\nPrivateUsers=yes\n", Some("belong to root")),
        ("LoadState=loaded\nUser=\nCapabilityBoundingSet=\n", Some("User=")),
        ("LoadState=loaded\nUser=root\nCapabilityBoundingSet=cap_chown cap_dac_override\n", None),
        ("LoadState=loaded\nUser=daemon\nCapabilityBoundingSet=\n", None),
        ("LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n", None),
        ("LoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\n", None),
        ("LoadState=loaded\nActiveState=activating\nSubState=start-pre\nResult=success\n", None),
        (
            "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nExecMainStatus=217\n",
            Some("again and again jarvis-node-agent.service: exit-code, exit status 217"),
        ),
        ("LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=signal\n", Some("given up")),
    ] {
        let warnings = Unit::of(shown).expect("known").warnings();
        let told = warnings.iter().map(|one| format!("{} {}", one.message, one.fix)).collect::<String>();
        assert_eq!(warnings.len(), usize::from(says.is_some()), "{shown}: {told}");
        assert!(told.contains(says.unwrap_or_default()), "{shown}: {told}");
    }
    assert!(Unit::of("LoadState=not-found\n").is_none() && Unit::of("").is_none());
}

#[test]
fn passed_on_files_are_those_after_the_last_reset() {
    let text = "# /etc/systemd/system/x\n[Service]\nLoadCredential=old\nLoadCredential=\n\
        LoadCredential=node.json:/opt/jarvis-node/config.json\n LoadCredentialEncrypted = app.key\n#LoadCredential=no\n";
    let passed =
        |name: &str, source: Option<&str>| PassedOn { name: name.into(), source: source.map(Into::into) };
    assert_eq!(
        passed_on_by(text),
        [passed("node.json", Some("/opt/jarvis-node/config.json")), passed("app.key", None)]
    );
}
