//! Checks of the way to the service, and of what it says. One request without a secret shows how far a request gets; if it
//! gets through, one validation by the daemon's own client follows. Where that ends decides which check fails.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use node_core::agent::{Agent, Event};
use node_core::answer::Answer;
use node_core::outcome::Outcome;
use node_core::trouble::{Trouble, TroubleKind};

use super::super::differing;
use super::context::Context;
use super::finding::Finding;
use super::setup::reload;
use crate::config::{Config, Via};
use crate::files::status::{DaemonSays, Record, View};
use crate::net::http::{HttpClient, HttpError};
use crate::net::resolver;
use crate::net::tls::{Chain, Cost, Tls};
use crate::setup::Loaded;
use crate::system::clock;

/// How long each way of finding a name may take, for all that it asks.
const LOOK_UP: Duration = Duration::from_secs(5);
/// Certificates are renewed a month before their end; after this long that has not worked.
const FEW_DAYS: u64 = 14;
const DAY: u64 = 24 * 3600;
const LIGHTER: &str = "It works. With RSA-2048 keys of CA and server a Pi Zero would have less than half the work: docs/configuration.md, \
     \"The server's certificate\".";

/// What was seen of the service.
pub(super) struct Seen {
    /// The check that fails, and why.
    failed: Option<(&'static str, Trouble)>,
    ways: resolver::Ways,
    /// The board's own address on the way to the service.
    from: Option<SocketAddr>,
    /// The chain of certificates by which it has proved itself.
    chain: Option<Chain>,
    /// What answered the request without a secret.
    head: Option<(u16, String)>,
}

impl Seen {
    fn of(config: &Config, loaded: Option<&Loaded>, is_clock_set: bool) -> Result<Self, Trouble> {
        let tls = Tls::new(&config.tls).map_err(|error| error.to_trouble())?;
        let (url, times) = (&config.auth_url, (config.connect_timeout, config.request_timeout));
        let http = HttpClient::new(config.via.service(), url, times.0, times.1, tls);
        http.note_chain();
        let looked = http.look();
        let is_nameless = looked.as_ref().is_err_and(|error| error.trouble.kind == TroubleKind::NameUnknown);
        let ways = if is_nameless { Vec::new() } else { resolver::ways(url.host(), LOOK_UP) };
        let from = way_by_any(&ways, url.port());
        let head = looked.as_ref().ok().map(|response| {
            let server = response.headers.get("server").and_then(|name| name.to_str().ok());
            (response.status, server.unwrap_or_default().to_owned())
        });
        let failed = looked.err().and_then(|error| failed_before(error, from.is_some()));
        let mut seen = Self { failed, ways, from, chain: http.chain(), head };
        if let Some(loaded) = loaded.filter(|_| seen.failed.is_none() && is_clock_set) {
            seen.failed = failed_at(loaded, loaded.client.validate(&loaded.credential).answer);
        }
        Ok(seen)
    }
}

/// The check that fails if a request without a secret gets no answer; `None` if it got as far as a validation needs.
fn failed_before(HttpError { trouble, sent }: HttpError, has_route: bool) -> Option<(&'static str, Trouble)> {
    let (kind, outcome) = (trouble.kind, trouble.kind.outcome());
    let check = if kind == TroubleKind::NameUnknown {
        if resolver::name_servers().0.is_empty() { "resolver" } else { "name" }
    } else if outcome == Outcome::Network {
        if has_route { "port" } else { "route" }
    } else if sent && outcome != Outcome::Tls {
        return None;
    } else {
        "tls"
    };
    Some((check, trouble))
}

/// The check that fails if the service gives this answer to a validation.
fn failed_at(loaded: &Loaded, answer: Answer) -> Option<(&'static str, Trouble)> {
    use TroubleKind::{AppRejected, InBetween, NotEnrolled, OtherNode, Redirected, Unserved};
    let trouble = match answer {
        Answer::Valid(_) | Answer::Reachable => return None,
        Answer::Inconclusive { trouble, .. } => trouble,
        Answer::Rejected(_) => {
            let View { reason, fix, .. } = concluded(loaded, answer);
            let (reason, fix) = (reason.unwrap_or_default(), fix.unwrap_or_default());
            let reason = format_args!("the node is rejected: {reason}");
            return Some(("node", Trouble::setup(reason, format_args!("{fix}"))));
        }
    };
    let kind = trouble.kind;
    let check = if matches!(kind, InBetween | Redirected | Unserved) {
        "between"
    } else if kind == AppRejected {
        "app-key"
    } else if matches!(kind, NotEnrolled | OtherNode) {
        "node"
    } else if kind.outcome() == Outcome::Tls {
        "tls"
    } else {
        "service"
    };
    Some((check, trouble))
}

/// What the agent makes of an answer, with the fix.
fn concluded(loaded: &Loaded, answer: Answer) -> View {
    let mut agent = Agent::new(0);
    for event in [Event::Started(None), Event::SetupRead(Ok(loaded.setup.clone())), Event::Answered(answer)] {
        agent.handle(event, clock::now());
    }
    let now = clock::instant();
    Record::of(&agent.report(now), "", false).view("", now)
}

/// The board's own address for packets to the first address that it has a way to: a request tries them all.
fn way_by_any(ways: &resolver::Ways, port: u16) -> Option<SocketAddr> {
    let mut found = ways.iter().flat_map(|(_, found)| found);
    found.find_map(|address| way_to(SocketAddr::new(address.ip(), port)))
}

/// The board's own address for packets to `address`; `None` if there is no way there. Nothing is sent.
fn way_to(address: SocketAddr) -> Option<SocketAddr> {
    let any = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // No text: that would bring libc's getaddrinfo into the program, see net::resolver.
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(address).ok()?;
    socket.local_addr().ok()
}

/// What is configured to find names. The service is asked here for the first time.
pub(super) fn resolver(context: &mut Context) -> Finding {
    let Some(config) = &context.config else { return Finding::skipped("configuration") };
    let is_clock_set = !config.needs_clock()
        || context.loaded.as_ref().is_none_or(|loaded| {
            loaded.setup.settings.clock_floor.is_none_or(|floor| clock::now().wall >= floor)
        });
    match Seen::of(config, context.loaded.as_ref(), is_clock_set) {
        Ok(seen) => context.seen = Some(seen),
        Err(trouble) => return Finding::failed(&trouble),
    }
    judged(context, "resolver", |_| match resolver::name_servers() {
        (_, Some(line)) => Finding::warn(
            format!("line {line} of /etc/resolv.conf names no name server by its address"),
            "Correct that line: nameserver 192.0.2.1, with the address of yours.",
        ),
        (servers, None) if servers.is_empty() => {
            Finding::pass("/etc/resolv.conf names no name server, and none is needed")
        }
        (servers, None) => {
            let servers: Vec<_> = servers.iter().map(|server| server.ip().to_string()).collect();
            Finding::pass(format!("/etc/resolv.conf names {}", servers.join(", ")))
        }
    })
}

/// `Finding::pass` or what `sound` finds, unless this check is the one that fails.
fn judged(context: &Context, check: &str, sound: impl FnOnce(&Seen) -> Finding) -> Finding {
    match &context.seen {
        None => Finding::skipped("resolver"),
        Some(Seen { failed: Some((failed, trouble)), .. }) if *failed == check => Finding::failed(trouble),
        Some(seen) => sound(seen),
    }
}

/// Whether the service's name has an address, by each way.
pub(super) fn name(context: &mut Context) -> Finding {
    let host = context.config.as_ref().map_or("", |config| config.auth_url.host());
    judged(context, "name", |seen| {
        let ip = |address: &SocketAddr| address.ip().to_string();
        let told = |(way, found): &(&str, Vec<SocketAddr>)| {
            let found: Vec<_> = found.iter().map(ip).collect();
            format!("{way}: {}", if found.is_empty() { "none".into() } else { found.join(", ") })
        };
        let ways = format!("{host}: {}", seen.ways.iter().map(told).collect::<Vec<_>>().join("; "));
        let mut with_any = seen.ways.iter().map(|(_, found)| found).filter(|found| !found.is_empty());
        let first = with_any.next();
        let is_contradicted = first.is_some_and(|first| {
            with_any
                .any(|other| !other.iter().any(|address| first.iter().any(|one| one.ip() == address.ip())))
        });
        if is_contradicted {
            return Finding::warn(ways, "The first one counts: correct the one that is wrong.");
        }
        Finding::pass(ways)
    })
}

/// Whether there is a route to the service.
pub(super) fn route(context: &mut Context) -> Finding {
    judged(context, "route", |seen| match seen.from {
        Some(from) => Finding::pass(format!("this board sends from {}", from.ip())),
        None => Finding::pass("there is one"),
    })
}

/// Whether something listens at the port.
pub(super) fn port(context: &mut Context) -> Finding {
    let port = context.config.as_ref().map_or(0, |config| config.auth_url.port());
    judged(context, "port", |_| Finding::pass(format!("port {port} takes connections")))
}

/// Whether the service proves itself.
pub(super) fn tls(context: &mut Context) -> Finding {
    let is_plain = context.config.as_ref().is_some_and(|config| !config.auth_url.is_https());
    judged(context, "tls", |_| match is_plain {
        true => Finding::pass("the service is asked without TLS, as allow_http has it"),
        false => Finding::pass("the server proves itself by a certificate that is trusted"),
    })
}

/// How long the certificates are valid.
pub(super) fn certificate(context: &mut Context) -> Finding {
    let service = context.config.as_ref().map_or("the service", |config| config.via.service().name);
    of_days_left(shown(context), service)
}

fn shown(context: &Context) -> Option<&Chain> {
    context.seen.as_ref()?.chain.as_ref()
}

/// Judges the end of the certificates that `service` shows.
pub(super) fn of_days_left(chain: Option<&Chain>, service: &str) -> Finding {
    let Some(Chain { valid_until: until, .. }) = chain else { return Finding::pass("none was shown") };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let days = until.0.saturating_sub(now) / DAY;
    let end = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(until.0));
    let says = format!("the certificates are valid for {days} days, until {end}");
    if days < FEW_DAYS {
        return Finding::warn(says, format!("Renew the certificate of {service}, or that of its CA."));
    }
    Finding::pass(says)
}

/// What it costs a Pi Zero to verify them.
pub(super) fn chain(context: &mut Context) -> Finding {
    shown(context).map_or_else(|| Finding::pass("none was shown"), of_cost)
}

pub(super) fn of_cost(chain: &Chain) -> Finding {
    let keys = chain.keys.join(", ");
    let cost = chain.cost();
    let says = format!(
        "for a Pi Zero the keys of the chain are {}: {keys}",
        cost.map_or("of unknown cost", Cost::name)
    );
    if cost >= Some(Cost::Heavy) { Finding::warn(says, LIGHTER) } else { Finding::pass(says) }
}

/// What answers there, by its own account.
pub(super) fn home(context: &mut Context) -> Finding {
    let kind = context.config.as_ref().map_or("the service", |config| config.via.service().name);
    match context.seen.as_ref().and_then(|seen| seen.head.as_ref()) {
        None => Finding::pass(format!("what answers for {kind} says nothing of itself")),
        Some((status, server)) if server.is_empty() => Finding::pass(format!(
            "{kind} is asked; GET /health there: {status}, without a name of the server"
        )),
        Some((status, server)) => {
            Finding::pass(format!("{kind} is asked; GET /health there: {status}, server {server}"))
        }
    }
}

/// Whether anything answers in the service's place.
pub(super) fn between(context: &mut Context) -> Finding {
    judged(context, "between", |_| Finding::pass("nothing else answers in the service's place"))
}

/// Whether the service answers as it should.
pub(super) fn service(context: &mut Context) -> Finding {
    judged(context, "service", |_| Finding::pass("it answers as documented"))
}

/// Whether the app, or the node by itself, may ask.
pub(super) fn app_key(context: &mut Context) -> Finding {
    let via = context.config.as_ref().map(|config| &config.via);
    judged(context, "app-key", |_| match via {
        Some(Via::App { app_id, .. }) => Finding::pass(format!("the app {app_id} may ask")),
        _ => Finding::pass("the node asks by its own key"),
    })
}

/// The verdict.
pub(super) fn node(context: &mut Context) -> Finding {
    let id = context.loaded.as_ref().map(|loaded| loaded.credential.node_id.to_string()).unwrap_or_default();
    judged(context, "node", |_| Finding::pass(format!("{id} is valid")))
}

/// Whether the running daemon has found the same.
pub(super) fn daemon(context: &mut Context) -> Finding {
    let Some(daemon) = &context.daemon else {
        return Finding::warn("the daemon that runs leaves no status here", "sudo jarvis-node status");
    };
    of_daemon(daemon)
}

/// Judges what a daemon says whose node is valid by now.
fn of_daemon(daemon: &View) -> Finding {
    let Some(DaemonSays { outcome, reason, .. }) = differing(daemon, Outcome::Valid) else {
        return Finding::pass(format!("the daemon says {}", daemon.outcome));
    };
    let reason = reason.unwrap_or_default();
    match Outcome::from_name(&outcome) {
        // What has passed by itself it finds out by itself.
        Some(Outcome::ValidCached | Outcome::Network | Outcome::Server | Outcome::Tls | Outcome::Clock) => {
            let when = daemon.next_check_secs.map_or("by itself".into(), |secs| format!("in {secs} s"));
            Finding::warn(format!("the daemon asks again {when}; it says {outcome}: {reason}"), reload())
        }
        _ => Finding::fail(
            format!("the daemon says {outcome}, by what it read when it started: {reason}"),
            reload(),
        ),
    }
}

/// Whether the home is shown that the node is alive.
pub(super) fn heartbeat(context: &mut Context) -> Finding {
    if let Some(found) = context.warned(&["heartbeat"]) {
        return found.into_failure();
    }
    let config = context.config.as_ref();
    let is_shown =
        config.is_some_and(|config| config.heartbeat.is_some() || config.via == Via::CommandCenter);
    Finding::pass(if is_shown { "the home sees the node" } else { "no heartbeat is configured" })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn daemon_that_will_ask_again_by_itself_does_not_fail() {
        for outcome in Outcome::ALL {
            let says = View {
                outcome: outcome.to_string(),
                reason: Some("no connection".into()),
                next_check_secs: Some(30),
                ..View::default()
            };
            let found = of_daemon(&says);
            let expected = match outcome {
                Outcome::Starting | Outcome::Valid => Verdict::Pass,
                Outcome::NodeRejected | Outcome::AppRejected | Outcome::Setup => Verdict::Fail,
                Outcome::ValidCached | Outcome::Network | Outcome::Server | Outcome::Tls | Outcome::Clock => {
                    assert!(found.says.contains("again in 30 s"), "{}", found.says);
                    Verdict::Warn
                }
            };
            assert_eq!(found.verdict, expected, "{outcome}");
        }
    }

    #[test]
    fn route_by_any_address_is_a_route() {
        let at = |text: &str| SocketAddr::new(text.parse().expect("an address"), 0);
        // Of a link that nothing names, to which there is never a way.
        let nowhere = at("fe80::1");
        let ways = vec![("/etc/hosts", vec![nowhere]), ("DNS", vec![nowhere, at("127.0.0.1")])];
        let from = way_by_any(&ways, 7701).map(|from| from.ip());
        assert_eq!(from, Some(at("127.0.0.1").ip()));
        assert_eq!(way_by_any(&vec![("DNS", vec![nowhere])], 7701), None);
    }
}
