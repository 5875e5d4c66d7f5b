//! The configuration file: no input leads to a setting outside its limits.
#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use jarvis_node::config::{Config, Led, Via};
use jarvis_node::fuzzing::load_indicators;
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;

static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|input: &[u8]| {
    let path = SCRATCH.put("config.json", input);
    let indicators = load_indicators(&path);
    if let Led::Sysfs(name) = &indicators.led {
        assert!(!name.is_empty() && !name.contains('/') && name != "..", "{name}");
    }
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(error) => return is_fit_to_show(&error.to_trouble()),
    };
    let secs = |value: Duration, least, most| assert!((least..=most).contains(&value.as_secs()), "{value:?}");
    secs(config.revalidate, 1, 604_800);
    secs(config.offline_grace, 0, 31_536_000);
    secs(config.start_splay, 0, 7200);
    secs(config.spread, 1, 7200);
    secs(config.connect_timeout, 1, 300);
    secs(config.request_timeout, 1, 600);
    assert_eq!(config.indicators, indicators, "a sound configuration shows itself elsewhere");
    let _ = object(input);
    let https = config.auth_url.is_https();
    assert!(https || (config.tls.spki_pins.is_empty() && config.tls.client_certificate.is_none()));
    assert!(https || config.allow_http || is_this_machine(config.auth_url.host()), "keys in the open");
    assert!(!config.needs_clock() || https);
    if let Via::App { service_id, app_id, .. } = &config.via {
        for name in [service_id, app_id] {
            assert!((1..=100).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic()), "{name}");
        }
    }
});

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.starts_with("127.")
        || host.contains("::1")
        || host.ends_with(":1")
        || host.contains("127.")
}
