//! The services that are asked, in the words of a reason and a fix: a person must be sent to the setting that was used.

/// A service, and the settings by which the node reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it is called, with its article.
    pub name: &'static str,
    /// The setting, option or variable that holds its address.
    pub address: &'static str,
    /// The setting or option that names the CA which signed its certificate.
    pub ca_file: &'static str,
    /// Whether the node can show it the certificate in `client_cert_file`.
    pub takes_client_certificate: bool,
    /// The port it has unless that was changed; `None` if it has no usual one.
    pub port: Option<u16>,
}

impl Service {
    /// The auth service, asked by an app.
    pub const AUTH: Self = Self {
        name: "the auth service",
        address: "auth_url",
        ca_file: "ca_file",
        takes_client_certificate: true,
        port: Some(7701),
    };

    /// The command center, which answers in the auth service's place.
    pub const COMMAND_CENTER: Self = Self {
        name: "the command center",
        address: "via.command_center",
        ca_file: "ca_file",
        takes_client_certificate: true,
        port: Some(7703),
    };

    /// The command center, shown that the node is alive.
    pub const HEARTBEAT: Self = Self { address: "heartbeat.command_center", ..Self::COMMAND_CENTER };

    /// The logs, which answer in the auth service's place.
    pub const LOGS: Self =
        Self { name: "the logs service", address: "via.logs", port: Some(7702), ..Self::COMMAND_CENTER };

    /// The logs, which get the node's own lines.
    pub const LOG_INTAKE: Self = Self { address: "logs.url", ..Self::LOGS };

    /// The command center, asked to register a node.
    pub const ENROLMENT: Self = Self { address: "--url", ..Self::COMMAND_CENTER };

    /// The config service, which says where the others of its home are, or what is in its place at the address given for
    /// a home.
    pub const HOME: Self = Self {
        name: "the home's service",
        address: "--url",
        ca_file: "ca_file",
        takes_client_certificate: true,
        port: Some(7700),
    };

    /// The auth service, at which a person logs in to let a node in.
    pub const LOG_IN: Self = Self { address: "what the config service says", ..Self::AUTH };

    /// The security token service.
    pub const STS: Self = Self {
        name: "the STS",
        address: "sts.issuer",
        ca_file: "sts.ca_file",
        takes_client_certificate: false,
        port: None,
    };

    /// The service at the address that `jarvis-node request` is given.
    pub const REQUESTED: Self = Self {
        name: "the service",
        address: "the URL",
        ca_file: "--ca",
        takes_client_certificate: false,
        port: None,
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trouble::TroubleKind;

    #[test]
    fn fix_names_the_service_and_setting_that_were_used() {
        let endpoint = Service { address: "ARP_AUTH_TOKEN_ENDPOINT", ..Service::STS };
        let services = [
            Service::AUTH,
            Service::COMMAND_CENTER,
            Service::HEARTBEAT,
            Service::LOGS,
            Service::LOG_INTAKE,
            Service::ENROLMENT,
            Service::HOME,
            Service::LOG_IN,
            Service::STS,
            endpoint,
            Service::REQUESTED,
        ];
        for service in services {
            let fix = |kind| service.trouble(kind, format_args!("x")).fix;
            for kind in [
                TroubleKind::NameUnknown,
                TroubleKind::Unreachable,
                TroubleKind::InBetween,
                TroubleKind::Redirected,
                TroubleKind::NotTheService,
                TroubleKind::NotUnderstood,
                TroubleKind::CertificateWrongName,
                TroubleKind::NameNotServed,
                TroubleKind::NoTls,
                TroubleKind::TlsOnPlainPort,
                TroubleKind::Handshake,
                TroubleKind::HandshakeCut,
            ] {
                let fix = fix(kind);
                assert!(
                    fix.as_str().contains(service.address) && fix.as_str().ends_with('.'),
                    "{kind:?}: {fix}"
                );
                assert!(service == Service::AUTH || !fix.as_str().contains("auth_url"), "{kind:?}: {fix}");
            }
            let unknown = fix(TroubleKind::CertificateUnknownIssuer);
            assert!(
                unknown.as_str().contains(service.ca_file) && unknown.as_str().ends_with('.'),
                "{unknown}"
            );
            let missing = fix(TroubleKind::ClientCertificateMissing);
            let can = missing.as_str().contains("Set client_cert_file");
            assert_eq!(can, service.takes_client_certificate, "{missing}");
        }
    }
}
