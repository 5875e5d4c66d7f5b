//! The controls of the board.

use core::time::Duration;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use server_stub::{Fault, FaultError, Faults};

use super::bench::{Bench, Own, Server, foreign_ca, locked, set};
use super::message::{Order, clocks};

/// The names of the controls.
pub(super) const NAMES: [&str; 9] =
    ["server", "fault", "rotate", "deactivate", "install", "wrong_ca", "clock", "power", "reload"];

/// How long an installation may take: the card is slow, and there is a lock to wait for.
const INSTALLATION: Duration = Duration::from_secs(30);

/// A request to use a control.
#[derive(Deserialize)]
pub(super) struct ControlRequest {
    control: String,
    #[serde(default)]
    value: Value,
}

/// The control was not used, for this reason.
#[derive(Debug)]
pub(super) enum Retry {
    /// It may work later, when the state has changed.
    Later(String),
    /// It never works: the request is wrong.
    Never(String),
}

/// A fault that can be chosen.
#[derive(Serialize)]
pub(super) struct Choice {
    name: &'static str,
    description: &'static str,
}

#[derive(Deserialize)]
struct GivenCredential {
    node_id: String,
    node_key: String,
}

impl Bench {
    /// Uses a control, waits until it has taken effect, and returns a sentence about it.
    pub(super) fn carry_out(&self, asked: &ControlRequest) -> Result<String, Retry> {
        let ControlRequest { control, value } = asked;
        if let Some(why) = self.record.view().why_not(control) {
            return Err(Retry::Later(why.into()));
        }
        let said = match (control.as_str(), &self.server) {
            ("server", Server::Stub(own)) => self.server(own, read(value, "true or false")?)?,
            ("fault", Server::Stub(own)) => {
                self.fault(own, &read::<Vec<String>>(value, "a list of names")?)?
            }
            ("rotate", Server::Stub(own)) => self.rotate(own)?,
            ("deactivate", Server::Stub(own)) => self.deactivate(own)?,
            ("install", Server::Stub(own)) => {
                nothing(value)?;
                self.install_present(own)?
            }
            ("install", Server::Real) => {
                self.install_given(read(value, "an object with node_id and node_key")?)?
            }
            ("wrong_ca", Server::Stub(own)) => self.wrong_ca(own, read(value, "true or false")?)?,
            ("clock", _) => match value.as_str() {
                Some("1970") => self.clock(true)?,
                Some("now") => self.clock(false)?,
                _ => return Err(Retry::Never("the value of clock is \"1970\" or \"now\"".into())),
            },
            ("power", _) => match value.as_str() {
                Some("pull") => self.pull()?,
                Some("on") => self.power_on()?,
                _ => return Err(Retry::Never("the value of power is \"pull\" or \"on\"".into())),
            },
            ("reload", _) => {
                self.order(&Order::Reload)?;
                "The node is told to read its files and ask at once (SIGHUP).".into()
            }
            _ => {
                return Err(Retry::Never(format!(
                    "there is no such control; there are {}",
                    NAMES.join(", ")
                )));
            }
        };
        self.record.say(if control == "power" { "power" } else { "control" }, said.as_str());
        Ok(said)
    }

    fn server(&self, own: &Own, up: bool) -> Result<String, Retry> {
        if up {
            own.stub.come_back().map_err(|e| Retry::Later(format!("The server does not come back: {e}.")))?;
        } else {
            own.stub.go_down();
        }
        self.record.change(|view| view.server.up = up);
        Ok(if up { "The server is up.".into() } else { "The server is down: connecting is refused.".into() })
    }

    fn fault(&self, own: &Own, names: &[String]) -> Result<String, Retry> {
        let faults = names.iter().map(|name| name.parse()).collect::<Result<Vec<Fault>, _>>();
        let faults = faults.and_then(|faults| Faults::of(&faults)).map_err(refused)?;
        own.stub.set_faults(faults).map_err(refused)?;
        self.record.change(|view| view.server.faults = faults.iter().map(Fault::name).collect());
        let names: Vec<_> = faults.iter().map(|f| format!("{} ({})", f.name(), f.description())).collect();
        Ok(match names.as_slice() {
            [] => "The server has no faults now.".into(),
            names => format!("The server has these faults: {}.", names.join("; ")),
        })
    }

    fn rotate(&self, own: &Own) -> Result<String, Retry> {
        let mut registered = locked(&own.registered);
        let key = own.stub.rotate_key(&registered.node_id);
        registered.node_key = key.ok_or_else(|| Retry::Later("The server does not know the node.".into()))?;
        Ok(format!("The server has a new key for {}; the node has the old one.", registered.node_id))
    }

    fn deactivate(&self, own: &Own) -> Result<String, Retry> {
        let mut registered = locked(&own.registered);
        registered.deactivated = own.stub.deactivate(&registered.node_id);
        self.record.change(|view| view.server.deactivated = registered.deactivated);
        Ok(format!("{} is deactivated on the server, for good.", registered.node_id))
    }

    /// Installs the credential that the server accepts.
    fn install_present(&self, own: &Own) -> Result<String, Retry> {
        let mut registered = locked(&own.registered);
        if registered.deactivated {
            registered.count += 1;
            let node_id = format!("{}-{}", own.stub.node().0, registered.count);
            let taken = || Retry::Later(format!("The server has a node {node_id} already."));
            registered.node_key = own.stub.register(&node_id).ok_or_else(taken)?;
            registered.node_id = node_id;
            registered.deactivated = false;
            self.record.change(|view| view.server.deactivated = false);
        }
        let (node_id, node_key) = (registered.node_id.clone(), registered.node_key.clone());
        // The power can be pulled during the installation.
        drop(registered);
        self.install(node_id, node_key)
    }

    /// Installs the user's credential into a file of the board's own, so that the user's file stays as it is.
    fn install_given(&self, given: GivenCredential) -> Result<String, Retry> {
        let said = self.install(given.node_id, given.node_key)?;
        let own = self.credential_file();
        set(&self.config, [("credential_file", own.to_string_lossy().into())]).map_err(not_written)?;
        // The configuration now names another file, and the node does not watch its configuration.
        self.reload_if_on();
        Ok(format!("{said} Your own credential file is as it was."))
    }

    fn install(&self, node_id: String, node_key: String) -> Result<String, Retry> {
        let _one_at_a_time = locked(&self.installing);
        let said = format!("The credential of {node_id} is in place.");
        let order = Order::Install { file: self.credential_file(), node_id, node_key };
        let result = match self.power().as_mut() {
            Some(power) => power.install(&order).map_err(|_| no_power())?,
            None => return Err(no_power()),
        };
        // The power lock is released, because the power may be pulled meanwhile.
        match result.recv_timeout(INSTALLATION) {
            Ok(None) => Ok(said),
            Ok(Some(why)) => Err(Retry::Later(why)),
            Err(_) => Err(Retry::Later("The power went before the credential was in place.".into())),
        }
    }

    fn wrong_ca(&self, own: &Own, wrong: bool) -> Result<String, Retry> {
        let pem = if wrong {
            foreign_ca().map_err(Retry::Later)?
        } else {
            own.stub.ca_pem().unwrap_or_default().to_owned()
        };
        self.trust(&pem).map_err(not_written)?;
        self.record.change(|view| view.node.wrong_ca = wrong);
        self.reload_if_on();
        Ok(if wrong {
            "The node trusts another CA than its server's.".into()
        } else {
            "The node trusts its server's CA.".into()
        })
    }

    fn clock(&self, is_1970: bool) -> Result<String, Retry> {
        let offset = if is_1970 { since_1970() } else { 0 };
        self.record.change(|view| {
            view.node.clock_1970 = is_1970;
            view.node.clock_offset = offset;
        });
        // A node without power gets this clock when it starts.
        let _ = self.order(&Order::Clock(offset));
        self.reload_if_on();
        Ok(if is_1970 {
            "The wall clock says 1970, as on a board without a time server. The last verdict stays good until the \
             offline grace period ends, or the power fails."
                .into()
        } else {
            "The wall clock is right.".into()
        })
    }

    fn pull(&self) -> Result<String, Retry> {
        let mut power = self.power();
        let Some(powered) = power.take() else {
            return Err(Retry::Later("The power is off already.".into()));
        };
        powered.pull();
        self.forget_run();
        Ok("The power is off: the node was killed at once.".into())
    }

    fn power_on(&self) -> Result<String, Retry> {
        let mut power = self.power();
        if power.as_mut().is_some_and(|powered| powered.is_on()) {
            return Err(Retry::Later("The power is on already.".into()));
        }
        *power = None;
        if self.record.view().node.clock_1970 {
            // A board without a clock starts in 1970 each time.
            self.record.change(|view| view.node.clock_offset = since_1970());
        }
        self.switch_on(&mut power).map_err(Retry::Later)?;
        Ok("The power is on.".into())
    }

    fn order(&self, order: &Order) -> Result<(), Retry> {
        let mut power = self.power();
        let sent = power.as_mut().map(|power| power.order(order));
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(no_power()) }
    }

    /// A node without power reads its files anyway when it starts.
    fn reload_if_on(&self) {
        let _ = self.order(&Order::Reload);
    }

    /// The faults that the server can have.
    pub(super) fn faults(&self) -> Vec<Choice> {
        match self.server {
            Server::Real => Vec::new(),
            Server::Stub(_) => Fault::all()
                .filter(|fault| !fault.is_of_tokens() && fault.home_service().is_none())
                .map(|fault| Choice { name: fault.name(), description: fault.description() })
                .collect(),
        }
    }
}

/// The offset that sets the wall clock to the beginning of 1970.
fn since_1970() -> i64 {
    -i64::try_from(clocks(0).wall.0).unwrap_or_default()
}

fn read<'a, T: Deserialize<'a>>(value: &'a Value, form: &str) -> Result<T, Retry> {
    // The value is not repeated, because it may be a key.
    T::deserialize(value).map_err(|_| Retry::Never(format!("the value must be {form}")))
}

fn nothing(value: &Value) -> Result<(), Retry> {
    if value.is_null() { Ok(()) } else { Err(Retry::Never("the value must be null".into())) }
}

fn refused(error: FaultError) -> Retry {
    match error {
        FaultError::Door(_) => Retry::Later(error.to_string()),
        FaultError::Unknown(_)
        | FaultError::Contradiction(..)
        | FaultError::NeedsTls(_)
        | FaultError::NeedsTokens(_)
        | FaultError::NeedsHome(_)
        | FaultError::Uncounted(_) => Retry::Never(error.to_string()),
    }
}

fn not_written(error: io::Error) -> Retry {
    Retry::Later(format!("A file of the node cannot be written: {error}."))
}

fn no_power() -> Retry {
    Retry::Later("The node is off: switch its power on first.".into())
}
