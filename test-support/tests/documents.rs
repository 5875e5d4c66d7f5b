//! Every document, heading and file that documents and comments cite exists. Reads the tree from the workspace's root
//! down, so that it also works in an unpacked source.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a build, a tool or a run leaves behind: names anywhere, or paths from the root.
const SKIPPED: [&str; 7] =
    ["target", ".git", "__pycache__", "./stub", "./fuzz/artifacts", "./fuzz/corpus", "./fuzz/logs"];
/// Endings of files whose comments are read.
const SOURCES: [&str; 7] = ["rs", "py", "sh", "toml", "service", "rules", "html"];
/// Endings by which a name without a folder counts as a file of this tree.
const OUR_ENDINGS: [&str; 2] = [".rs", ".sh"];
/// Stands for a name in a pattern such as `docs/fleet/N.svg`.
const STAND_INS: [&str; 3] = ["N", "NAME", "FILE"];

/// The files and folders below a root, and the text of those that cite or are cited.
#[derive(Default)]
struct Tree {
    paths: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

impl Tree {
    fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.add_folder(root, "");
        tree
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{prefix}{name}");
            if SKIPPED.contains(&name.as_str()) || SKIPPED.contains(&format!("./{path}").as_str()) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                self.add_folder(&entry.path(), &format!("{path}/"));
            } else if is_read(&path) {
                self.texts.insert(path.clone(), fs::read_to_string(entry.path()).unwrap());
            }
            self.paths.insert(path);
        }
    }

    /// The path from the root, if `cited` exists beside the citing file or beside a folder above it.
    fn find(&self, citing: &str, cited: &str) -> Option<String> {
        let mut folder = Path::new(citing).parent();
        while let Some(base) = folder {
            let path = normal(&format!("{}/{cited}", base.display()))?;
            if path.is_empty() || self.paths.contains(&path) {
                return Some(path);
            }
            folder = base.parent();
        }
        None
    }

    fn has_name(&self, name: &str) -> bool {
        self.paths.iter().any(|path| path == name || path.ends_with(&format!("/{name}")))
    }

    fn complaints(&self) -> Vec<String> {
        let this_file = file!().replace('\\', "/");
        let cited = |(path, _): &(&String, &String)| !this_file.ends_with(path.as_str());
        self.texts.iter().filter(cited).flat_map(|(path, text)| self.complaints_about(path, text)).collect()
    }

    fn complaints_about(&self, citing: &str, text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let prose = if citing.ends_with(".md") { without_fences(text) } else { comments(text) };
        if citing.ends_with(".md") {
            wrong.extend(links(&prose).into_iter().filter_map(|link| self.wrong_link(citing, &link)));
        }
        for cited in code_spans(&prose).into_iter().chain(plain_paths(&prose)) {
            wrong.extend(self.wrong_path(citing, &cited));
        }
        for (document, headings) in document_citations(&prose) {
            match self.find(citing, &document) {
                None => wrong.push(format!("there is no document {document}")),
                Some(path) => wrong.extend(headings.into_iter().filter_map(|heading| {
                    let there = self.headings(&path).contains(&heading);
                    (!there).then(|| format!("{document} has no heading \"{heading}\""))
                })),
            }
        }
        wrong.sort();
        wrong.dedup();
        wrong.into_iter().map(|why| format!("{citing}: {why}")).collect()
    }

    /// What is wrong with the target of a Markdown link, which is relative to its document and to nothing else.
    fn wrong_link(&self, citing: &str, link: &str) -> Option<String> {
        if link.contains("://") || link.starts_with("mailto:") {
            return None;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let folder = citing.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path =
            if file.is_empty() { Some(citing.to_owned()) } else { normal(&format!("{folder}/{file}")) };
        let path = path.filter(|path| self.paths.contains(path));
        let Some(path) = path else { return Some(format!("the link {link} leads nowhere")) };
        let is_there =
            anchor.is_empty() || self.headings(&path).iter().any(|heading| slug(heading) == anchor);
        (!is_there).then(|| format!("the link {link} names no heading of {path}"))
    }

    fn wrong_path(&self, citing: &str, cited: &str) -> Option<String> {
        let is_stand_in = |part: &str| STAND_INS.contains(&part.split('.').next().unwrap_or_default());
        if cited.split('/').any(is_stand_in) {
            return None;
        }
        let is_there = match cited.split_once('/') {
            // A path of another system, such as a server's, begins with a folder that is not in our root.
            Some((first, _)) if !self.paths.contains(first) => true,
            Some(_) => self.find(citing, cited).is_some(),
            None => !OUR_ENDINGS.iter().any(|ending| cited.ends_with(ending)) || self.has_name(cited),
        };
        (!is_there).then(|| format!("there is no file {cited}"))
    }

    fn headings(&self, path: &str) -> Vec<String> {
        let prose = self.texts.get(path).map(|text| without_fences(text)).unwrap_or_default();
        let heading = |line: &str| line.trim_start_matches('#').trim().replace('`', "");
        prose.lines().filter(|line| line.starts_with('#')).map(heading).collect()
    }
}

fn is_read(path: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending == "md" || SOURCES.contains(&ending) || [".ci/run", ".ci/step"].contains(&path)
}

/// The path without `.` and `..`; none if it leads out of the tree.
fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Markdown without its fenced blocks, line for line.
fn without_fences(text: &str) -> String {
    let mut fenced = false;
    let mut kept = String::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        if !fenced && !fence {
            kept.push_str(line);
        }
        fenced ^= fence;
        kept.push('\n');
    }
    kept
}

/// The comments of a source, consecutive lines joined, since a citation may be split over two.
fn comments(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        let marker = ["//!", "///", "//", "#"].into_iter().find(|marker| line.starts_with(marker));
        match marker.filter(|_| !line.starts_with("#[") && !line.starts_with("#!")) {
            Some(marker) => joined.extend([line[marker.len()..].trim(), " "]),
            None => joined.push('\n'),
        }
    }
    joined
}

/// What stands between single back-ticks and looks like a path: no space, and a slash or an ending. Documents are
/// looked for by `document_citations`.
fn code_spans(prose: &str) -> Vec<String> {
    let spans = prose.split("\n").flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_path = |span: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./{},".contains(&byte);
        let other = span.ends_with(".md") || span.starts_with(['/', '.', '-']);
        span.bytes().all(plain) && span.contains(['/', '.']) && !other
    };
    spans.filter(is_path).flat_map(|span| alternatives(span.trim_end_matches('/'))).collect()
}

/// Paths that stand in the text without back-ticks, known by a slash and an ending of ours.
fn plain_paths(prose: &str) -> Vec<String> {
    let words = prose.split(|char: char| char.is_whitespace() || "()[]`\"'|,;:".contains(char));
    let words = words.map(|word| word.trim_end_matches('.'));
    let is_path = |word: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
        let ours = [".rs", ".sh", ".py"].iter().any(|ending| word.ends_with(ending));
        word.contains('/') && ours && word.bytes().all(plain) && !word.starts_with(['/', '.'])
    };
    words.filter(is_path).map(str::to_owned).collect()
}

/// `a/{b,c}` as `a/b` and `a/c`.
fn alternatives(span: &str) -> Vec<String> {
    let Some((before, rest)) = span.split_once('{') else { return vec![span.to_owned()] };
    let Some((inside, after)) = rest.split_once('}') else { return Vec::new() };
    inside.split(',').map(|one| format!("{before}{one}{after}")).collect()
}

/// Targets of Markdown links that are not in code.
fn links(prose: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose.lines() {
        let text = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.map(|(target, _)| target.to_owned()));
    }
    found
}

/// Names of documents, each with the headings that are cited right behind it: `NAME.md, "One" and "Another"`.
fn document_citations(prose: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in prose.match_indices(".md").chain(prose.match_indices("README, \"")) {
        let is_name = |char: char| char.is_ascii_alphanumeric() || "_-./".contains(char);
        let start = prose[..at].rfind(|char| !is_name(char)).map_or(0, |before| before + 1);
        let start = (start..=at).find(|&start| prose.is_char_boundary(start)).unwrap_or(at);
        let stem = &prose[start..at];
        let end = at + if prose[at..].starts_with(".md") { ".md".len() } else { "README".len() };
        let is_pattern = STAND_INS.contains(&stem.rsplit('/').next().unwrap_or_default());
        let is_web =
            prose[..start].ends_with("://") || prose[..start].ends_with(':') && stem.starts_with("//");
        if prose[end..].starts_with(is_name) && !prose[end..].starts_with('.') || is_pattern || is_web {
            continue;
        }
        let name =
            if prose[at..].starts_with(".md") { format!("{stem}.md") } else { format!("{stem}README.md") };
        if name != ".md" {
            found.push((name.trim_start_matches("./").to_owned(), headings_behind(&prose[end..])));
        }
    }
    found
}

fn headings_behind(mut rest: &str) -> Vec<String> {
    let mut headings = Vec::new();
    while let Some(quoted) =
        ["`, \"", ", \"", " and \""].into_iter().find_map(|joint| rest.strip_prefix(joint))
    {
        let Some((heading, after)) = quoted.split_once('"') else { break };
        headings.push(heading.trim_end_matches([',', '.']).replace('`', ""));
        rest = after;
    }
    headings
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|char| char.is_alphanumeric() || " -_".contains(*char));
    kept.flat_map(char::to_lowercase).map(|char| if char == ' ' { '-' } else { char }).collect()
}

fn workspace() -> Tree {
    Tree::read(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
}

#[test]
fn citations_in_the_tree_all_exist() {
    let complaints = workspace().complaints();
    assert!(complaints.is_empty(), "{} wrong:\n{}", complaints.len(), complaints.join("\n"));
}

/// A tree of a document, a source file, and one file `path` of this text.
fn tree_with(path: &str, text: &str) -> Tree {
    let mut tree = Tree::default();
    let document = "# Wire\n\n## POST /a b\n\n```\n# no heading\n```\n";
    for (path, text) in [("docs/wire/a.md", document), ("src/net/mod.rs", ""), (path, text)] {
        tree.texts.insert(path.to_owned(), text.to_owned());
        tree.paths.insert(path.to_owned());
        for (slash, _) in path.match_indices('/') {
            tree.paths.insert(path[..slash].to_owned());
        }
    }
    tree
}

#[test]
fn citations_that_are_right_pass() {
    for (path, text) in [
        (
            "docs/b.md",
            "[a](wire/a.md) [b](wire/a.md#post-a-b) [c](#b) `src/net/mod.rs` `mod.rs` `/etc/x.rs`\n# b\n",
        ),
        (
            "docs/b.md",
            "[web](https://example.org/x.md) `[a](b)` `src/{net,net/mod.rs}` `docs/wire/NAME.md`\n",
        ),
        ("docs/b.md", "```\n[a](gone.md) `src/gone.rs`\n```\n`their/file.py` and `config.json`\n"),
        ("src/c.rs", "//! As in docs/wire/a.md, \"POST\n//! /a b\" and \"Wire\". See `net/mod.rs`.\n"),
        ("src/c.sh", "# See src/net/mod.rs.\n"),
    ] {
        assert_eq!(tree_with(path, text).complaints(), [""; 0], "{path}: {text}");
    }
}

#[test]
fn citations_that_are_wrong_are_each_reported() {
    for (path, text, complaint) in [
        ("docs/b.md", "[a](wire/gone.md)\n", "wire/gone.md leads nowhere"),
        ("docs/b.md", "[a](wire/a.md#no-heading)\n", "names no heading of docs/wire/a.md"),
        ("docs/b.md", "[a](#nothing)\n", "names no heading of docs/b.md"),
        ("docs/b.md", "[a](../../outside)\n", "leads nowhere"),
        ("docs/b.md", "`src/gone`\n", "no file src/gone"),
        ("docs/b.md", "`src/{net,gone}/mod.rs`\n", "no file src/gone/mod.rs"),
        ("docs/b.md", "in `gone.rs`\n", "no file gone.rs"),
        ("docs/b.md", "see src/gone.rs\n", "no file src/gone.rs"),
        ("src/c.rs", "/// (wire-a.md, \"Wire\")\nfn f() {}\n", "no document wire-a.md"),
        ("src/c.rs", "    // By docs/wire/a.md, \"Wire\" and\n    // \"Load\".\n", "no heading \"Load\""),
        ("src/c.rs", "//! By the README, \"The LED\".\n", "no document README.md"),
        ("src/c.py", "# See `src/gone.py`.\n", "no file src/gone.py"),
    ] {
        let complaints = tree_with(path, text).complaints();
        assert!(complaints.iter().any(|found| found.contains(complaint)), "{path}: {text}: {complaints:?}");
    }
}
