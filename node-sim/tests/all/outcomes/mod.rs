//! Every cause of every outcome, produced, with what a person is told of it: docs/evidence/outcomes.md. After an intended
//! change run `UPDATE_OUTCOMES=1 cargo test -p node-sim --test all outcomes`, then read the difference: could a person
//! with this cause be sent the wrong way?

use std::path::Path;
use std::{env, fs};

mod answers;
mod enrolment;
mod files;
mod homes;
mod sentences;

pub(crate) use self::answers::{bytes as answer_bytes, named as answer_name};

/// One cause, and what it leads to.
pub(crate) struct Row {
    pub(crate) section: &'static str,
    pub(crate) cause: String,
    /// The outcome of `check`, or the exit code of another command.
    pub(crate) outcome: String,
    /// The sentence that says what is wrong.
    pub(crate) reason: String,
    /// The sentence that says what to do; empty where `reason` says it.
    pub(crate) fix: String,
}

impl Row {
    /// A row with the same text on every machine.
    pub(crate) fn new(
        section: &'static str,
        cause: impl Into<String>,
        outcome: impl Into<String>,
        reason: &str,
        fix: &str,
    ) -> Self {
        let (cause, outcome) = (cause.into(), outcome.into());
        Self { section, cause, outcome, reason: steady(reason), fix: steady(fix) }
    }

    /// The row of what `check --json` printed.
    pub(crate) fn of_check(
        section: &'static str,
        cause: impl Into<String>,
        view: &serde_json::Value,
    ) -> Self {
        let text = |key: &str| view[key].as_str().unwrap_or_default();
        Self::new(section, cause, text("outcome"), text("reason"), text("fix"))
    }
}

/// Replaces ports, moments, pins and folders, which differ each time.
fn steady(text: &str) -> String {
    let mut words: Vec<String> = text.split(' ').map(steady_word).collect();
    if let Some(at) = text.find("clock it is ") {
        let before = text[..at + "clock it is ".len()].split(' ').count() - 1;
        words.truncate(before);
        words.push("NOW".into());
    }
    words.join(" ").trim().to_owned()
}

fn steady_word(word: &str) -> String {
    let temporary = env::temp_dir().display().to_string();
    if let Some(at) = word.find(&format!("{temporary}/")) {
        // A folder of a test's own, and then the file.
        let rest = &word[at + temporary.len() + 1..];
        let file = rest.split_once('/').map_or("", |(_, file)| file);
        return format!("{}/FOLDER/{file}", &word[..at]);
    }
    if let Some(at) = word.find("sha256//") {
        return format!("{}sha256//PIN", &word[..at]);
    }
    for host in ["127.0.0.1:", "localhost:"] {
        if let Some(at) = word.find(host) {
            let rest = word[at + host.len()..].trim_start_matches(|char: char| char.is_ascii_digit());
            return format!("{}PORT{rest}", &word[..at + host.len()]);
        }
    }
    word.to_owned()
}

const HEAD: &str = "\
# Outcomes and their causes

What a person is told, for every cause that a test can produce: an answer by its bytes, a server by its certificate, a file by its
content. Written by `UPDATE_OUTCOMES=1 cargo test -p node-sim --test all outcomes`, which fails if a cause leads to anything else, and if
the sources hold a sentence that no row shows.
";

fn rows() -> Vec<Row> {
    let mut rows = answers::rows();
    rows.extend(crate::tls::outcomes::rows());
    rows.extend(files::rows());
    rows.extend(enrolment::rows());
    rows.extend(crate::sts::outcomes::rows());
    rows
}

/// A document of tables: a section, and the cells of one row of it.
fn written<'a, const N: usize>(
    head: &str,
    columns: [&str; N],
    rows: impl IntoIterator<Item = (&'a str, [&'a str; N])>,
) -> String {
    let mut text = String::from(head);
    let mut last = "";
    for (section, cells) in rows {
        if section != last {
            last = section;
            text += &format!("\n## {section}\n\n| {} |\n|{}\n", columns.join(" | "), "---|".repeat(N));
        }
        let cells = cells.map(|text| text.replace('|', "\\|").replace('\n', " "));
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

/// Compares `text` with the document, which is written first if that is asked for.
fn is_kept(document: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    if env::var_os("UPDATE_OUTCOMES").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    for (now, before) in text.lines().zip(kept.lines()) {
        assert_eq!(now, before, "see the head of {document}");
    }
    assert_eq!(text.lines().count(), kept.lines().count());
}

fn are_whole(rows: &[Row]) {
    for row in rows {
        assert!(!row.reason.ends_with('…') && !row.fix.ends_with('…'), "cut: {} {}", row.reason, row.fix);
    }
}

#[test]
fn each_cause_has_its_outcome_and_every_sentence_a_cause() {
    let rows = rows();
    let cells = rows.iter().map(|row| (row.section, [&*row.cause, &*row.outcome, &*row.reason, &*row.fix]));
    is_kept("docs/evidence/outcomes.md", &written(HEAD, ["cause", "outcome", "reason", "fix"], cells));
    are_whole(&rows);
    let unshown = sentences::unshown(&rows);
    assert!(unshown.is_empty(), "no row shows these sentences of the sources:\n{}", unshown.join("\n"));
}
