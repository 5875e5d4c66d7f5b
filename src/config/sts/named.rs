//! An STS by the variables of services: those of ARP, Keycloak's with an agent's client, and SmartEM's (docs/wire/arp.md,
//! "Token requests"; docs/wire/smartem.md). They stand in the environment, or in a file.

use zeroize::Zeroizing;

use super::client::{Authentication, Client, Names, Secret};
use super::{MainConfig, Variables};

/// Names that belong together: those of the issuer, and those of the client's id and secret.
struct Family {
    place: &'static [&'static str],
    client: [&'static str; 2],
}

const KEYCLOAK: &[&str] = &["KEYCLOAK_URL", "KEYCLOAK_REALM"];
const ISSUER: &str = "ARP_AUTH_ISSUER";
const FAMILIES: [Family; 3] = [
    Family { place: &[ISSUER], client: ["ARP_AUTH_CLIENT_ID", "ARP_AUTH_CLIENT_SECRET"] },
    Family { place: KEYCLOAK, client: ["AGENT_CLIENT_ID", "AGENT_CLIENT_SECRET"] },
    Family { place: KEYCLOAK, client: ["KEYCLOAK_CLIENT_ID", "KEYCLOAK_CLIENT_SECRET"] },
];
/// What may stand beside the names of ARP.
const ENDPOINT: &str = "ARP_AUTH_TOKEN_ENDPOINT";
const AUDIENCES: [&str; 2] = ["ARP_AUTH_AUDIENCE", "ARP_AUTH_SERVICE_ID"];

/// What variables say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) client: Client,
    /// The audience of a request that names none.
    pub(super) audience: Option<String>,
    /// Variables that are set and belong to another STS or another client.
    pub(super) unused: Vec<&'static str>,
}

impl Family {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.place.iter().chain(&self.client).copied()
    }
}

/// All names whose values are read.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(Family::names).chain([ENDPOINT])
}

/// The STS that the variables describe, if they describe one and no more.
///
/// # Errors
/// A sentence that names what is missing, what is there twice, or what is malformed.
pub(super) fn read(variable: &Variables<'_>, main: &MainConfig<'_>) -> Result<Option<Named>, String> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
    // To arp-auth the token endpoint is enough. No issuer is checked then.
    let is_known = |name: &str| is_set(name) || (name == ISSUER && is_set(ENDPOINT));
    let mut whole = FAMILIES.iter().filter(|family| family.names().all(is_known));
    let family = match (whole.next(), whole.next()) {
        (Some(family), None) => family,
        (Some(one), Some(other)) => {
            return Err(format!(
                "{} and {} are both set, each with all that belongs to it: unset those of one kind",
                one.client[0], other.client[0]
            ));
        }
        (None, _) => return missing(&is_known).map_or(Ok(None), Err),
    };
    let value = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|v| !v.is_empty());
    let text = |name: &str| value(name).unwrap_or_default();
    let [id, secret] = family.client;
    let (issuer, endpoint, names) = match family.place {
        [url, realm] => (
            format!("{}/realms/{}", text(url).trim_end_matches('/'), text(realm)),
            None,
            Names {
                issuer: "the issuer of KEYCLOAK_URL and KEYCLOAK_REALM",
                token_endpoint: url,
                client_id: id,
                address: [url; 2],
            },
        ),
        _ => {
            let issuer = family.place[0];
            let endpoint = value(ENDPOINT);
            let token_endpoint = if endpoint.is_some() { ENDPOINT } else { issuer };
            let names = Names { issuer, token_endpoint, client_id: id, address: [ENDPOINT, issuer] };
            (text(issuer), endpoint, names)
        }
    };
    let authentication = Authentication::SecretPost(Secret::Variable(secret));
    let mut unused: Vec<_> = self::names().filter(|name| is_set(name)).collect();
    unused.retain(|name| family.names().all(|own| own != *name) && names.address[0] != *name);
    unused.dedup();
    Ok(Some(Named {
        client: Client::new(&names, issuer, endpoint, text(id), authentication, main)?,
        audience: AUDIENCES.into_iter().find_map(value),
        unused,
    }))
}

/// What is missing to variables of which some are set.
fn missing(is_set: &dyn Fn(&str) -> bool) -> Option<String> {
    let has = |names: &[&str]| names.iter().any(|name| is_set(name));
    let is_begun = |family: &&Family| {
        let rivals = || FAMILIES.iter().filter(|other| other.place == family.place);
        has(&family.client) || (has(family.place) && !rivals().any(|rival| has(&rival.client)))
    };
    let mut begun: Vec<_> = FAMILIES.iter().filter(is_begun).collect();
    if begun.is_empty() && has(&AUDIENCES) {
        begun.push(&FAMILIES[0]);
    }
    let lacks = |family: &&Family| family.names().filter(|name| !is_set(name)).collect::<Vec<_>>().join(", ");
    let lacks: Vec<_> = begun.iter().map(lacks).collect();
    (!lacks.is_empty())
        .then(|| format!("not set or empty, though others of its kind are set: {}", lacks.join("; or ")))
}

/// A variable of the environment.
pub(in crate::config) fn of_environment(name: &str) -> Option<Zeroizing<String>> {
    crate::system::environment::variable(name).map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::service_url::ServiceUrl;

    type Set<'a> = &'a [(&'a str, &'a str)];

    fn read(variables: Set<'_>) -> Result<Option<Named>, String> {
        let auth_url = ServiceUrl::parse("auth_url", "https://auth.home:7701", false).expect("sound");
        let main = MainConfig { auth_url: &auth_url, allow_http: false, ca_file: None };
        let variable = |name: &str| {
            let value = variables.iter().find(|(known, _)| *known == name);
            value.map(|(_, value)| Zeroizing::new((*value).into()))
        };
        super::read(&variable, &main)
    }

    fn one(variables: Set<'_>) -> Named {
        read(variables).expect("sound").expect("there")
    }

    const ARP: [(&str, &str); 3] = [
        ("ARP_AUTH_ISSUER", " https://sts.home/realms/arp-dev/ "),
        ("ARP_AUTH_CLIENT_ID", "kitchen-pi"),
        ("ARP_AUTH_CLIENT_SECRET", "s3cret"),
    ];
    const AGENT: [(&str, &str); 4] = [
        ("KEYCLOAK_URL", "https://sts.home/"),
        ("KEYCLOAK_REALM", "arp-dev"),
        ("AGENT_CLIENT_ID", "kitchen-pi"),
        ("AGENT_CLIENT_SECRET", "s3cret"),
    ];
    const SMARTEM: [(&str, &str); 4] =
        [AGENT[0], AGENT[1], ("KEYCLOAK_CLIENT_ID", "kitchen-pi"), ("KEYCLOAK_CLIENT_SECRET", "s3cret")];
    const ENDPOINT: &str = "https://sts.home/realms/arp-dev/protocol/openid-connect/token";

    #[test]
    fn arp_variables_are_read_trimmed() {
        let mut variables = ARP.to_vec();
        variables.push(("ARP_AUTH_AUDIENCE", "  "));
        variables.push(("ARP_AUTH_SERVICE_ID", "arp-run-gateway"));
        let Named { client, audience, unused } = one(&variables);
        assert_eq!(client.issuer, "https://sts.home/realms/arp-dev/");
        assert_eq!((client.token_endpoint.as_str(), client.address), (ENDPOINT, "ARP_AUTH_ISSUER"));
        let secret = Authentication::SecretPost(Secret::Variable("ARP_AUTH_CLIENT_SECRET"));
        assert_eq!(client.authentication, secret);
        assert_eq!(audience.as_deref(), Some("arp-run-gateway"), "a blank one is none");
        assert!(unused.is_empty(), "{unused:?}");
        variables[3].1 = "other";
        variables.push(("ARP_AUTH_TOKEN_ENDPOINT", "https://sts.home/token"));
        let Named { client, audience, unused } = one(&variables);
        assert_eq!(audience.as_deref(), Some("other"), "before the service's id");
        let endpoint = ("https://sts.home/token", "ARP_AUTH_TOKEN_ENDPOINT");
        assert_eq!((client.token_endpoint.as_str(), client.address), endpoint);
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn token_endpoint_without_issuer_leaves_that_unchecked() {
        let endpoint = ("ARP_AUTH_TOKEN_ENDPOINT", "https://sts.home/token");
        let Named { client, unused, .. } = one(&[endpoint, ARP[1], ARP[2]]);
        assert_eq!((client.issuer.as_str(), client.token_endpoint.as_str()), ("", "https://sts.home/token"));
        assert_eq!((client.address, unused), ("ARP_AUTH_TOKEN_ENDPOINT", Vec::new()));
        let told = read(&[(endpoint.0, "sts.home/token"), ARP[1], ARP[2]]).expect_err("no URL");
        assert!(told.starts_with("ARP_AUTH_TOKEN_ENDPOINT"), "{told}");
    }

    #[test]
    fn keycloak_variables_are_read_with_either_client() {
        for (variables, secret) in [(AGENT, "AGENT_CLIENT_SECRET"), (SMARTEM, "KEYCLOAK_CLIENT_SECRET")] {
            let Named { client, audience, unused } = one(&variables);
            assert_eq!(client.issuer, "https://sts.home/realms/arp-dev");
            assert_eq!((client.token_endpoint.as_str(), client.address), (ENDPOINT, "KEYCLOAK_URL"));
            assert_eq!(client.authentication, Authentication::SecretPost(Secret::Variable(secret)));
            assert_eq!((client.client_id.as_str(), audience, unused), ("kitchen-pi", None, vec![]));
        }
    }

    #[test]
    fn half_of_a_family_names_the_missing_half() {
        for family in [&ARP[..], &AGENT, &SMARTEM] {
            for (missing, _) in family {
                for blank in [None, Some("  ")] {
                    let mut rest: Vec<_> =
                        family.iter().copied().filter(|(name, _)| name != missing).collect();
                    rest.extend(blank.map(|blank| (*missing, blank)));
                    let told = read(&rest).expect_err(missing);
                    assert!(told.ends_with(&format!("are set: {missing}")), "{told}");
                }
            }
        }
        for (set, missing) in [
            (&["ARP_AUTH_AUDIENCE"][..], "ARP_AUTH_ISSUER, ARP_AUTH_CLIENT_ID, ARP_AUTH_CLIENT_SECRET"),
            (&["ARP_AUTH_SERVICE_ID"], "ARP_AUTH_ISSUER, ARP_AUTH_CLIENT_ID, ARP_AUTH_CLIENT_SECRET"),
            (&["ARP_AUTH_TOKEN_ENDPOINT"], "ARP_AUTH_CLIENT_ID, ARP_AUTH_CLIENT_SECRET"),
            (&["ARP_AUTH_TOKEN_ENDPOINT", "ARP_AUTH_CLIENT_ID"], "ARP_AUTH_CLIENT_SECRET"),
            (
                &["KEYCLOAK_URL", "KEYCLOAK_REALM"],
                "AGENT_CLIENT_ID, AGENT_CLIENT_SECRET; or KEYCLOAK_CLIENT_ID, KEYCLOAK_CLIENT_SECRET",
            ),
            (&["KEYCLOAK_REALM", "KEYCLOAK_CLIENT_ID"], "KEYCLOAK_URL, KEYCLOAK_CLIENT_SECRET"),
            (
                &["ARP_AUTH_ISSUER", "AGENT_CLIENT_ID", "KEYCLOAK_CLIENT_SECRET"],
                "ARP_AUTH_CLIENT_ID, ARP_AUTH_CLIENT_SECRET; or KEYCLOAK_URL, KEYCLOAK_REALM, AGENT_CLIENT_SECRET; \
                 or KEYCLOAK_URL, KEYCLOAK_REALM, KEYCLOAK_CLIENT_ID",
            ),
        ] {
            let set: Vec<_> = set.iter().map(|name| (*name, "x")).collect();
            let told = read(&set).expect_err(missing);
            assert_eq!(told, format!("not set or empty, though others of its kind are set: {missing}"));
        }
        assert_eq!(read(&[("ARP_AUTH_ISSUER", " "), ("KEYCLOAK_URL", "")]), Ok(None));
    }

    #[test]
    fn two_whole_families_are_ambiguous() {
        for (one, other, ids) in [
            (&ARP[..], &AGENT[..], ["ARP_AUTH_CLIENT_ID", "AGENT_CLIENT_ID"]),
            (&ARP, &SMARTEM, ["ARP_AUTH_CLIENT_ID", "KEYCLOAK_CLIENT_ID"]),
            (&AGENT, &SMARTEM, ["AGENT_CLIENT_ID", "KEYCLOAK_CLIENT_ID"]),
        ] {
            let told = read(&[one, other].concat()).expect_err("both");
            assert!(told.starts_with(&format!("{} and {} are both set", ids[0], ids[1])), "{told}");
        }
    }

    #[test]
    fn malformed_value_is_named_by_its_variable() {
        for (name, value, says) in [
            ("KEYCLOAK_URL", "ftp://sts.home", "the issuer of KEYCLOAK_URL and KEYCLOAK_REALM must begin"),
            ("KEYCLOAK_URL", "https://auth.home:7701", "KEYCLOAK_URL is on the same host and port"),
            ("KEYCLOAK_REALM", "a b", "the issuer of KEYCLOAK_URL and KEYCLOAK_REALM has ' '"),
            ("KEYCLOAK_CLIENT_ID", "a\u{fc}", "KEYCLOAK_CLIENT_ID must be 1 to 128"),
        ] {
            let mut variables = SMARTEM.to_vec();
            variables.iter_mut().filter(|(known, _)| *known == name).for_each(|one| one.1 = value);
            let told = read(&variables).expect_err(name);
            assert!(told.starts_with(says), "{told}");
        }
    }
}
