use super::*;

fn parsed(arguments: &[&str]) -> Result<Arguments, String> {
    parse(arguments.iter().map(OsString::from))
}

#[track_caller]
fn served(arguments: &[&str]) -> Plan {
    match parsed(arguments) {
        Ok(Arguments::Serve(plan)) => *plan,
        Ok(_) => panic!("not to serve"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn no_arguments_start_all_services_over_tls_on_loopback() {
    let plan = served(&[]);
    assert_eq!(plan.stub.listen.to_string(), "127.0.0.1:7701");
    assert_eq!(plan.stub.dir, Some(PathBuf::from("stub")));
    assert!(plan.stub.tls && plan.stub.names.is_empty());
    assert!(plan.stub.faults == Faults::NONE && plan.stub.control.is_none());
    assert!(plan.has(Part::Home) && plan.has(Part::Sts));
    assert_eq!(plan.sts.place.listen.to_string(), "127.0.0.1:7720");
    assert!(plan.sts.realm.is_none() && plan.sts.issuer.is_none() && plan.sts.place.control.is_none());
    assert_eq!((plan.sts.algorithm, plan.sts.audiences), (Algorithm::Rs256, AudienceRule::Asked));
}

#[test]
fn all_options_are_read() {
    let all = "--listen [::]:0 --dir=d --plain --name a.local --name 10.0.0.1 --redirect-to http://10.0.0.2 \
               --realm realm.json --issuer https://sso.test/realms/x/ --sts-algorithm ES256 --mapped-audiences";
    let plan = served(&all.split_whitespace().collect::<Vec<_>>());
    assert_eq!(plan.stub.listen.to_string(), "[::]:0");
    assert_eq!(plan.stub.dir, Some(PathBuf::from("d")));
    assert!(!plan.stub.tls);
    assert_eq!(plan.stub.names, ["a.local", "10.0.0.1"]);
    assert_eq!(plan.stub.redirect_to, "http://10.0.0.2");
    assert_eq!(plan.sts.place.listen.to_string(), "[::]:0", "a free port as well");
    assert_eq!(plan.sts.realm, Some(PathBuf::from("realm.json")));
    assert_eq!(plan.sts.issuer.as_deref(), Some("https://sso.test/realms/x"));
    assert_eq!((plan.sts.algorithm, plan.sts.audiences), (Algorithm::Es256, AudienceRule::Mapped));
    assert_eq!(served(&["--key-type", "rsa-4096"]).stub.key_type, Some(KeyType::Rsa4096));
    assert!(parsed(&["--key-type", "dsa"]).err().is_some_and(|told| told.contains("ed25519")));
    let elsewhere = served(&["--sts-listen", "127.0.0.1:8080"]);
    assert_eq!(elsewhere.sts.place.listen.to_string(), "127.0.0.1:8080");
}

#[test]
fn faults_add_up_and_come_with_a_way_to_change_them() {
    let plan = served(&["--fault", "status-503", "--fault", "retry-after-60,body-slow"]);
    assert_eq!(plan.stub.faults.to_string(), "status-503,retry-after-60,body-slow");
    assert_eq!(plan.stub.control.map(|addr| addr.to_string()).as_deref(), Some("127.0.0.1:0"));
    let plan = served(&["--control", "127.0.0.1:7"]);
    assert_eq!(plan.stub.control.map(|addr| addr.to_string()).as_deref(), Some("127.0.0.1:7"));
    let told = |arguments| parsed(arguments).err().expect("refused");
    assert!(told(&["--fault", "status-600"]).contains("there is no fault 'status-600'"));
    assert!(told(&["--fault", "stall", "--fault", "late"]).contains("contradict each other"));
}

#[test]
fn faults_go_to_the_service_they_are_for() {
    let plan = served(&["--fault", "late,token-expired", "--fault", "sts:status-503,retry-after-60"]);
    assert_eq!(plan.stub.faults.to_string(), "late");
    assert_eq!(plan.sts.place.faults.to_string(), "status-503,retry-after-60,token-expired");
    assert!(plan.stub.control.is_some() && plan.sts.place.control.is_some());
    let plan = served(&["--only", "sts", "--fault", "late", "--control", "127.0.0.1:7"]);
    assert!(plan.has(Part::Sts) && !plan.has(Part::Home));
    assert_eq!((plan.stub.faults, plan.sts.place.faults.to_string()), (Faults::NONE, "late".to_owned()));
    assert_eq!((plan.stub.control, plan.sts.place.control.map(|addr| addr.port())), (None, Some(7)));
    let told = |arguments| parsed(arguments).err().expect("refused");
    let left_out = told(&["--only", "auth", "--fault", "token-expired"]);
    assert_eq!(left_out, "token-expired is for sts, which --only leaves out");
    assert!(told(&["--only", "sts", "--fault", "auth:late"]).contains("leaves out"));
    assert!(told(&["--fault", "nobody:late"]).contains("no service 'nobody'"));
}

#[test]
fn a_home_has_its_ports_and_its_faults() {
    let plan = served(&[]);
    assert_eq!((plan.stub.home, plan.stub.command_center.listen.port()), (Home::Python, 7703));
    let plan = served(&["--home", "jarvisd", "--ports", "8800", "--fault", "late,auth-unavailable"]);
    assert_eq!(plan.stub.home, Home::Jarvisd);
    assert_eq!((plan.stub.listen.port(), plan.stub.command_center.listen.port()), (8801, 8803));
    assert_eq!((plan.sts.place.listen.port(), plan.coordinator.listen.port()), (8820, 8822));
    assert_eq!(plan.stub.faults.to_string(), "late");
    assert_eq!(plan.stub.command_center.faults.to_string(), "auth-unavailable");
    assert!(plan.stub.command_center.control.is_some());
    let free = served(&["--ports", "0"]);
    assert_eq!(
        (free.stub.listen.port(), free.stub.command_center.listen.port(), free.gateway.listen.port()),
        (0, 0, 0)
    );
    assert_eq!((free.stub.config.listen.port(), free.stub.logs.listen.port()), (0, 0));
    let elsewhere = served(&["--command-center-listen", "127.0.0.1:9"]);
    assert_eq!(elsewhere.stub.command_center.listen.port(), 9);
    // The name of the first service of a home stands for all of it, as it did before.
    assert!(served(&["--only", "auth"]).has(Part::Home));
    let told = |arguments| parsed(arguments).err().expect("refused");
    assert!(told(&["--home", "alexa"]).contains("no home 'alexa'; python and jarvisd are there"));
    let left_out = told(&["--only", "sts", "--fault", "command-center:late"]);
    assert_eq!(left_out, "late is for command-center, which --only leaves out");
}

#[test]
fn help_and_version_win() {
    let printed = |arguments: &[&str]| match parsed(arguments) {
        Ok(Arguments::Print(text)) => text,
        Ok(_) | Err(_) => panic!("{arguments:?} print nothing"),
    };
    for help in [printed(&["--help"]), printed(&["-h"])] {
        for part in ["--coordinator-listen", "ARP_AUTH_ISSUER", "exit codes"] {
            assert!(help.contains(part), "{part}");
        }
    }
    assert_eq!(printed(&["-V"]), concat!("server-stub ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(matches!(parsed(&["--list-faults"]), Ok(Arguments::ListFaults(None))));
}

#[test]
fn a_service_lists_the_faults_it_can_have() {
    let listed = |only| match parsed(&["--only", only, "--list-faults"]) {
        Ok(Arguments::ListFaults(Some(only))) => Fault::all().filter(|fault| only.can_have(*fault)).count(),
        Ok(_) | Err(_) => panic!("{only}: no list"),
    };
    let of = |is: fn(Fault) -> bool| Fault::all().filter(|fault| is(*fault)).count();
    let (of_tokens, of_a_home) = (of(Fault::is_of_tokens), of(|fault| fault.home_service().is_some()));
    assert!(of_tokens > 0 && of_a_home > 0);
    assert_eq!(listed("home") + of_tokens, Fault::all().count());
    assert_eq!(listed("sts") + of_a_home, Fault::all().count());
    assert_eq!(listed("gateway") + of_tokens + of_a_home, Fault::all().count());
}

#[test]
fn unknown_arguments_are_refused() {
    for bad in [
        &["--listen"][..],
        &["--listen", "7701"],
        &["--tls"],
        &["stub"],
        &["-x"],
        &["--only", "all"],
        &["--sts-algorithm", "HS256"],
    ] {
        assert!(parsed(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_gateway_listens_where_host_and_port_say() {
    let plan = served(&[]);
    assert_eq!(plan.gateway.listen.to_string(), "127.0.0.1:7721");
    assert_eq!(plan.coordinator.listen.to_string(), "127.0.0.1:7722");
    assert_eq!(plan.pace, Duration::from_millis(250));
    let said = "--only gateway --host 0.0.0.0 --port 8080 --fault status-503";
    let plan = served(&said.split_whitespace().collect::<Vec<_>>());
    assert!(plan.has(Part::Gateway) && !plan.has(Part::Coordinator) && !plan.has(Part::Sts));
    assert_eq!(plan.gateway.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(plan.gateway.faults.to_string(), "status-503");
    assert!(plan.gateway.control.is_some() && plan.stub.faults == Faults::NONE);
    let said = "--listen 127.0.0.1:0 --coordinator-listen [::1]:9 --pace 5 --fault coordinator:stall";
    let plan = served(&said.split_whitespace().collect::<Vec<_>>());
    assert_eq!((plan.gateway.listen.port(), plan.coordinator.listen.to_string().as_str()), (0, "[::1]:9"));
    assert_eq!((plan.coordinator.faults.to_string().as_str(), plan.pace.as_millis()), ("stall", 5));
}

#[test]
fn model_is_for_the_auth_server_and_opens_its_control() {
    assert_eq!(served(&[]).stub.model, Model::INSTANT);
    let plan = served(&["--model", "measured"]);
    assert_eq!(plan.stub.model, Model::MEASURED);
    assert_eq!(plan.stub.control.map(|addr| addr.to_string()).as_deref(), Some("127.0.0.1:0"));
    assert!(plan.sts.place.control.is_none());
    let told = |arguments| parsed(arguments).err().expect("refused");
    assert!(told(&["--model", "quick"]).contains("'quick'; instant, measured and jarvisd are there"));
    assert!(told(&["--only", "sts", "--model", "measured"]).contains("--only leaves out"));
}

#[test]
fn completions_name_every_option() {
    for shell in ["bash", "zsh", "fish"] {
        let Ok(Arguments::Print(script)) = parsed(&["completions", shell]) else {
            panic!("{shell}: no script")
        };
        for option in ["list-faults", "mapped-audiences", "coordinator-listen"] {
            assert!(script.contains(option), "{shell}: {option}");
        }
    }
    assert!(parsed(&["completions", "cmd"]).is_err());
}

#[test]
fn the_last_of_repeated_values_counts() {
    let plan = served(&["--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2", "--dir", "a", "--dir", "b"]);
    assert_eq!((plan.stub.listen.port(), plan.stub.dir), (2, Some(PathBuf::from("b"))));
}

#[test]
fn config_service_and_logs_stand_beside_the_auth_service() {
    let plan = served(&[]);
    assert_eq!((plan.stub.config.listen.port(), plan.stub.logs.listen.port()), (7700, 7702));
    assert!(plan.stub.announce.is_none() && plan.stub.public_urls.is_empty());
    let said = "--ports 8800 --config-listen [::]:9 --fault logs-store-fails --fault config:stall --announce \
                --public-url jarvis-auth=https://a.test --public-url jarvis-logs=http://l.test:8080";
    let plan = served(&said.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        (plan.stub.config.listen.to_string().as_str(), plan.stub.logs.listen.port()),
        ("[::]:9", 8802)
    );
    assert_eq!(plan.stub.logs.faults.to_string(), "logs-store-fails");
    assert_eq!(plan.stub.config.faults.to_string(), "stall");
    assert!(plan.stub.config.control.is_some() && plan.stub.command_center.control.is_none());
    assert_eq!((plan.stub.announce.as_deref(), plan.stub.public_urls.len()), (Some(""), 2));
    assert_eq!(served(&["--announce=attic"]).stub.announce.as_deref(), Some("attic"));
    let told = |arguments| parsed(arguments).err().expect("refused");
    assert!(told(&["--public-url", "jarvis=https://a.test"]).contains("there is no service 'jarvis'"));
    assert!(told(&["--only", "sts", "--fault", "logs:late"]).contains("late is for logs"));
}
