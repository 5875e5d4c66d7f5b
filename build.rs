//! Records the time of the build: a clock that shows an earlier time is not set.

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=Cargo.toml");
    // Cargo does not know that it is linked by it.
    println!("cargo::rerun-if-changed=packaging/seldom.ld");
    println!("cargo::rerun-if-changed=src");
    let built = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().expect("SOURCE_DATE_EPOCH is the seconds since 1970, in digits"),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    };
    println!("cargo::rustc-env=JARVIS_NODE_BUILD_TIME={built}");
}
