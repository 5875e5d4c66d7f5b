//! How slow the services are: the models by name, and the numbers of each.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::numbers::{jarvisd, python};

/// A model of how slow the services are.
///
/// ```
/// use server_stub::{Model, Options, Stub};
/// let stub = Stub::start(Options { model: Model::MEASURED.faster_by(20), ..Options::default() })?;
/// stub.set_model(Model::INSTANT); // and who calls from now on is answered at once
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model(Option<Capacity>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    name: &'static str,
    /// Calls in progress. None: without limit.
    pub(super) threads: Option<usize>,
    /// Database connections, and how long a call waits for one. None: without limit.
    pub(super) connections: Option<(usize, Duration)>,
    pub(super) cores: usize,
    /// The time of a check on a core.
    pub(super) check: Duration,
    /// How long a key that was right needs no further check. None: each check costs.
    pub(super) proof: Option<Duration>,
    /// The time of a write, which the only writer makes. None: writes cost nothing.
    pub(super) write: Option<Duration>,
}

/// Cores of the machine on which the Python service was measured. jarvisd's model has as many, so that the two
/// can be compared.
const CORES: usize = 2;

impl Model {
    /// Without limits and delays.
    pub const INSTANT: Self = Self(None);

    /// The Python auth service as measured, on two cores.
    pub const MEASURED: Self = Self(Some(Capacity {
        name: "measured",
        threads: Some(python::THREADS),
        connections: Some((python::CONNECTIONS, python::POOL_TIMEOUT)),
        cores: CORES,
        check: python::CHECK,
        proof: None,
        write: None,
    }));

    /// jarvisd as its source describes it, on two cores.
    pub const JARVISD: Self = Self(Some(Capacity {
        name: "jarvisd",
        threads: None,
        connections: None,
        cores: CORES,
        check: jarvisd::CHECK,
        proof: Some(jarvisd::PROOF),
        write: Some(jarvisd::WRITE),
    }));

    const NAMED: [Self; 2] = [Self::MEASURED, Self::JARVISD];

    /// This model with all times divided by `factor`, except the life of a proof; 0 counts as 1.
    #[must_use]
    pub fn faster_by(self, factor: u32) -> Self {
        let factor = factor.max(1);
        Self(self.0.map(|capacity| Capacity {
            check: capacity.check / factor,
            connections: capacity.connections.map(|(number, timeout)| (number, timeout / factor)),
            write: capacity.write.map(|write| write / factor),
            ..capacity
        }))
    }

    pub(super) const fn capacity(self) -> Option<Capacity> {
        self.0
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.map_or("instant", |capacity| capacity.name))
    }
}

/// There is no model of that name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no model '{0}'; instant, measured and jarvisd are there")]
pub struct UnknownModel(String);

impl FromStr for Model {
    type Err = UnknownModel;

    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        if name == "instant" {
            return Ok(Self::INSTANT);
        }
        let named = Self::NAMED.into_iter().find(|model| model.to_string() == name);
        named.ok_or_else(|| UnknownModel(name.to_owned()))
    }
}
