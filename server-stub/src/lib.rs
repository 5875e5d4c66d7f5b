//! The servers that a Jarvis node meets, for tests and laptops: a household's auth service and command center,
//! in the manner of either [`Home`], a token service (STS), and a Run Gateway with its Run Coordinator. They
//! answer like the real ones, over TLS or plain HTTP, except for the faults they are given.
//!
//! - [`Stub`] (`stub/`): the auth service (`auth/`), the command center (`command_center/`), the config service
//!   (`config_service/`) and the logs (`logs/`);
//! - [`Home`] (`home/`): Python services or jarvisd, and how each reads, refuses and answers;
//! - [`Sts`] (`keycloak/`): the token service;
//! - [`Gateway`], [`Coordinator`] and SmartEM's [`Backend`] (`run/`), and the layer that checks callers' tokens
//!   ([`guarded`]);
//! - [`Server`] (`server/`): an address with any service behind it, its faults and its identity;
//! - [`documents`] (`openapi/`): what each service answers, as OpenAPI documents;
//! - [`cli`]: the command line of the program;
//! - [`jwt`]: signs and checks JSON Web Tokens.
//!
//! In comments, *documented* marks behaviour that a service or its libraries publish and that was not
//! recorded, *assumption* behaviour without a source, and *KC* behaviour taken from Keycloak's source.

mod auth;
pub mod cli;
mod command_center;
mod config_service;
mod home;
pub mod jwt;
mod keycloak;
mod logs;
mod moment;
mod openapi;
mod run;
mod secrets;
mod server;
mod stub;

pub use auth::load::{Model, UnknownModel, numbers};
pub use auth::settings::{Settings, SettingsError, TokenAlgorithm};
pub use command_center::NotQueued;
pub use config_service::{PublicUrl, PublicUrlError};
pub use home::{Home, UnknownHome};
pub use keycloak::{AudienceRule, Grant, Realm, RealmError, Sts, StsOptions};
pub use logs::LogLine;
pub use openapi::documents;
pub use run::backend::{Backend, BackendOptions};
pub use run::coordinator::{Coordinator, CoordinatorOptions, Pace};
pub use run::gateway::{Gateway, GatewayOptions, GatewaySettings};
pub use run::inbound::{AuthMode, InboundSettings, KeySource, Profile, guarded};
pub use run::variables::VariableError;
pub use server::common::Common;
pub use server::directory::DirectoryError;
pub use server::error::StartError;
pub use server::faults::{Fault, FaultError, Faults, HomeService};
pub use server::pki::{CertificateAuthority, KeyType, PkiError, UnknownKeyType};
pub use server::{Server, ServerOptions};
pub use stub::{Options, Place, Stub};
