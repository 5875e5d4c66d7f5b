//! Real agents in real time, over real sockets, against a given server.

use core::net::IpAddr;
use core::time::Duration;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use jarvis_node::auth::AuthClient;
use jarvis_node::config::Via;
use jarvis_node::files::credential::{Credential, NodeKey};
use jarvis_node::files::credential_store;
use jarvis_node::setup::{AuthContext, Reader};
use jarvis_node::system::clock;
use node_core::agent::{Action, Agent, Claim, Event, Settings, Setup, Step};
use node_core::answer::Answer;
use node_core::credential::NodeId;
use node_core::jitter::Jitter;
use node_core::outcome::Outcome;
use node_core::text::Text;
use node_core::time::{Instant, millis};
use serde_json::Value as Json;

use super::{Plan, Tally};
use crate::node::adapt;

/// The default number of nodes.
pub(super) const NODES: u32 = 200;
/// Each node has its own TLS client.
pub(super) const MOST_NODES: u32 = 1000;
/// Calls in flight at once, each on a thread; further calls wait. This is six times the number of threads of
/// the service.
const AT_ONCE: usize = 256;
/// Enough for a TLS handshake with a long chain. The system provides only the part that is used.
const STACK: usize = 256 * 1024;
/// A call without load takes half a second, so a shorter silence is not a stall.
const STALL: u64 = 2000;

/// The server, and how to ask it.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) config: PathBuf,
    pub(super) nodes_file: Option<PathBuf>,
    pub(super) until_valid: bool,
    /// Whether the server may be on another machine.
    pub(super) elsewhere: bool,
}

/// Runs `plan.nodes` nodes for `plan.after`.
///
/// # Errors
/// A sentence about the files, the server's address or the system. Nothing has been sent by then.
pub(super) fn run(target: &Target, plan: &Plan) -> Result<Tally, String> {
    let dir = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let config = dir.path().join("config.json");
    adapt(&target.config, Some(&target.url), &config).map_err(|e| e.to_string())?;
    let asker = asker(&config)?;
    let host = asker.config.auth_url.host();
    if !target.elsewhere && !is_local(host) {
        return Err(format!(
            "{host} is another machine, and {} nodes at once can keep a Jarvis auth service from answering \
             anyone: name a server on this machine, or add --yes-i-mean-it if it is yours to overwhelm",
            plan.nodes
        ));
    }
    let credentials = match &target.nodes_file {
        Some(file) => credentials(file, plan.nodes)?,
        None => {
            let found = credential_store::load(&asker.config.credential_file).map_err(|e| e.to_string())?;
            let shared = Arc::new(found.credential);
            vec![shared; plan.nodes as usize]
        }
    };
    let mut seeds = Jitter::new(plan.seed);
    let mut nodes = Vec::new();
    for credential in credentials {
        let seed = millis(seeds.up_to(Duration::from_millis(u64::MAX - 1)));
        nodes.push(Node::new(seed, &config, credential)?);
    }
    Fleet::start(nodes, plan)?.run(target.until_valid)
}

fn asker(config: &Path) -> Result<AuthContext, String> {
    Reader::new(config.into()).read_auth_context().map_err(|e| e.to_string())
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn credentials(file: &Path, nodes: u32) -> Result<Vec<Arc<Credential>>, String> {
    let of_the_file = |why: String| format!("{}: {why}", file.display());
    let text = fs::read(file).map_err(|e| of_the_file(e.to_string()))?;
    // The parser's message could quote a key.
    let table: Vec<Json> = serde_json::from_slice(&text).map_err(|_| {
        of_the_file("is not a list of credentials: [{\"node_id\": …, \"node_key\": …}, …]".into())
    })?;
    if table.len() < nodes as usize {
        return Err(of_the_file(format!("holds {} credentials for {nodes} nodes", table.len())));
    }
    let credential = |(place, entry): (usize, &Json)| {
        let wrong = |key: &str, why: &str| of_the_file(format!("entry {}: {key} {why}", place + 1));
        let text = |key: &str| entry[key].as_str().ok_or_else(|| wrong(key, "is missing or no text"));
        let node_id = NodeId::parse(text("node_id")?).map_err(|e| wrong("node_id", &e.to_string()))?;
        let node_key = NodeKey::parse(text("node_key")?).map_err(|e| wrong("node_key", &e.to_string()))?;
        Ok(Arc::new(Credential::new(node_id, node_key)))
    };
    table.iter().enumerate().take(nodes as usize).map(credential).collect()
}

struct Node {
    agent: Agent,
    setup: Setup,
    /// A client per node, as on real devices, so that each has its own TLS sessions.
    client: Arc<AuthClient>,
    credential: Arc<Credential>,
    /// Whether its last call ended in acceptance, and whether any call did.
    valid: bool,
    was_valid: bool,
}

impl Node {
    fn new(seed: u64, config: &Path, credential: Arc<Credential>) -> Result<Self, String> {
        let AuthContext { config, client, clock_floor, .. } = asker(config)?;
        let claim = Claim {
            node_id: credential.node_id.clone(),
            service_id: match &config.via {
                Via::App { service_id, .. } => Text::from(service_id.as_str()),
                Via::CommandCenter | Via::Logs => Text::default(),
            },
            asked_url: Text::from(config.auth_url.as_str()),
            secrets_stamp: 1,
        };
        let settings = Settings {
            revalidate: config.revalidate,
            offline_grace: config.offline_grace,
            start_splay: config.start_splay,
            spread: config.spread,
            request_timeout: config.request_timeout,
            clock_floor,
        };
        let setup = Setup { claim, service: config.via.service(), settings };
        Ok(Self { agent: Agent::new(seed), setup, client, credential, valid: false, was_valid: false })
    }
}

/// A call or a probe to be made.
struct Job {
    step: Step,
    node: u32,
    client: Arc<AuthClient>,
    credential: Arc<Credential>,
}

struct Fleet {
    nodes: Vec<Node>,
    jobs: Sender<Job>,
    answers: Receiver<(u32, Step, Answer)>,
    started: Instant,
    end: Instant,
    /// The number of calls in flight, and since when none has been answered.
    under_way: usize,
    silent_since: Instant,
    reported: Option<(u64, usize)>,
    tally: Tally,
}

impl Fleet {
    fn start(nodes: Vec<Node>, plan: &Plan) -> Result<Self, String> {
        let (jobs, to_do) = mpsc::channel::<Job>();
        let (answered, answers) = mpsc::channel();
        let to_do = Arc::new(Mutex::new(to_do));
        // The threads are not joined at the end: with a server that stalls this could take half a minute.
        for _ in 0..nodes.len().min(AT_ONCE) {
            let (to_do, answered) = (Arc::clone(&to_do), answered.clone());
            let work = move || {
                while let Some(Job { step, node, client, credential }) = next(&to_do) {
                    let reply = match step {
                        Step::Validate => client.validate_alive(&credential),
                        Step::Probe => client.probe(),
                    };
                    if answered.send((node, step, reply.answer)).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new()
                .name("call".into())
                .stack_size(STACK)
                .spawn(work)
                .map_err(|e| format!("the system has not enough threads: {e}; run fewer nodes"))?;
        }
        let started = clock::instant();
        let mut tally = Tally::new(plan);
        tally.server_is_back(started.as_millis());
        let end = started + plan.after;
        Ok(Self {
            nodes,
            jobs,
            answers,
            started,
            end,
            under_way: 0,
            silent_since: started,
            reported: None,
            tally,
        })
    }

    fn run(mut self, until_valid: bool) -> Result<Tally, String> {
        let all = 0..u32::try_from(self.nodes.len()).unwrap_or(MOST_NODES);
        for node in all.clone() {
            self.handle(node, Event::Started(None));
        }
        loop {
            let now = clock::instant();
            for node in all.clone() {
                if self.nodes[node as usize].agent.deadline() <= now {
                    self.handle(node, Event::DeadlineReached);
                }
            }
            let valid = self.nodes.iter().filter(|node| node.valid).count();
            self.report(valid, now);
            if now >= self.end || (until_valid && valid == self.nodes.len()) {
                self.note_answer(now);
                return Ok(self.tally);
            }
            let next =
                self.nodes.iter().map(|node| node.agent.deadline()).fold(self.end, core::cmp::Ord::min);
            // Wakes up at least once a second to report the progress.
            let patience = next.since(clock::instant()).min(Duration::from_secs(1));
            match self.answers.recv_timeout(patience) {
                Ok((node, step, answer)) => {
                    self.is_answered(node, step, answer);
                    while let Ok((node, step, answer)) = self.answers.try_recv() {
                        self.is_answered(node, step, answer);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err("the threads that call are gone".into()),
            }
        }
    }

    fn is_answered(&mut self, node: u32, step: Step, answer: Answer) {
        let now = clock::instant();
        // A probe is answered even while calls stall.
        if step == Step::Validate {
            self.note_answer(now);
            self.under_way -= 1;
            let good = matches!(answer, Answer::Valid(_));
            let at = &mut self.nodes[node as usize];
            (at.valid, at.was_valid) = (good, at.was_valid || good);
            self.tally.answered(node, good, now.as_millis());
            if !good {
                self.tally.failed(node);
            }
        }
        self.handle(node, Event::Answered(answer));
    }

    /// Hands a node an event and carries out its actions.
    fn handle(&mut self, node: u32, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let now = clock::now();
            let mut step = None;
            let at = &mut self.nodes[node as usize];
            for action in &at.agent.handle(event, now) {
                match action {
                    Action::ReadSetup => next = Some(Event::SetupRead(Ok(at.setup.clone()))),
                    Action::Validate => step = Some(Step::Validate),
                    Action::Probe => step = Some(Step::Probe),
                    Action::Show(Outcome::Valid | Outcome::ValidCached | Outcome::Starting)
                    | Action::Publish
                    | Action::KeepOldSetup(_)
                    | Action::Exit(_) => {}
                    Action::Show(_) => self.tally.lapsed += u32::from(at.was_valid),
                }
            }
            if let Some(step) = step {
                self.step(node, step, now.instant);
            }
        }
    }

    fn step(&mut self, node: u32, step: Step, now: Instant) {
        match step {
            Step::Probe => self.tally.asked(node, true, now.as_millis()),
            Step::Validate => {
                if self.under_way == 0 {
                    self.silent_since = now;
                }
                self.under_way += 1;
                self.tally.asked(node, false, now.as_millis());
            }
        }
        let at = &self.nodes[node as usize];
        let (client, credential) = (Arc::clone(&at.client), Arc::clone(&at.credential));
        // Without threads no answer arrives, which the loop notices.
        let _ = self.jobs.send(Job { step, node, client, credential });
    }

    fn note_answer(&mut self, now: Instant) {
        let silent = millis(now.since(self.silent_since));
        if self.under_way > 0 && silent >= STALL {
            let (longest, total) = self.tally.stalls;
            self.tally.stalls = (longest.max(silent), total + silent);
        }
        self.silent_since = now;
    }

    /// Reports on standard error how many nodes are valid, at most once a second and only after a change.
    fn report(&mut self, valid: usize, now: Instant) {
        let second = now.since(self.started).as_secs();
        if self.reported.is_none_or(|(at, before)| at < second && before != valid) {
            self.reported = Some((second, valid));
            // Without standard error there is nobody to report to.
            let _ = writeln!(io::stderr(), "{second} s: {valid} of {} nodes valid", self.nodes.len());
        }
    }
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
