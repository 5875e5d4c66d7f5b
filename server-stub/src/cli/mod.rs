//! The command line of `server-stub`.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum as _};
use clap_complete::Shell;

use crate::jwt::Algorithm;
use crate::{AudienceRule, Fault, Faults, Home, HomeService, KeyType, Model, Options, Place, PublicUrl};

pub use parts::Part;
use parts::Service;

mod parts;

/// A Jarvis home's services, a token service, a Run Gateway with its Run Coordinator, and SmartEM's backend, for tests
#[derive(Parser)]
#[command(
    name = "server-stub",
    bin_name = "server-stub",
    version,
    args_override_self = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    next_line_help = true,
    after_help = include_str!("after_help.txt")
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,

    /// Start these services alone, not all: home, sts, gateway, coordinator or backend
    #[arg(long, value_name = "SERVICE")]
    only: Option<Part>,

    /// The program that the home runs
    #[arg(long, value_name = "python|jarvisd", default_value = "python")]
    home: Home,

    /// Where the auth service listens; the others take ports beside it; with port 0 all take free ones
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7701")]
    listen: SocketAddr,

    /// The first of the home's ports, in place of that of --listen; see below
    #[arg(long, value_name = "PORT")]
    ports: Option<u16>,

    /// Where the command center listens [default: the auth service's address, its port and two]
    #[arg(long, value_name = "ADDRESS:PORT")]
    command_center_listen: Option<SocketAddr>,

    /// Where the config service listens [default: the auth service's address, the port before its]
    #[arg(long, value_name = "ADDRESS:PORT")]
    config_listen: Option<SocketAddr>,

    /// Where the logs listen [default: the auth service's address, the next port]
    #[arg(long, value_name = "ADDRESS:PORT")]
    logs_listen: Option<SocketAddr>,

    /// Announce the config service by multicast DNS, as HOST or as this machine; see below
    #[arg(long, value_name = "HOST", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    announce: Option<String>,

    /// An address of a service of the home from outside, of which its config service tells; may be repeated
    #[arg(long = "public-url", value_name = "SERVICE=URL")]
    public_urls: Vec<PublicUrl>,

    /// The folder for keys and a ready config.json for jarvis-node; made if it does not exist
    #[arg(long, default_value = "stub")]
    dir: PathBuf,

    /// Speak plain HTTP instead of TLS
    #[arg(long)]
    plain: bool,

    /// The kind of the certificates' keys [default: the folder's, or p-256]
    #[arg(long, value_name = "p-256|p-384|rsa-2048|rsa-4096|ed25519", conflicts_with = "plain")]
    key_type: Option<KeyType>,

    /// A further DNS name or IP address in the certificates; may be repeated
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,

    /// Faults from the start; may be repeated; see below
    #[arg(long = "fault", value_name = "[SERVICE:]NAME,NAME", value_parser = faults_of)]
    faults: Vec<FaultsOf>,

    /// How slow the auth service is; see below
    #[arg(long, value_name = "instant|measured|jarvisd", default_value = "instant")]
    model: Model,

    /// Print all faults, or with --only those of a service, and exit
    #[arg(long)]
    list_faults: bool,

    /// Where to listen, in plain HTTP, for changes of faults and model, and for the log; see below
    #[arg(long, value_name = "ADDRESS:PORT")]
    control: Option<SocketAddr>,

    /// The target of redirects to another host
    #[arg(long, value_name = "URL", default_value = "https://elsewhere.invalid")]
    redirect_to: String,

    /// Where the token service listens [default: the auth service's address, its port and 19]
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "The token service")]
    sts_listen: Option<SocketAddr>,

    /// The realm, in the form that Keycloak exports [default: arp-dev, built in]
    #[arg(long, value_name = "FILE", help_heading = "The token service")]
    realm: Option<PathBuf>,

    /// The issuer that tokens name [default: where the realm is found]
    #[arg(long, value_name = "URL", help_heading = "The token service")]
    issuer: Option<String>,

    /// How tokens are signed: RS256, PS256, ES256 or EdDSA
    #[arg(long, value_name = "NAME", default_value = "RS256", help_heading = "The token service")]
    sts_algorithm: Algorithm,

    /// Issue tokens only for the audiences of the client's mappers, as Keycloak does
    #[arg(long, help_heading = "The token service")]
    mapped_audiences: bool,

    /// Where the gateway listens [default: the auth service's address]
    #[arg(long, value_name = "ADDRESS", help_heading = "The Run Gateway and the Run Coordinator")]
    host: Option<IpAddr>,

    /// The gateway's port [default: the auth service's port and 20]
    #[arg(long, help_heading = "The Run Gateway and the Run Coordinator")]
    port: Option<u16>,

    /// Where the coordinator listens [default: the auth service's address, its port and 21]
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "The Run Gateway and the Run Coordinator")]
    coordinator_listen: Option<SocketAddr>,

    /// Where the backend listens [default: the auth service's address, its port and 22]
    #[arg(long, value_name = "ADDRESS:PORT", help_heading = "SmartEM's backend")]
    backend_listen: Option<SocketAddr>,

    /// The time from one event of a run to the next
    #[arg(
        long,
        value_name = "MILLISECONDS",
        default_value_t = 250,
        help_heading = "The Run Gateway and the Run Coordinator"
    )]
    pace: u64,
}

#[derive(Subcommand)]
enum Command {
    /// Print a completion script for a shell
    Completions { shell: Shell },
}

/// Faults, and the service they are given to.
#[derive(Clone)]
struct FaultsOf(Option<Service>, Faults);

/// A parsed command line.
pub enum Arguments {
    /// Print this text.
    Print(String),
    /// Print the faults that this part can have; None: all there are.
    ListFaults(Option<Part>),
    /// Start these services.
    Serve(Box<Plan>),
}

/// The services to start. The settings are still the defaults; they come from the environment.
pub struct Plan {
    /// None: all services.
    pub only: Option<Part>,
    /// The home's services. Their folder, names and TLS apply to all.
    pub stub: Options,
    /// The token service.
    pub sts: StsPlan,
    /// Where the Run Gateway listens.
    pub gateway: Place,
    /// Where the Run Coordinator listens.
    pub coordinator: Place,
    /// Where SmartEM's backend listens.
    pub backend: Place,
    /// The time from one event of a run to the next.
    pub pace: Duration,
}

/// The settings of the token service.
pub struct StsPlan {
    /// Where it listens.
    pub place: Place,
    /// None: the built-in one.
    pub realm: Option<PathBuf>,
    /// None: where the realm is found.
    pub issuer: Option<String>,
    /// How tokens are signed.
    pub algorithm: Algorithm,
    /// The audiences that it issues tokens for.
    pub audiences: AudienceRule,
}

impl Plan {
    /// Whether this part is to be started.
    #[must_use]
    pub fn has(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

/// The ports of the other services, counted from the auth service's. A home's services have 7700 to 7703.
const COMMAND_CENTER: u16 = 2;
const CONFIG: u16 = 1_u16.wrapping_neg();
const LOGS: u16 = 1;
const STS: u16 = 19;
const GATEWAY: u16 = 20;
const COORDINATOR: u16 = 21;
const BACKEND: u16 = 22;

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The command line as clap has it, for the manual page and the completions.
#[must_use]
pub fn definition() -> clap::Command {
    CommandLine::command()
}

/// Reads the arguments behind the program's name.
///
/// # Errors
/// One line that says what is wrong with them.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, String> {
    let arguments = [OsString::from("server-stub")].into_iter().chain(arguments);
    match CommandLine::try_parse_from(arguments) {
        Ok(line) => line.read(),
        Err(error) if !error.use_stderr() => Ok(Arguments::Print(error.to_string())),
        Err(error) => {
            let told = error.to_string();
            let sentence =
                told.lines().take_while(|line| !line.is_empty()).map(str::trim).collect::<Vec<_>>();
            Err(sentence.join(" ").trim_start_matches("error: ").to_owned())
        }
    }
}

impl CommandLine {
    fn read(self) -> Result<Arguments, String> {
        if let Some(Command::Completions { shell }) = self.command {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Self::command(), "server-stub", &mut script);
            return Ok(Arguments::Print(String::from_utf8_lossy(&script).into_owned()));
        }
        if self.list_faults {
            return Ok(Arguments::ListFaults(self.only));
        }
        self.plan().map(|plan| Arguments::Serve(Box::new(plan)))
    }

    fn plan(self) -> Result<Plan, String> {
        let mut listen = self.listen;
        if let Some(first) = self.ports {
            listen.set_port(if first == 0 { 0 } else { first.wrapping_add(1) });
        }
        let first = self.only.unwrap_or(Part::Home).first();
        if self.model != Model::INSTANT && first != Service::Auth {
            return Err("--model is for the home, which --only leaves out".to_owned());
        }
        let faults = self.faults_by_service(first)?;
        let place = |service: Service, listen: SocketAddr, adjustable: bool| {
            let faults = faults.iter().filter(|(other, _)| *other == service).map(|(_, fault)| *fault);
            let faults = Faults::of(&faults.collect::<Vec<_>>()).map_err(|error| error.to_string())?;
            let said = self.control.filter(|_| first == service);
            // A service with a fault has a control, so that the fault can be changed. So has the command
            // center beside an auth service with one, since its updates are queued there.
            let beside = service == Service::CommandCenter && self.control.is_some();
            let control = said.or((adjustable || beside || faults != Faults::NONE).then_some(LOOPBACK));
            Ok::<_, String>(Place { listen, faults, control })
        };
        let next = |n: u16| {
            SocketAddr::new(listen.ip(), if listen.port() == 0 { 0 } else { listen.port().wrapping_add(n) })
        };
        let center = self.command_center_listen.unwrap_or(next(COMMAND_CENTER));
        let gateway =
            SocketAddr::new(self.host.unwrap_or(listen.ip()), self.port.unwrap_or(next(GATEWAY).port()));
        let auth = place(Service::Auth, listen, self.model != Model::INSTANT)?;
        let center = place(Service::CommandCenter, center, false)?;
        let config = place(Service::Config, self.config_listen.unwrap_or(next(CONFIG)), false)?;
        let logs = place(Service::Logs, self.logs_listen.unwrap_or(next(LOGS)), false)?;
        Ok(Plan {
            only: self.only,
            sts: StsPlan {
                place: place(Service::Sts, self.sts_listen.unwrap_or(next(STS)), false)?,
                realm: self.realm,
                issuer: self.issuer.map(|issuer| issuer.trim_end_matches('/').to_owned()),
                algorithm: self.sts_algorithm,
                audiences: if self.mapped_audiences { AudienceRule::Mapped } else { AudienceRule::Asked },
            },
            gateway: place(Service::Gateway, gateway, false)?,
            coordinator: place(
                Service::Coordinator,
                self.coordinator_listen.unwrap_or(next(COORDINATOR)),
                false,
            )?,
            backend: place(Service::Backend, self.backend_listen.unwrap_or(next(BACKEND)), false)?,
            pace: Duration::from_millis(self.pace),
            stub: Options {
                home: self.home,
                listen,
                command_center: center,
                config,
                logs,
                announce: self.announce,
                public_urls: self.public_urls,
                dir: Some(self.dir),
                tls: !self.plain,
                key_type: self.key_type,
                names: self.names,
                faults: auth.faults,
                model: self.model,
                control: auth.control,
                redirect_to: self.redirect_to,
                ..Options::default()
            },
        })
    }

    /// Each fault with the service it is for.
    fn faults_by_service(&self, first: Service) -> Result<Vec<(Service, Fault)>, String> {
        let default = |fault: Fault| {
            if fault.is_of_tokens() {
                Service::Sts
            } else if first == Service::Auth {
                match fault.home_service() {
                    Some(HomeService::CommandCenter) => Service::CommandCenter,
                    Some(HomeService::Logs) => Service::Logs,
                    Some(HomeService::Auth) | None => first,
                }
            } else {
                first
            }
        };
        let said = self.faults.iter().flat_map(|FaultsOf(service, faults)| {
            faults.iter().map(|fault| (service.unwrap_or(default(fault)), fault)).collect::<Vec<_>>()
        });
        let all: Vec<_> = said.collect();
        match all.iter().find(|(service, _)| self.only.is_some_and(|only| only != service.part())) {
            Some((service, fault)) => {
                Err(format!("{fault} is for {}, which --only leaves out", service.name()))
            }
            None => Ok(all),
        }
    }
}

/// `NAME,NAME…`, or `SERVICE:NAME,NAME…`.
fn faults_of(text: &str) -> Result<FaultsOf, String> {
    let (service, names) = match text.split_once(':') {
        Some((name, names)) => {
            let unknown = |_| {
                format!(
                    "there is no service '{name}'; auth, command-center, config, logs, sts, gateway, coordinator and backend are there"
                )
            };
            (Some(Service::from_str(name, false).map_err(unknown)?), names)
        }
        None => (None, text),
    };
    let faults = names.parse().map_err(|error: crate::FaultError| error.to_string())?;
    Ok(FaultsOf(service, faults))
}

#[cfg(test)]
mod tests;
