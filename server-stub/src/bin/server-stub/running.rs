//! The services that run in this process.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use node_core::plain;
use server_stub::{
    Backend, Common, Coordinator, Gateway, Model, Options, Place, Realm, RealmError, Server, ServerOptions,
    StartError, Sts, StsOptions, Stub, VariableError,
};

use crate::runs::{self, Peers};
use server_stub::cli::{Part, Plan, StsPlan};

/// In bytes. An export of a realm with ten thousand users is shorter.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The running services.
pub(crate) struct Running {
    dir: PathBuf,
    stub: Option<Stub>,
    sts: Option<Sts>,
    coordinator: Option<Coordinator>,
    gateway: Option<Gateway>,
    backend: Option<Backend>,
    /// Whether the secrets of the realm's clients are well known.
    dev_realm: bool,
    /// What the realm's file has that is not served.
    realm_notes: Vec<String>,
}

/// The reason why the services do not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Start(#[from] StartError),
    /// The realm's file cannot be read.
    #[error("cannot read {path}: {1}", path = .0.display())]
    Unreadable(PathBuf, io::Error),
    /// The file contains no realm.
    #[error("{path}: {1}", path = .0.display())]
    Realm(PathBuf, RealmError),
    /// An environment variable is unusable.
    #[error(transparent)]
    Variable(#[from] VariableError),
}

impl Running {
    pub(crate) fn start(plan: Plan) -> Result<Self, Failure> {
        // A bad realm is reported before anything listens.
        let realm = match &plan.sts.realm {
            Some(path) if plan.has(Part::Sts) => read(path)?,
            Some(_) | None => Realm::dev(),
        };
        let realm_notes = realm.notes().to_vec();
        let dir = plan.stub.dir.clone().unwrap_or_default();
        let (with_home, with_sts) = (plan.has(Part::Home), plan.has(Part::Sts));
        let dev_realm = plan.sts.realm.is_none();
        let (with_gateway, with_coordinator) = (plan.has(Part::Gateway), plan.has(Part::Coordinator));
        let with_backend = plan.has(Part::Backend);
        let calls = with_gateway || with_coordinator || with_backend;
        let trusted = if calls { trusted()? } else { Vec::new() };
        let Plan { stub, sts, gateway, coordinator, backend, pace, .. } = plan;
        let (names, redirect_to) = (stub.names.clone(), stub.redirect_to.clone());
        let (stub, common) = if with_home {
            let stub = Stub::start(stub)?;
            let common = Common { authority: stub.authority(), admin_token: stub.admin_token().to_owned() };
            (Some(stub), common)
        } else {
            let Options { tls, key_type, settings, .. } = stub;
            (None, Common::kept_in(&dir, tls, key_type, settings.admin_token)?)
        };
        let server = ServerOptions { names, redirect_to, ..ServerOptions::default() };
        let sts =
            if with_sts { Some(token_service(sts, realm, server.clone(), common.clone())?) } else { None };
        let Common { authority, admin_token } = common;
        let server = ServerOptions { authority, admin_token: Some(admin_token), ..server };
        let mut near = Peers { sts: sts.as_ref(), coordinator: None, trusted };
        let coordinator =
            if with_coordinator { Some(runs::coordinator(coordinator, &server, &near, pace)?) } else { None };
        near.coordinator = coordinator.as_ref();
        let backend = if with_backend { Some(runs::backend(backend, &server, &near)?) } else { None };
        let gateway = if with_gateway { Some(runs::gateway(gateway, &server, &near)?) } else { None };
        Ok(Self { dir, stub, sts, coordinator, gateway, backend, dev_realm, realm_notes })
    }

    /// The line of JSON for programs.
    pub(crate) fn line(&self) -> serde_json::Value {
        let mut line = serde_json::json!({ "dir": self.dir });
        if let Some(stub) = &self.stub {
            line["home"] = stub.home().to_string().into();
            line["url"] = stub.url().into();
            if let Some(control) = stub.control_url() {
                line["control"] = control.into();
            }
            let beside =
                [("command_center", stub.command_center()), ("config", stub.config()), ("logs", stub.logs())];
            for (name, server) in beside {
                line[name] = server.url().into();
                if let Some(control) = server.control_url() {
                    line[format!("{name}_control")] = control.into();
                }
            }
        }
        if let Some(sts) = &self.sts {
            line["sts"] = sts.issuer().into();
            if let Some(control) = sts.server().control_url() {
                line["sts_control"] = control.into();
            }
        }
        for (name, _, server) in self.run_services() {
            line[name] = server.url().into();
            if let Some(control) = server.control_url() {
                line[format!("{name}_control")] = control.into();
            }
        }
        line
    }

    /// The services besides home and token service: what programs call each, and what people do.
    fn run_services(&self) -> impl Iterator<Item = (&'static str, &'static str, &Server)> {
        let gateway = self.gateway.as_ref().map(|one| ("gateway", "run gateway", one.server()));
        let coordinator =
            self.coordinator.as_ref().map(|one| ("coordinator", "run coordinator", one.server()));
        let backend = self.backend.as_ref().map(|one| ("backend", "SmartEM's backend", one.server()));
        gateway.into_iter().chain(coordinator).chain(backend)
    }

    /// The text for people: commands to type next.
    pub(crate) fn explain(&self, err: &mut impl Write) -> io::Result<()> {
        let dir = self.dir.display();
        let (mut is_open, mut is_plain) = (false, false);
        if let Some(stub) = &self.stub {
            explain_home(stub, &self.dir, err)?;
            is_open |= !stub.addr().ip().is_loopback();
            is_plain |= stub.ca_pem().is_none();
        }
        if let Some(sts) = &self.sts {
            let trust = sts.server().ca_pem().map_or_else(String::new, |_| format!("--cacert {dir}/ca.pem "));
            writeln!(err, "token service on {}, issuer {}", sts.server().addr(), sts.issuer())?;
            for note in &self.realm_notes {
                writeln!(err, "note: {note}")?;
            }
            if self.dev_realm {
                writeln!(err, "to have a token:")?;
                writeln!(
                    err,
                    "  curl {trust}-d grant_type=client_credentials -d client_id=jarvis-node \
                     -d client_secret=jarvis-node-secret {}",
                    sts.token_endpoint()
                )?;
            }
            if let Some(control) = sts.server().control_url() {
                explain_faults(
                    "token service",
                    &sts.server().faults().to_string(),
                    &control,
                    &self.dir,
                    err,
                )?;
            }
            is_open |= !sts.server().addr().ip().is_loopback();
            is_plain |= sts.server().ca_pem().is_none();
        }
        for (name, called, server) in self.run_services() {
            writeln!(err, "{called} on {}: {}", server.addr(), server.url())?;
            if let Some(control) = server.control_url() {
                explain_faults(name, &server.faults().to_string(), &control, &self.dir, err)?;
            }
            is_open |= !server.addr().ip().is_loopback();
            is_plain |= server.ca_pem().is_none();
        }
        if is_open {
            writeln!(err, "note: other machines can reach this server; it is made for tests, not for use")?;
            if is_plain {
                writeln!(err, "note: without TLS, node keys and tokens can be read by anyone on the way")?;
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Realm, Failure> {
    let text = text(path)?;
    Realm::from_json(&text).map_err(|error| Failure::Realm(path.to_owned(), error))
}

/// The certificates in `SSL_CERT_FILE`, as in OpenSSL.
fn trusted() -> Result<Vec<String>, Failure> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(Vec::new());
    };
    Ok(vec![text(Path::new(&path))?])
}

/// The text of a regular file, which is not too long.
fn text(path: &Path) -> Result<String, Failure> {
    let read = || {
        let found = fs::metadata(path)?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if found.len() > MAX_FILE {
            return Err(io::Error::other(format!("it is longer than {} MiB", MAX_FILE >> 20)));
        }
        let bytes = fs::read(path)?;
        plain::text(&bytes).map(str::to_owned).map_err(|fault| io::Error::other(format!("it {fault}")))
    };
    read().map_err(|error| Failure::Unreadable(path.to_owned(), error))
}

fn token_service(
    plan: StsPlan,
    realm: Realm,
    server: ServerOptions,
    common: Common,
) -> Result<Sts, StartError> {
    let StsPlan { place: Place { listen, faults, control }, realm: _, issuer, algorithm, audiences } = plan;
    let Common { authority, admin_token } = common;
    let server =
        ServerOptions { listen, authority, faults, control, admin_token: Some(admin_token), ..server };
    Sts::start(StsOptions { server, realm, issuer, algorithm, audiences })
}

fn explain_home(stub: &Stub, dir: &Path, err: &mut impl Write) -> io::Result<()> {
    let (url, shown) = (stub.url(), dir.display());
    let (node_id, _) = stub.node();
    let trust = if stub.ca_pem().is_some() { format!("--cacert {shown}/ca.pem ") } else { String::new() };
    let admin = format!("-H \"X-Jarvis-Admin-Token: $(cat {shown}/admin.token)\"");
    writeln!(
        err,
        "home of {}: auth service on {}, command center on {}",
        stub.home(),
        stub.addr(),
        stub.command_center().addr()
    )?;
    writeln!(err, "config service on {}, logs on {}", stub.config().addr(), stub.logs().addr())?;
    if let Some(host) = stub.announced_as() {
        writeln!(err, "the config service is announced as Jarvis ({host}), _jarvis-config._tcp.local.")?;
    }
    writeln!(err, "next, in another terminal:")?;
    writeln!(err, "  jarvis-node check --config {shown}/config.json")?;
    if stub.administrator_is_known() {
        writeln!(err, "to take the node's key away from it:")?;
        writeln!(err, "  curl {trust}-X POST {admin} {url}/admin/nodes/{node_id}/rotate-key")?;
    }
    let (center, (member, _)) = (stub.command_center_url(), stub.member());
    writeln!(err, "who lives in the household: {member}, by the password in {shown}/member.password")?;
    writeln!(err, "to have a token that node attic-pi can enrol with:")?;
    writeln!(
        err,
        "  curl {trust}-H \"X-API-Key: ${{ADMIN_API_KEY:-$(cat {shown}/admin.token)}}\" \
         -H 'Content-Type: application/json' \
         -d '{{\"household_id\": \"{}\", \"node_id\": \"attic-pi\"}}' {center}/api/v0/provisioning/token",
        stub.household_id()
    )?;
    writeln!(err, "to queue an update that the node's next heartbeat is told:")?;
    writeln!(
        err,
        "  curl {trust}{admin} -d '{{\"node_id\": \"{node_id}\", \"target_version\": \"9.9.9\"}}' \
         {center}/__stub/updates"
    )?;
    if let Some(control) = stub.command_center().control_url() {
        explain_faults("command center", &stub.command_center().faults().to_string(), &control, dir, err)?;
    }
    if let Some(control) = stub.control_url() {
        writeln!(err, "the model of the auth service is {}; to have another:", stub.model())?;
        let other = if stub.model() == Model::INSTANT { Model::MEASURED } else { Model::INSTANT };
        writeln!(err, "  curl -X PUT {admin} -d '\"{other}\"' {}", control.replace("/faults", "/model"))?;
        explain_faults("auth service", &stub.faults().to_string(), &control, dir, err)?;
    }
    Ok(())
}

fn explain_faults(
    service: &str,
    faults: &str,
    control: &str,
    dir: &Path,
    err: &mut impl Write,
) -> io::Result<()> {
    let dir = dir.display();
    let faults = if faults.is_empty() { "none" } else { faults };
    let admin = format!("-H \"X-Jarvis-Admin-Token: $(cat {dir}/admin.token)\"");
    writeln!(err, "the faults of the {service} are: {faults}; to have others:")?;
    writeln!(err, "  curl -X PUT {admin} -d '[\"status-503\"]' {control}")?;
    let log = control.replace("/faults", "/log");
    writeln!(err, "to see what it was asked lately:\n  curl {admin} {log}")
}
