use jarvis_node::commands::keygen;
use jarvis_node::sts::{Algorithm, StsClient};
use serde_json::json;

use super::rig::{Rig, brief, wanted};

/// A token service over TLS, and a client whose key it knows.
fn registered() -> (Rig, StsClient) {
    let rig = Rig::tls();
    let keys = keygen::make(Algorithm::Es256, &rig.dir.path().join("sts.key")).unwrap();
    rig.sts.register_key("jarvis-node", &serde_json::from_str(&keys).unwrap()).unwrap();
    let client = rig.client(&json!({"client_key_file": "sts.key"}));
    (rig, client)
}

#[test]
fn assertion_refused_for_its_date_is_redated_and_remembered() {
    for fault in ["token-clock-ahead,date-now", "token-clock-behind,date-now"] {
        let (rig, client) = registered();
        rig.fault(fault);
        assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "token for 300 s", "{fault}");
        assert_eq!(rig.sts.token_requests(), 2, "{fault}: refused, and once more");
        assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "token for 300 s", "{fault}");
        assert_eq!(rig.sts.token_requests(), 3, "{fault}: right at once");
        // The server's clock is right again.
        rig.fault("date-now");
        assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "token for 300 s", "{fault}");
    }
}

/// Keycloak tells no time unless a proxy adds it.
#[test]
fn refused_assertion_without_a_date_blames_the_clock() {
    for fault in ["token-clock-ahead", "token-clock-behind"] {
        let (rig, client) = registered();
        rig.fault(fault);
        let refused = client.fetch(&wanted("arp-run-gateway")).unwrap_err();
        assert!(!refused.is_permanent(), "{fault}: clocks get set");
        assert!(refused.to_string().contains("check that this board's clock is right"), "{fault}: {refused}");
        assert_eq!(rig.sts.token_requests(), 1, "{fault}: nothing to date another one by");
        rig.sts.server().set_faults(server_stub::Faults::NONE).unwrap();
        assert_eq!(brief(&client.fetch(&wanted("arp-run-gateway"))), "token for 300 s", "{fault}");
    }
}

#[test]
fn unregistered_key_is_not_tried_twice() {
    let rig = Rig::tls();
    keygen::make(Algorithm::Es256, &rig.dir.path().join("sts.key")).unwrap();
    let client = rig.client(&json!({"client_key_file": "sts.key"}));
    rig.fault("date-now");
    let refused = client.fetch(&wanted("arp-run-gateway")).unwrap_err();
    assert!(refused.is_permanent(), "{refused}");
    assert_eq!(rig.sts.token_requests(), 1);
}
