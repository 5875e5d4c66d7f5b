//! The services of this program, and what of it can be started alone.

use crate::Fault;
use clap::ValueEnum;

/// A service, to which faults can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Service {
    Auth,
    CommandCenter,
    Config,
    Logs,
    Sts,
    Gateway,
    Coordinator,
    Backend,
}

/// What can be started alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// All services of the home.
    #[value(alias = "auth")]
    Home,
    /// The token service.
    Sts,
    /// The Run Gateway.
    Gateway,
    /// The Run Coordinator.
    Coordinator,
    /// SmartEM's backend.
    Backend,
}

impl Service {
    pub(super) const fn part(self) -> Part {
        match self {
            Self::Auth | Self::CommandCenter | Self::Config | Self::Logs => Part::Home,
            Self::Sts => Part::Sts,
            Self::Gateway => Part::Gateway,
            Self::Coordinator => Part::Coordinator,
            Self::Backend => Part::Backend,
        }
    }

    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Part {
    /// The service that unnamed faults are for.
    pub(super) const fn first(self) -> Service {
        match self {
            Self::Home => Service::Auth,
            Self::Sts => Service::Sts,
            Self::Gateway => Service::Gateway,
            Self::Coordinator => Service::Coordinator,
            Self::Backend => Service::Backend,
        }
    }

    /// Whether one of its services can have this fault.
    #[must_use]
    pub fn can_have(self, fault: Fault) -> bool {
        (self == Self::Sts || !fault.is_of_tokens()) && (self == Self::Home || fault.home_service().is_none())
    }
}
