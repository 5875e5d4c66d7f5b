//! The sentences in the sources that a person can be told, to see that the table has a row for each.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::Row;

/// Where troubles, errors and their fixes are made.
const SOURCES: [&str; 12] = [
    "node-core/src/trouble.rs",
    "node-core/src/wire.rs",
    "node-core/src/agent/report.rs",
    "src/auth",
    "src/commands/enroll",
    "src/commands/home",
    "src/error",
    "src/net/http",
    "src/net/reach",
    "src/net/tls/trouble.rs",
    "src/sts/answer",
    "src/sts/error",
];

/// Sentences without a row, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("the request cannot be put together", "cannot happen: the configuration is checked first"),
    ("what was given cannot be written as JSON", "cannot happen: a node id and a token are text"),
    ("no address can be found", "names need a network: src/net/resolver/tests, node-sim/tests/names"),
    ("Check the host name", "as above"),
    ("with its domain", "as above: node-sim/tests/names"),
    ("off the block list of the name server", "as above: src/net/reach/tests.rs"),
    ("what it says about", "as above: src/net/reach/tests.rs"),
    ("has the address {shown}", "as above: src/net/reach/tests.rs"),
    ("does not answer", "needs a host that drops packets: src/net/dial/tests.rs"),
    ("nothing more came from", "of `request`: src/net/http/streaming/tests.rs"),
    ("not confirmed since", "after a restart: node-core/src/agent/tests"),
    ("Nothing to do yet", "before the first answer: node-core/src/agent/tests"),
    ("no reason given", "the server's own reason is missing: a row has it"),
    ("not shown: the answer repeats a key", "src/auth/client.rs"),
    ("Look at the configuration and the credential file", "each error of a file has its own fix"),
    ("the STS cannot be asked", "the system is out of threads, or the files of sts cannot be used"),
    ("Compare the server's key with spki_pins", "always told with the pin that was seen, which a row has"),
    ("Let {name} take requests without a client certificate", "of an STS: node-core/src/trouble.rs"),
    ("Invalid or expired provisioning token", "the command center's own words"),
    ("error parsing the body", "as above"),
    ("Node not configured locally", "as above"),
    ("the token may be on its way", "after a signal: node-sim/tests/all/device/enroll"),
    ("is this board itself", "a config service elsewhere: src/commands/home"),
    ("no home announces itself", "needs a network: node-sim/tests/names"),
    ("Give the address of its config service", "as above"),
    ("the home speaks plain HTTP", "as above"),
    ("use one with https://", "as above"),
    ("there is more than one {what}", "as above"),
    ("looks for the home", "what it does: as above"),
    ("what the home announces", "a setting's name: as above"),
    ("paste the provisioning token", "at a terminal: node-sim/tests/all/device/enroll/join.rs"),
    ("the node's id, for which", "as above"),
    ("the node's id {why}", "as above"),
    ("which {what}?", "as above"),
    (", or Enter alone to log in", "as above"),
    ("it is rejected: {reason}.", "of a home that does not keep its word: as above"),
    ("Invalid or expired JWT", "the command center's own words"),
    ("Type yes to go on", "as above"),
    ("No node was registered", "as above"),
    ("the home refuses {what}", "as above"),
    ("the home's answer is not understood", "as above"),
    ("you are in no household", "as above"),
    ("to log in, give the address", "as above"),
    ("what was typed cannot be written", "cannot happen: it is text"),
    ("holds no token", "as above"),
    ("the password is not typed in UTF-8", "of a terminal with another encoding"),
    ("wait a quarter of an hour", "as above"),
    ("check that the auth service runs, and try again", "as above"),
    ("look at the log of the home's services", "as above"),
    ("the list of your households", "a part of a sentence"),
    ("registers '{node_id}' at", "what it does: node-sim/tests/all/device/enroll/join.rs"),
    ("a home registers an id once", "a warning: as above"),
    ("registered and stored", "a success: as above"),
    ("its configuration is written to", "as above"),
    ("asks another home", "as above"),
    ("the home does not get this node's log", "a warning: node-sim/tests/all/device/sent_log.rs"),
    ("its logs reject the node", "of a grant that was taken back since the verdict: as above"),
    ("it is accepted, and a running daemon", "as above"),
    ("then the LED shines steadily", "as above"),
    ("no LED is configured", "as above"),
    ("whether it is accepted could not be learnt", "as above"),
    ("Put this there: {text}", "the card fills up in the middle: node-sim/tests/crash"),
    ("and its credential stored, but", "the card fills up in the middle: node-sim/tests/crash"),
    ("Put node_id and api_key there by hand", "as above"),
    ("cannot be replaced: {why}", "needs a user who may not write"),
    ("sudo chmod a+x {}", "needs a user who may not read: node-sim/tests/all/files"),
    ("sudo chmod a+r {path}", "as above"),
    ("sudo chown {user} {0} && sudo chmod 600 {0}", "as above"),
    (
        "name it there in the configuration: {}",
        "needs the sandbox of the unit: node-sim/tests/all/device/other_users.rs",
    ),
    (
        "check that this board's clock is right",
        "needs a key and a server without TLS: src/sts/client/tests.rs",
    ),
    ("subject token has expired", "src/sts/token/tests.rs"),
    ("how old it is cannot be told", "src/sts/token/tests.rs"),
    ("cannot be written, so {effect}", "a warning: node-sim/tests/all/device/other_users.rs"),
    ("the app may show this node as offline", "a warning: node-sim/tests/all/device/alive.rs"),
    ("is updated at its board", "told to the app: node-sim/tests/all/device/alive.rs"),
    ("is not a version", "as above"),
    ("the command center rejects the node (", "a warning: node-sim/tests/all/device/alive.rs"),
    ("leads to the home that the node was registered in.", "as above"),
    ("the app could not be told", "as above"),
    ("the log of the command center if this comes", "as above"),
    ("cannot be handed over", "as above"),
    ("the daemon leaves its requests there", "as above"),
    ("nothing on the board takes up the update", "as above"),
    ("sudo systemctl enable --now jarvis-node-agent-update.path", "as above"),
    ("The node stays with its present home", "of `move`: node-sim/tests/all/home/moving.rs"),
    ("The same command goes on from here", "as above"),
    ("cannot be written: {1}; run this as root", "as above"),
    ("the new home rejects the credential in", "as above"),
    ("the node is registered at the new home", "as above"),
    ("proven and moved: this node is", "as above"),
    ("nothing to do: this node asks that home already", "as above"),
    (
        "this board has a credential already",
        "of `first-boot`: node-sim/tests/all/device/enroll/first_boot.rs",
    ),
    ("file for the first boot", "what a sentence of a row calls it: as above"),
    ("The file is removed, since the home has had its token", "as above"),
    ("this is no object of JSON", "as above"),
    ("a token is for one node", "as above"),
    ("must be true or false", "as above"),
    ("does not belong here: home says it", "as above"),
    ("token is missing: the provisioning token", "as above"),
    ("must be text in quotes", "as above"),
    ("there is no file to set this board up by", "as above"),
    ("this board is set up already", "as above"),
    ("this board has a configuration already", "as above"),
    ("its home does not accept it, or not yet", "as above"),
    (
        "with a used token, cannot be removed",
        "needs a partition that is read-only: node-sim/tests/crash/first_boot.rs",
    ),
    ("nothing can be left beside {}: {why}", "as above"),
    ("The node is registered, but", "the card fills up in the middle: node-sim/tests/crash"),
];

/// The sentences that no row shows.
pub(super) fn unshown(rows: &[Row]) -> Vec<String> {
    let shown: Vec<String> = rows.iter().map(|row| format!("{} {}", row.reason, row.fix)).collect();
    let mut missing = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for file in SOURCES.iter().flat_map(|source| rust_files(&root.join(source))) {
        for sentence in sentences(&fs::read_to_string(&file).unwrap()) {
            let parts = fixed_parts(&sentence);
            let is_shown = shown.iter().any(|text| holds(text, &parts));
            let is_elsewhere = ELSEWHERE.iter().any(|(part, _)| sentence.contains(part));
            if !is_shown && !is_elsewhere {
                missing.push(format!("{}: {sentence}", file.strip_prefix(root).unwrap().display()));
            }
        }
    }
    missing
}

fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.into()];
    }
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| file.file_name().unwrap() != "tests.rs");
    files
        .iter()
        .flat_map(|file| rust_files(file))
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// The string literals with at least four words: those are for people. Comments and unit tests are left out.
fn sentences(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    // A quotation mark as a character begins no text.
    let code = code.replace("'\"'", "");
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//") && !line.contains("#[expect("))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut found = Vec::new();
    let mut rest = code.as_str();
    while let Some(start) = rest.find('"') {
        rest = &rest[start + 1..];
        let (literal, after) = literal(rest);
        rest = after;
        if literal.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count() >= 4 {
            found.push(literal);
        }
    }
    found
}

/// The literal that begins here, without its escapes, and what follows it.
fn literal(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next() {
                // The literal goes on after the white space of the next line.
                Some((_, '\n')) => {
                    let rest = chars.as_str();
                    let skipped = rest.len() - rest.trim_start().len();
                    let (more, after) = literal(&text[text.len() - rest.len() + skipped..]);
                    return (value + &more, after);
                }
                Some((_, escaped)) => value.push(escaped),
                None => {}
            },
            char => value.push(char),
        }
    }
    (value, "")
}

/// What is the same whenever the sentence is told: the parts between its placeholders.
fn fixed_parts(sentence: &str) -> Vec<String> {
    let plain = sentence.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let mut parts = Vec::new();
    for (nth, piece) in plain.split('{').enumerate() {
        let fixed = if nth == 0 { piece } else { piece.split_once('}').map_or("", |(_, fixed)| fixed) };
        parts.push(fixed.replace('\u{1}', "{").replace('\u{2}', "}").trim().to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether the parts stand in the text, in their order.
fn holds(text: &str, parts: &[String]) -> bool {
    let mut rest = text;
    parts.iter().all(|part| match rest.find(part.as_str()) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[test]
fn sentence_is_found_and_matched_around_its_placeholders() {
    let code =
        "// \"a comment with four words\"\nf(\"no {x} is here, \\\n   but {{y}} of {z}\"); g(\"short\")\n";
    let found = sentences(code);
    assert_eq!(found, ["no {x} is here, but {{y}} of {z}"]);
    let parts = fixed_parts(&found[0]);
    assert!(holds("no 1 is here, but {y} of 2", &parts), "{parts:?}");
    assert!(!holds("no 1 is here, but y of 2", &parts));
}
