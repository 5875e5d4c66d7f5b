use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use node_core::service::Service;

use super::*;
use crate::net::dial::tests::held_port;
use crate::net::service_url::ServiceUrl;

const SOON: Duration = Duration::from_secs(30);

/// A service at `auth.home`, and the hosts file with its address.
struct Home {
    dir: tempfile::TempDir,
    listener: TcpListener,
    /// Nobody else listens there when the listener is gone.
    port: OwnedFd,
    reach: Reach,
}

impl Home {
    fn new(scheme: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (port, address) = held_port();
        let listener = TcpListener::bind(address).expect("a listener");
        let url = std::format!("{scheme}://auth.home:{}", address.port());
        let url = ServiceUrl::parse("auth_url", &url, true).expect("a URL");
        let mut reach = Reach::new(Peer::new(Service::AUTH, &url), &url, SOON);
        reach.names = NameResolver::from_files(dir.path().join("hosts"), PathBuf::new());
        let home = Self { dir, listener, port, reach };
        home.name_is_known(true);
        home
    }

    fn name_is_known(&self, known: bool) {
        let text = if known { "127.0.0.1 auth.home" } else { "" };
        fs::write(self.dir.path().join("hosts"), text).expect("written");
    }

    fn hosts_are_unusable(&self) {
        fs::write(self.dir.path().join("hosts"), b"\xff\xfe1\0").expect("written");
    }

    fn connect(&self) -> Result<Reached, Trouble> {
        self.reach.connect(Instant::now() + SOON)
    }
}

#[test]
fn unusable_hosts_file_is_named_where_a_name_is_unknown() {
    let home = Home::new("https");
    home.hosts_are_unusable();
    let trouble = home.connect().expect_err("no address");
    assert_eq!(trouble.kind, TroubleKind::NameUnknown);
    let hosts = home.dir.path().join("hosts");
    let (reason, fix) = (trouble.reason.to_string(), trouble.fix.to_string());
    assert!(
        reason.contains("was left out (is UTF-16 text") && reason.contains(&*hosts.to_string_lossy()),
        "{reason}"
    );
    assert!(fix.starts_with(&format!("Mend {}:", hosts.display())), "{fix}");
}

#[test]
fn last_good_address_is_used_while_name_is_unknown() {
    let home = Home::new("https");
    let reached = home.connect().expect("a connection");
    assert_eq!(reached.name_trouble, None);
    home.name_is_known(false);
    assert_eq!(home.connect().expect_err("nothing proven yet").kind, TroubleKind::NameUnknown);
    home.reach.remember(reached.stream.peer_addr().expect("an address"));
    let reached = home.connect().expect("a connection");
    assert_eq!(reached.stream.peer_addr().ok(), home.listener.local_addr().ok());
    assert_eq!(reached.name_trouble.expect("the name's").kind, TroubleKind::NameUnknown);
    // The name still cannot be resolved, so the trouble is about the name.
    drop(home.listener);
    let trouble = home.reach.connect(Instant::now() + SOON).expect_err("nobody listens");
    assert_eq!(trouble.kind, TroubleKind::NameUnknown);
    assert!(trouble.reason.as_str().ends_with("none answers on this board"), "{trouble:?}");
}

#[test]
fn resolved_name_takes_precedence_over_last_good_address() {
    let home = Home::new("https");
    home.reach.remember("192.0.2.1:1".parse().expect("an address"));
    let reached = home.connect().expect("a connection");
    assert_eq!(reached.stream.peer_addr().ok(), home.listener.local_addr().ok());
}

#[test]
fn plain_http_keeps_no_last_good_address() {
    let home = Home::new("http");
    let reached = home.connect().expect("a connection");
    home.reach.remember(reached.stream.peer_addr().expect("an address"));
    home.name_is_known(false);
    assert_eq!(home.connect().expect_err("no name").kind, TroubleKind::NameUnknown);
}

#[test]
fn connection_failure_is_reported_with_its_cause() {
    let Home { listener, port: _port, reach, dir } = Home::new("https");
    drop(listener);
    let trouble = reach.connect(Instant::now() + SOON).expect_err("nobody listens");
    assert_eq!(trouble.kind, TroubleKind::Unreachable);
    assert!(trouble.reason.as_str().ends_with(": connection refused"), "{trouble:?}");
    let at = format!("has the address 127.0.0.1, as {} says", dir.path().join("hosts").display());
    assert!(trouble.fix.as_str().contains(&at), "{trouble:?}");
    drop(dir);
    let addresses =
        ["192.0.2.1:1", "[2001:db8::1]:1", "192.0.2.2:1"].map(|one| one.parse().expect("an address"));
    let trouble = reach.unreachable(&ErrorKind::TimedOut.into(), &addresses);
    let at = "has the address 192.0.2.1 or 2001:db8::1, as the name server says";
    assert!(trouble.fix.as_str().contains(at), "{trouble:?}");
    assert!(trouble.reason.as_str().ends_with(" does not answer"), "{trouble:?}");
}

#[test]
fn forbidden_family_of_addresses_is_named_with_its_setting() {
    let trouble = Home::new("https").reach.unreachable(&rustix::io::Errno::AFNOSUPPORT.into(), &[]);
    assert!(trouble.reason.as_str().contains(": Address family not supported"), "{}", trouble.reason);
    assert!(trouble.fix.as_str().contains("RestrictAddressFamilies="), "{}", trouble.fix);
}

#[test]
fn failure_without_a_kind_is_told_in_the_systems_words() {
    let address = "192.0.2.1:1".parse().expect("an address");
    let trouble = Home::new("https").reach.unreachable(&rustix::io::Errno::NOBUFS.into(), &[address]);
    assert!(trouble.reason.as_str().contains("No buffer space"), "{}", trouble.reason);
}

#[test]
fn blocked_name_is_told_with_its_name_server() {
    let blocked = NameError::Blocked("192.0.2.53".parse().expect("an address"));
    let trouble = Home::new("https").reach.nameless(&blocked);
    assert_eq!(trouble.kind, TroubleKind::NameUnknown);
    assert!(trouble.reason.as_str().contains("the name server 192.0.2.53 gives no address"), "{trouble:?}");
    assert!(trouble.fix.as_str().starts_with("Take auth.home off the block list"), "{trouble:?}");
}

#[test]
fn lack_of_descriptors_is_not_the_networks_fault() {
    let trouble = Home::new("https").reach.unreachable(&rustix::io::Errno::MFILE.into(), &[]);
    assert_eq!(trouble.kind, TroubleKind::Unreachable);
    assert!(trouble.reason.as_str().contains("Too many open files"), "{}", trouble.reason);
    assert!(trouble.fix.as_str().contains("LimitNOFILE="), "{}", trouble.fix);
}
