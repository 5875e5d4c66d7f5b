//! `jarvis-node pair`: serves the provisioning API of a Jarvis node on the local network for some minutes, so that the
//! home's app on a phone can enrol this node (docs/wire/jarvis-home.md, "What a node serves the phone"). There is no access
//! point, and what the phone says about Wi-Fi is ignored.

mod door;
mod presence;
mod request;
mod session;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use log::{info, warn};
use node_core::credential::NodeId;
use node_core::led::Pattern;
use node_core::time::Instant;
use rustix::event::{PollFd, PollFlags};
use thiserror::Error;

use self::door::Door;
use self::session::{Provisioning, Session, Stage};
use super::enroll;
use super::enroll::settings::Settings;
use super::enroll::{EnrollError, Enrolment, Token};
use super::signals::Held;

use crate::daemon::inbox;

use crate::files::{credential_store, status};
use crate::led_pin;
use crate::net::service_url::ServiceUrl;
use crate::system::clock;

/// Where phones look for a node.
pub(crate) const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 8080);
/// How long a phone may take to find the node, in minutes, and the most that may be asked for.
pub(crate) const DEFAULT_MINUTES: u64 = 10;
pub(crate) const MOST_MINUTES: u64 = 60;
/// How long a phone may still ask how it went.
const FAREWELL: Duration = Duration::from_secs(3);

/// How pairing is to be done.
#[derive(Debug)]
pub(crate) struct Pairing {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// How long.
    pub(crate) limit: Duration,
    /// Whether a credential that is in use may be replaced.
    pub(crate) replace: bool,
    /// Whether the home may be asked without TLS, whatever the configuration says.
    pub(crate) allow_http: bool,
    /// The file that has to be there, in the place of the one on the boot partition.
    pub(crate) file: Option<PathBuf>,
}

/// Why this node is not paired.
#[derive(Debug, Error)]
pub(crate) enum PairError {
    #[error(
        "the daemon runs, and the LED is its own; stop it with `sudo systemctl stop jarvis-node-agent`, and start it again \
         when the node is paired"
    )]
    DaemonRuns,
    #[error(transparent)]
    Setup(EnrollError),
    #[error(
        "this node has a credential already, of '{0}' in {path}; add --replace if a new one is to take its place",
        path = .1.display()
    )]
    InUse(Box<NodeId>, PathBuf),
    #[error(
        "pairing needs somebody at the board: type the command at a terminal, or put a file with the name jarvis-pair on \
         the card's boot partition"
    )]
    NobodyThere,
    #[error("{path} cannot be removed ({1}), and would start pairing again and again; mount its partition writable", path = .0.display())]
    FileStays(PathBuf, io::Error),
    #[error(
        "phones cannot be listened for at {0} ({1}); end the program that has the port, or name another with --listen"
    )]
    Listen(SocketAddr, io::Error),
    #[error("no phone has paired this node within {} minutes{}", .0.as_secs() / 60, why_failed(.1.as_deref()))]
    TimeOver(Duration, Option<String>),
    #[error("stopped before a phone has paired this node")]
    Stopped,
    #[error(transparent)]
    System(#[from] io::Error),
}

fn why_failed(why: Option<&str>) -> String {
    why.map(|why| format!("; the last try failed: {why}")).unwrap_or_default()
}

impl PairError {
    /// The program's exit code, by sysexits(3).
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Setup(error) => error.exit_code(),
            Self::InUse(..) => 78,
            Self::NobodyThere => 77,
            Self::TimeOver(..) | Self::Stopped => 75,
            Self::FileStays(..) => 73,
            Self::System(_) => 71,
            Self::DaemonRuns | Self::Listen(..) => 69,
        }
    }
}

/// Waits for a phone, and enrols this node with the token that it brings; what that came to, in words. Shows on the LED that
/// it waits.
///
/// # Errors
/// When no phone has paired the node in time, or none can.
pub(crate) fn pair(config_file: &Path, pairing: &Pairing) -> Result<String, PairError> {
    if super::status::find(config_file).is_ok_and(|found| found.is_current(&status::boot_id())) {
        return Err(PairError::DaemonRuns);
    }
    let settings = Settings::load(config_file).map_err(PairError::Setup)?;
    let allow_http = settings.means(pairing.allow_http).allow_http;
    // Whichever home it will be: LED and credential do not depend on that.
    let config = settings.for_home(("command_center", &ServiceUrl::here())).map_err(PairError::Setup)?;
    let before = credential_store::load(&config.credential_file).ok().map(|found| found.credential.node_id);
    if let (Some(node_id), false) = (&before, pairing.replace) {
        return Err(PairError::InUse(node_id.clone().into(), config.credential_file));
    }
    presence::prove(pairing.file.as_deref())?;
    let door = Door::open(pairing.listen).map_err(|why| PairError::Listen(pairing.listen, why))?;
    let address = door.address()?;
    let minutes = pairing.limit.as_secs() / 60;
    info!("waits {minutes} minutes for a phone, at {} port {}", own_address(address), address.port());
    let enroll = |provisioning: Provisioning| {
        let Provisioning { command_center, node_id, room, token } = provisioning;
        let enrolment = Enrolment {
            url: Some(command_center),
            node_id: Some(node_id),
            room,
            replace: pairing.replace,
            allow_http,
            write_config: None,
        };
        enroll::enroll(config_file, &enrolment, Token::Given(&mut token.as_bytes()))
            .map(|done| (done.node_id.clone(), done.to_string()))
    };
    let mut lamp = led_pin::open(&config.indicators.led).unwrap_or_else(|why| {
        warn!("{why}");
        None
    });
    let session = Session::new(before, allow_http);
    let mut light = |now| match &mut lamp {
        Some(lamp) => {
            lamp.show_pattern(Pattern::PAIRING, now).and_then(|()| lamp.refresh(now)).ok().flatten()
        }
        None => None,
    };
    let paired = serve(door, session, pairing.limit, &enroll, &mut light);
    if let Some(lamp) = &mut lamp {
        // The next program that uses it says if it cannot be set.
        let _ = lamp.dark();
    }
    paired
}

/// The node, and what was done in words.
type Enrolled = Result<(NodeId, String), EnrollError>;

/// Answers phones until one of them has paired the node, or for `limit`. `light` sets the LED and returns when it has to
/// be set again.
fn serve(
    mut door: Door,
    mut session: Session,
    limit: Duration,
    enroll: &(dyn Fn(Provisioning) -> Enrolled + Sync),
    light: &mut dyn FnMut(Instant) -> Option<Instant>,
) -> Result<String, PairError> {
    let (_sender, inbox) = inbox::channel()?;
    // The LED has to be dark at the end, and a token may be on its way.
    let held = Held::hold()?;
    let mut end = clock::instant() + limit;
    let mut is_stopped = false;
    let mut enrolling: Option<(mpsc::Receiver<Enrolled>, UnixStream)> = None;
    thread::scope(|scope| {
        loop {
            let now = clock::instant();
            is_stopped |= held.take().is_some();
            if let Some(enrolled) = enrolling.as_ref().and_then(|(enrolled, _)| enrolled.try_recv().ok()) {
                enrolling = None;
                session.stage = match enrolled {
                    Ok((node_id, told)) => Stage::Paired(node_id.into(), told),
                    Err(why) => Stage::Failed(why.to_string()),
                };
                match &session.stage {
                    Stage::Paired(..) => end = now + FAREWELL,
                    Stage::Failed(why) => warn!("{why}"),
                    Stage::Waiting | Stage::Registering => {}
                }
            }
            // A token that is on its way is not given up.
            if enrolling.is_none() && (is_stopped || now >= end) {
                return match session.stage {
                    Stage::Paired(_, told) => Ok(told),
                    _ if is_stopped => Err(PairError::Stopped),
                    Stage::Failed(why) => Err(PairError::TimeOver(limit, Some(why))),
                    Stage::Waiting | Stage::Registering => Err(PairError::TimeOver(limit, None)),
                };
            }
            let mut accepted = None;
            door.turn(now, &mut |request, from| {
                let (answer, provisioning) = session.answer(request, from);
                accepted = provisioning.or(accepted.take());
                answer
            });
            if let Some(provisioning) = accepted {
                let (done, at_end) = UnixStream::pair()?;
                let (sender, enrolled) = mpsc::channel();
                let work = move || {
                    // Nobody receives it only if this program ends.
                    let _ = sender.send(enroll(provisioning));
                    drop(at_end);
                };
                thread::Builder::new().spawn_scoped(scope, work)?;
                enrolling = Some((enrolled, done));
            }
            let wakes = [door.deadline(), light(now), enrolling.is_none().then_some(end)];
            let next = wakes.into_iter().flatten().min().unwrap_or(now + limit);
            let mut sources = door.sources();
            sources.extend(enrolling.iter().map(|(_, done)| PollFd::new(done, PollFlags::IN)));
            sources.extend((!is_stopped).then(|| PollFd::new(&held.came, PollFlags::IN)));
            inbox.wait(next.since(clock::instant()), sources)?;
        }
    })
}

/// The address by which phones reach this board, if the one that it listens at is none.
fn own_address(listening: SocketAddr) -> String {
    if !listening.ip().is_unspecified() {
        return listening.ip().to_string();
    }
    // Choosing a route sends nothing.
    let route = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9))?;
        socket.local_addr()
    });
    route.map_or_else(|_| "this board's address,".into(), |own| own.ip().to_string())
}

#[cfg(test)]
mod tests;
