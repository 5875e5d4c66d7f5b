//! The command line.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::{Long, Short, ValueExt as _};
use server_stub::jwt::Algorithm;
use server_stub::{AudienceRule, Fault, Faults, Model, Options, UnknownModel};

/// What `--help` prints.
pub(crate) const HELP: &str = "\
A Jarvis auth server that answers as the real one does, a token service that answers as
Keycloak does, and a Run Gateway with its Run Coordinator, for tests and laptops.

usage: server-stub [--only auth|sts|gateway|coordinator] [--listen ADDRESS:PORT]
                   [--dir DIR] [--plain] [--name NAME]...
                   [--fault [SERVICE:]NAME,NAME...] [--model instant|measured]
                   [--control ADDRESS:PORT] [--redirect-to URL]
                   [--sts-listen ADDRESS:PORT] [--realm FILE] [--issuer URL]
                   [--sts-algorithm RS256|PS256|ES256|EdDSA] [--mapped-audiences]
                   [--host ADDRESS] [--port PORT] [--coordinator-listen ADDRESS:PORT]
                   [--pace MILLISECONDS]

  --only SERVICE         this service alone: auth, sts, gateway or coordinator (all)
  --listen ADDRESS:PORT  where the auth server listens (127.0.0.1:7701); port 0 takes a
                         free one, and so do then all services that are told nothing else
  --dir DIR              where the certificate authority, keys and a ready config.json
                         for jarvis-node are kept (stub/); made if it is not there
  --plain                plain HTTP instead of TLS
  --name NAME            a further DNS name or IP address the certificates are good for
  --fault NAME,NAME...   what is wrong from the start, with the auth server or the only
                         service; may be repeated. sts:NAME,NAME...: with the token
                         service, as are all faults of tokens anyway; so gateway:
                         and coordinator:
  --model NAME           how slow the auth server is: instant, or measured, as the real one
                         was on two cores: half a second a validation, four answers a
                         second, 40 requests and 15 connections to its database at once, so
                         that 15 validations at once stand still for 30 s, then some fail; who
                         leaves is worked off all the same (instant)
  --list-faults          the names, and what they do; with --only before it, those that
                         this service can have
  --control ADDRESS:PORT where to listen, in plain HTTP, for changes of the auth server's
                         or the only service's faults and model, and for its log
                         (127.0.0.1:0 where it has a fault or a model, else nowhere)
  --redirect-to URL      where redirects to another host point (https://elsewhere.invalid)
  --help, --version

the token service:
  --sts-listen ADDRESS:PORT  where it listens (the auth server's address, next port)
  --realm FILE           its realm, of the form that Keycloak exports (arp-dev, built in)
  --issuer URL           what its tokens say who issued them (where the realm is found)
  --sts-algorithm NAME   how it signs (RS256)
  --mapped-audiences     tokens are for whom the client's mappers say and nobody else, as
                         Keycloak's are; without it also for any client that is asked for

the Run Gateway and the Run Coordinator:
  --host ADDRESS, --port PORT  where the gateway listens (the auth server's address, its
                         port and two)
  --coordinator-listen ADDRESS:PORT  where the coordinator does (likewise, and three)
  --pace MILLISECONDS    the time from one event of a run to the next (250)

On standard output it prints one line of JSON when it listens: url, dir, and control
where there is one; sts, the issuer's URL, and sts_control likewise; gateway and
coordinator, their URLs, and gateway_control and coordinator_control. GET, PUT and DELETE
at a control show, replace and clear the faults, a JSON list of names, with the header
X-Jarvis-Admin-Token and from this machine only; so they do at /__stub/faults of each
service itself, as far as it can be reached. At /__stub/model beside it, GET shows the auth
server's model and how much of it is busy, and PUT of its name as a JSON string changes it.
GET at /__stub/log shows the last 500 requests of each service and those under way: who
asked, what became of it, how long it took and waited for what, under which faults; of keys,
tokens and passwords only that they were there and how long. ?since=ID: those after that one.
The token service takes, in the same way, PUT /__stub/clients/ID/keys (a public JWK, for
private_key_jwt), POST /__stub/signing-key (signs by a new key, publishes the old ones, too)
and DELETE (publishes the newest alone).
SIGTERM or Ctrl-C stops it.

environment, as of the real auth service:
  AUTH_SECRET_KEY              signs access tokens (random)
  AUTH_ALGORITHM               HS256, HS384 or HS512 (HS256)
  ACCESS_TOKEN_EXPIRE_MINUTES  life of an access token (30)
  REFRESH_TOKEN_EXPIRE_DAYS    life of a refresh token (14)
  JARVIS_AUTH_ADMIN_TOKEN      opens /admin/* (the one in DIR/admin.token, or random)

environment, as of the published gateway; with --only, what is marked * is needed:
  JARVIS_RUN_COORDINATOR_URL*      where the coordinator is (the one in this process)
  JARVIS_RUN_COORDINATOR_AUDIENCE  for whom tokens are asked for (arp-run-coordinator)
  ARP_AUTH_CLIENT_ID*, ARP_AUTH_CLIENT_SECRET*  the gateway's client of the token service
                                   (arp-run-gateway), or AGENT_CLIENT_ID, AGENT_CLIENT_SECRET
  ARP_AUTH_TOKEN_ENDPOINT          else the issuer's, else that of KEYCLOAK_URL, KEYCLOAK_REALM
  ARP_AUTH_TIMEOUT_SECS            how long the token service may take (10)
and of the gateway and the coordinator:
  ARP_AUTH_PROFILE                 dev-insecure, dev-secure-keycloak or enterprise
  ARP_AUTH_MODE                    required, optional or disabled (required)
  ARP_AUTH_ISSUER*                 whose tokens (the token service's in this process)
  ARP_AUTH_AUDIENCE, ARP_AUTH_SERVICE_ID  for whom; the gateway's, where both run
  ARP_AUTH_JWKS_URI, ARP_AUTH_OIDC_DISCOVERY_URL  where the keys are (by the issuer)
  ARP_AUTH_ALGORITHMS              how they may be signed (RS256)
  ARP_AUTH_CLOCK_SKEW_SECONDS      how far clocks may be apart (60)
  ARP_AUTH_EXEMPT_PATHS            open to everybody (/v1/health,/v1/version)
  SSL_CERT_FILE                    certificate authorities to trust, too, in PEM

exit codes: 0 stopped by a signal, 64 usage, 69 address not available, 70 our own fault,
78 unusable folder, realm or environment
";

/// What the command line asks for.
pub(crate) enum Arguments {
    Help,
    Version,
    /// Of this service; None: all there are.
    ListFaults(Option<Only>),
    Serve(Box<Plan>),
}

/// What is to be started. The default settings are yet to be replaced, since they come from the
/// environment.
pub(crate) struct Plan {
    /// None: all services.
    pub(crate) only: Option<Only>,
    /// The auth server; its folder, names and TLS are everybody's.
    pub(crate) auth: Options,
    pub(crate) sts: StsPlan,
    pub(crate) gateway: Place,
    pub(crate) coordinator: Place,
    /// From one event of a run to the next.
    pub(crate) pace: Duration,
}

/// Where a service listens, and what is wrong with it.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) listen: SocketAddr,
    pub(crate) faults: Faults,
    pub(crate) control: Option<SocketAddr>,
}

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    Auth,
    Sts,
    Gateway,
    Coordinator,
}

/// What is said of the token service.
pub(crate) struct StsPlan {
    pub(crate) listen: SocketAddr,
    /// None: the built-in one.
    pub(crate) realm: Option<PathBuf>,
    pub(crate) issuer: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) audiences: AudienceRule,
    pub(crate) faults: Faults,
    pub(crate) control: Option<SocketAddr>,
}

impl Only {
    pub(crate) fn can_have(self, fault: Fault) -> bool {
        self == Self::Sts || !fault.is_of_tokens()
    }
}

impl Plan {
    pub(crate) fn has(&self, service: Only) -> bool {
        self.only.is_none_or(|only| only == service)
    }
}

const LOOPBACK: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Reads the arguments behind the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, lexopt::Error> {
    let mut auth = Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7701)),
        dir: Some(PathBuf::from("stub")),
        ..Options::default()
    };
    let (mut only, mut sts_listen, mut realm, mut issuer) = (None, None, None, None);
    let (mut algorithm, mut audiences) = (Algorithm::Rs256, AudienceRule::Asked);
    let (mut host, mut port, mut coordinator_listen) = (None::<IpAddr>, None, None);
    let mut pace = Duration::from_millis(250);
    let mut faults: Vec<(Option<Only>, Fault)> = Vec::new();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("only") => only = Some(service(&parser.value()?.string()?)?),
            Long("listen") => auth.listen = parser.value()?.parse()?,
            Long("dir") => auth.dir = Some(parser.value()?.into()),
            Long("plain") => auth.tls = false,
            Long("name") => auth.names.push(parser.value()?.string()?),
            Long("fault") => faults.extend(faults_of(&parser.value()?.string()?)?),
            Long("model") => {
                let name = parser.value()?.string()?;
                auth.model = name.parse().map_err(|error: UnknownModel| error.to_string())?;
            }
            Long("list-faults") => return Ok(Arguments::ListFaults(only)),
            Long("control") => auth.control = Some(parser.value()?.parse()?),
            Long("redirect-to") => auth.redirect_to = parser.value()?.string()?,
            Long("sts-listen") => sts_listen = Some(parser.value()?.parse()?),
            Long("realm") => realm = Some(parser.value()?.into()),
            Long("issuer") => issuer = Some(parser.value()?.string()?.trim_end_matches('/').to_owned()),
            Long("sts-algorithm") => algorithm = parser.value()?.parse()?,
            Long("mapped-audiences") => audiences = AudienceRule::Mapped,
            Long("host") => host = Some(parser.value()?.parse()?),
            Long("port") => port = Some(parser.value()?.parse()?),
            Long("coordinator-listen") => coordinator_listen = Some(parser.value()?.parse()?),
            Long("pace") => pace = Duration::from_millis(parser.value()?.parse()?),
            Short('h') | Long("help") => return Ok(Arguments::Help),
            Short('V') | Long("version") => return Ok(Arguments::Version),
            Short(_) | Long(_) | lexopt::Arg::Value(_) => return Err(argument.unexpected()),
        }
    }
    let first = only.unwrap_or(Only::Auth);
    let place = |(said, fault): (Option<Only>, Fault)| {
        let default = if fault.is_of_tokens() { Only::Sts } else { first };
        (said.unwrap_or(default), fault)
    };
    let faults: Vec<_> = faults.into_iter().map(place).collect();
    if let Some((service, fault)) =
        faults.iter().find(|(service, _)| only.is_some_and(|only| only != *service))
    {
        return Err(format!("{fault} is for {service:?}, which --only leaves out").to_lowercase().into());
    }
    if auth.model != Model::INSTANT && first != Only::Auth {
        return Err("--model is for auth, which --only leaves out".into());
    }
    let faults_of = |wanted: Only| {
        let of = faults.iter().filter(|(service, _)| *service == wanted).map(|(_, fault)| *fault);
        Faults::of(&of.collect::<Vec<_>>()).map_err(|error| error.to_string())
    };
    // Where something is wrong there is a way to change it.
    let control = |faults: Faults| (faults != Faults::NONE).then_some(LOOPBACK);
    let said = auth.control.take();
    auth.faults = faults_of(Only::Auth)?;
    let slow = auth.model != Model::INSTANT;
    auth.control =
        said.filter(|_| first == Only::Auth).or_else(|| control(auth.faults)).or(slow.then_some(LOOPBACK));
    let sts_faults = faults_of(Only::Sts)?;
    let listen = auth.listen;
    let next = |n: u16| {
        SocketAddr::new(listen.ip(), if listen.port() == 0 { 0 } else { listen.port().wrapping_add(n) })
    };
    let place_of = |service: Only, listen| {
        let faults = faults_of(service)?;
        let control = said.filter(|_| first == service).or_else(|| control(faults));
        Ok::<_, lexopt::Error>(Place { listen, faults, control })
    };
    let mut gateway = next(2);
    gateway.set_ip(host.unwrap_or(gateway.ip()));
    gateway.set_port(port.unwrap_or(gateway.port()));
    let gateway = place_of(Only::Gateway, gateway)?;
    let coordinator = place_of(Only::Coordinator, coordinator_listen.unwrap_or(next(3)))?;
    let sts = StsPlan {
        listen: sts_listen.unwrap_or(next(1)),
        realm,
        issuer,
        algorithm,
        audiences,
        faults: sts_faults,
        control: said.filter(|_| first == Only::Sts).or_else(|| control(sts_faults)),
    };
    Ok(Arguments::Serve(Box::new(Plan { only, auth, sts, gateway, coordinator, pace })))
}

fn service(name: &str) -> Result<Only, lexopt::Error> {
    match name {
        "auth" => Ok(Only::Auth),
        "sts" => Ok(Only::Sts),
        "gateway" => Ok(Only::Gateway),
        "coordinator" => Ok(Only::Coordinator),
        other => {
            Err(format!("there is no service '{other}'; auth, sts, gateway and coordinator are there").into())
        }
    }
}

/// `NAME,NAME…`, or `SERVICE:NAME,NAME…`.
fn faults_of(text: &str) -> Result<Vec<(Option<Only>, Fault)>, lexopt::Error> {
    let (named, names) = match text.split_once(':') {
        Some((name, names)) => (Some(service(name)?), names),
        None => (None, text),
    };
    let faults: Faults = names.parse().map_err(|error: server_stub::FaultError| error.to_string())?;
    Ok(faults.iter().map(|fault| (named, fault)).collect())
}

#[cfg(test)]
mod tests;
