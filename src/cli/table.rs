//! The commands: the one source of what the parser takes, of `--help`, of the manual page and of the completions.

/// A command. Its name may be two words, as in `led find`; such a command stands before the one whose name is the
/// first of them.
#[derive(Debug)]
pub struct Command {
    /// One word, or two with a space between.
    pub name: &'static str,
    /// What it does, in one line without a full stop.
    pub about: &'static str,
    /// All that it takes, in the order of its help.
    pub options: &'static [Opt],
    /// What follows the name, in this order. A name that ends in `…` takes one word or more.
    pub operands: &'static [Operand],
    /// Codes beside those of [`EXITS`], with what they mean here.
    pub exits: &'static [Exit],
    /// Whether a secret comes on standard input: what may be one, typed as an argument, is not repeated.
    pub takes_secret: bool,
    /// Whether it is for this project's own scripts, and left out of the list.
    pub is_internal: bool,
}

/// An option, which is long in every case.
#[derive(Debug)]
pub struct Opt {
    /// Without the dashes. An option of this name takes a value with all commands, or with none.
    pub name: &'static str,
    /// What stands for the value; empty if it takes none. `FILE`, `DIR` and `PATH` are completed as files, and
    /// `A|B` in mixed case as these words.
    pub value: &'static str,
    /// What it does, in one line without a full stop.
    pub about: &'static str,
    /// Whether the command does nothing without it.
    pub is_required: bool,
}

/// A word that follows the command.
#[derive(Debug)]
pub struct Operand {
    /// What stands for it, in capitals.
    pub name: &'static str,
    /// What it may be.
    pub about: &'static str,
}

/// An exit code, by sysexits(3), and when it is used.
pub type Exit = (u8, &'static str);

/// What the program is for.
pub const ABOUT: &str = "Proves this node to its Jarvis auth service and shows it on an LED.";

/// The exit codes of every command.
pub const EXITS: &[Exit] = &[
    (0, "done, or valid"),
    (64, "wrong usage"),
    (70, "a defect of this program"),
    (71, "a failure of the system"),
];

/// Variables, and what they say.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("JARVIS_NODE_CONFIG", "the configuration, where --config names none"),
    ("JARVIS_NODE_SOCKET", "the daemon's socket, where --socket names none"),
    ("JARVIS_NODE_LOG", "the log level: error, warn, info (default) or debug"),
];

/// Files and folders of an installed node.
pub const FILES: &[(&str, &str)] = &[
    ("/etc/jarvis-node-agent/config.json", "the configuration"),
    ("/var/lib/jarvis-node-agent", "the credential, the key for the STS and what survives a boot"),
    ("/run/jarvis-node-agent", "the status and the socket of the running daemon"),
];

const fn flag(name: &'static str, about: &'static str) -> Opt {
    Opt { name, value: "", about, is_required: false }
}

const fn value(name: &'static str, value: &'static str, about: &'static str) -> Opt {
    Opt { name, value, about, is_required: false }
}

const fn operand(name: &'static str, about: &'static str) -> Operand {
    Operand { name, about }
}

/// What a command has that says nothing else.
const PLAIN: Command = Command {
    name: "",
    about: "",
    options: &[CONFIG],
    operands: &[],
    exits: &[],
    takes_secret: false,
    is_internal: false,
};

const CONFIG: Opt = value("config", "FILE", "the configuration");
const JSON: Opt = flag("json", "print JSON");
const NODE_ID: Opt = value("node-id", "ID", "the node's id; otherwise the home gives one");
const ROOM: Opt = value("room", "ROOM", "the room that the home shows");
const REPLACE: Opt = flag("replace", "the credential in use may be replaced; the node gets a new id");
const ALLOW_HTTP: Opt = flag("allow-http", "without TLS, which shows all keys to the network");
const AUDIENCE: Opt = value("audience", "A", "whom the token is for");
const SCOPE: Opt = value("scope", "S", "what the token is for");
const SOCKET: Opt = value("socket", "PATH", "the daemon's socket");
const CA: Opt = value("ca", "FILE", "the CA certificates to trust");

const NETWORK: Exit = (69, "network");
const SERVER: Exit = (75, "server or clock");
const TLS: Exit = (76, "tls");
const REJECTED: Exit = (77, "rejected");
const SETUP: Exit = (78, "setup");
const INPUT: Exit = (65, "unusable input");
const NOT_STORED: Exit = (73, "not stored");
const ANSWER_LOST: Exit = (74, "the answer is lost");

/// What can be asked with every command, and without one.
pub const EVERYWHERE: &[Opt] =
    &[flag("help", "tells what a command does and takes"), flag("version", "tells the version")];

/// All commands, in the order of `--help`.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "run",
        about: "run as the daemon",
        options: &[
            value("log-format", "text|json", "the form of the log on standard error; otherwise text"),
            CONFIG,
        ],
        exits: &[SETUP],
        ..PLAIN
    },
    Command {
        name: "check",
        about: "validate once; the exit code tells the outcome",
        options: &[JSON, flag("accept-board", "the card was moved to this board on purpose"), CONFIG],
        exits: &[NETWORK, NOT_STORED, SERVER, TLS, REJECTED, SETUP],
        ..PLAIN
    },
    Command {
        name: "status",
        about: "what the running daemon last knew",
        options: &[JSON, CONFIG],
        exits: &[(69, "no status is to be had")],
        ..PLAIN
    },
    Command {
        name: "doctor",
        about: "find what is wrong: a line for each check, with its fix",
        options: &[JSON, flag("fix", "make the fixes that do no harm, and check again"), CONFIG],
        exits: &[(1, "a check fails")],
        ..PLAIN
    },
    Command {
        name: "diag",
        about: "one archive for whoever helps: what doctor and the system say, without secrets",
        options: &[
            value("out", "FILE", "the archive; jarvis-node-diag.tar.gz where it is not named"),
            CONFIG,
        ],
        exits: &[NOT_STORED],
        ..PLAIN
    },
    Command {
        name: "led find",
        about: "show for ten minutes on the LED which board this is",
        options: &[flag("stop", "end it, if the daemon shows it"), CONFIG],
        exits: &[(69, "no LED is to be had"), (77, "the daemon may not be told"), SETUP],
        ..PLAIN
    },
    Command {
        name: "led",
        about: "show an outcome's pattern on the LED for 10 s",
        operands: &[operand(
            "OUTCOME",
            "starting, valid, valid-cached, network, server, node-rejected, app-rejected, tls, clock or setup",
        )],
        exits: &[(69, "no LED is to be had"), SETUP],
        ..PLAIN
    },
    Command {
        name: "install-credential",
        about: "prove the credential on standard input and store it",
        options: &[value("root", "DIR", "on the card that is mounted there"), CONFIG],
        exits: &[INPUT, NETWORK, NOT_STORED, ANSWER_LOST, SERVER, TLS, REJECTED, SETUP],
        takes_secret: true,
        ..PLAIN
    },
    Command {
        name: "enroll",
        about: "find the home and join it, with a provisioning token or by log-in",
        options: &[
            value("url", "URL", "the home's config service or command center; otherwise it is looked for"),
            NODE_ID,
            ROOM,
            REPLACE,
            ALLOW_HTTP,
            value("write-config", "FILE", "the voice node's configuration, which gets the same identity"),
            CONFIG,
        ],
        exits: &[INPUT, NETWORK, NOT_STORED, ANSWER_LOST, SERVER, TLS, REJECTED, SETUP],
        takes_secret: true,
        ..PLAIN
    },
    Command {
        name: "pair",
        about: "let the home's app on a phone enrol this node",
        options: &[
            value("listen", "ADDR", "an IP address, with or without a port; otherwise 0.0.0.0:8080"),
            value("minutes", "N", "how long to wait for a phone, 1 to 60; otherwise 10"),
            REPLACE,
            ALLOW_HTTP,
            value("if-file", "FILE", "start only if this file is there, and remove it"),
            CONFIG,
        ],
        exits: &[
            (69, "the daemon runs, or the port is taken"),
            (73, "--if-file cannot be removed"),
            (75, "no phone in time"),
            (77, "nobody is at the board"),
            (78, "setup, or a credential is in use"),
        ],
        ..PLAIN
    },
    Command {
        name: "first-boot",
        about: "join the home by jarvis-node.json on the boot partition; its unit runs this",
        options: &[value("file", "FILE", "another file than the one on the boot partition"), CONFIG],
        exits: &[INPUT, NETWORK, NOT_STORED, ANSWER_LOST, SERVER, TLS, REJECTED, SETUP],
        ..PLAIN
    },
    Command {
        name: "move",
        about: "make this node one of another home",
        options: &[
            Opt {
                is_required: true,
                ..value("to", "URL", "the command center or config service of the new home")
            },
            NODE_ID,
            ROOM,
            CA,
            CONFIG,
        ],
        exits: &[INPUT, NETWORK, NOT_STORED, ANSWER_LOST, SERVER, TLS, REJECTED, SETUP],
        takes_secret: true,
        ..PLAIN
    },
    Command {
        name: "keygen",
        about: "make the key that proves this node to the STS, and print its public half",
        options: &[
            value("algorithm", "ES256|EdDSA|Ed25519", "what the key is for; otherwise ES256"),
            flag("show", "print that of the key that is there"),
            flag("jwks", "as a JWK set, which it is without this option too"),
            value("out", "FILE", "the key's file; otherwise /var/lib/jarvis-node-agent/sts.key"),
            value("config", "FILE", "changes nothing: no configuration is read"),
        ],
        exits: &[(73, "not stored"), SETUP],
        ..PLAIN
    },
    Command {
        name: "token",
        about: "print a token for a service, from the running daemon",
        options: &[AUDIENCE, SCOPE, flag("header", "as a line for curl -H @-"), SOCKET, CONFIG],
        exits: &[
            (64, "wrong usage, or refused as asked"),
            (69, "no daemon"),
            (75, "no token now"),
            (76, "no broker answers there"),
            (77, "not allowed"),
        ],
        ..PLAIN
    },
    Command {
        name: "request",
        about: "call a service with such a token; the answer's body is the output",
        options: &[
            AUDIENCE,
            SCOPE,
            value("data", "TEXT|@FILE|@-", "what to send"),
            value("content-type", "T", "what --data is; otherwise application/json"),
            value(
                "ca",
                "FILE",
                "the CA certificates to trust; otherwise the configuration's ca_file, or Mozilla's",
            ),
            SOCKET,
            CONFIG,
        ],
        operands: &[operand("METHOD", "such as GET"), operand("URL", "of the service")],
        exits: &[
            (0, "2xx"),
            (65, "too much data, or another 4xx"),
            (66, "no data"),
            (69, "no whole answer, or no daemon"),
            (74, "the output cannot be written"),
            (75, "429, 5xx, a service without the STS's key, or no token now"),
            (76, "3xx, which is not followed, or no broker answers"),
            (77, "401 or 403, or not allowed"),
            SETUP,
        ],
        ..PLAIN
    },
    Command {
        name: "update",
        about: "make the update that the app asked for; its unit runs this",
        exits: &[(75, "not made"), SETUP],
        ..PLAIN
    },
    Command {
        name: "config check",
        about: "whether a configuration is sound; its files need not be on this machine",
        options: &[],
        operands: &[operand("FILE", "the configuration")],
        exits: &[(78, "it is not")],
        ..PLAIN
    },
    Command {
        name: "installer",
        about: "what systemd/install.sh asks about files",
        options: &[],
        operands: &[operand("QUESTION", "its name"), operand("FILE…", "what it is about")],
        exits: &[SETUP],
        is_internal: true,
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_takes_a_value_with_all_commands_or_none() {
        let options = || COMMANDS.iter().flat_map(|command| command.options);
        for option in options() {
            let others = options().filter(|other| other.name == option.name);
            assert!(
                others.into_iter().all(|other| other.value.is_empty() == option.value.is_empty()),
                "{option:?}"
            );
        }
    }

    #[test]
    fn longer_command_name_stands_before_its_beginning() {
        for (place, command) in COMMANDS.iter().enumerate() {
            let hidden = COMMANDS[place + 1..].iter().find(|later| {
                later.name == command.name || later.name.starts_with(&format!("{} ", command.name))
            });
            assert!(hidden.is_none(), "{hidden:?} is never found");
        }
    }

    #[test]
    fn exit_codes_of_a_command_ascend() {
        for command in COMMANDS {
            assert!(command.exits.is_sorted_by_key(|(code, _)| code), "{}", command.name);
        }
    }
}
