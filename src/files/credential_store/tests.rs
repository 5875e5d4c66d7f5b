use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use node_core::credential::NodeId;
use tempfile::TempDir;

use super::*;
use crate::files::credential::NodeKey;

fn credential(node_key: &str) -> Credential {
    Credential::new(NodeId::parse("kitchen-pi").expect("an id"), NodeKey::parse(node_key).expect("a key"))
}

fn replace(path: &Path, credential: &Credential) -> Result<(), StoreError> {
    Locked::lock(path, folder(path))?.replace(credential)
}

fn check_writable(path: &Path) -> Result<(), StoreError> {
    Locked::lock(path, folder(path))?.check_writable()
}

/// A store in a folder of its own.
struct Store {
    dir: TempDir,
    path: PathBuf,
}

impl Store {
    fn empty() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("credential.json");
        Self { dir, path }
    }

    /// A store that has held these keys in turn. The last one is in use.
    fn holding(keys: &[&str]) -> Self {
        let store = Self::empty();
        for key in keys {
            replace(&store.path, &credential(key)).expect("stored");
        }
        store
    }

    fn put(&self, suffix: &str, text: impl AsRef<[u8]>) {
        let path = beside(&self.path, suffix);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("mode set");
    }

    fn key(&self) -> String {
        load(&self.path).expect("a credential").credential.node_key.expose().into()
    }

    fn text(&self, suffix: &str) -> String {
        fs::read_to_string(beside(&self.path, suffix)).expect("there")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.dir).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|e| e.expect("an entry").file_name().into_string().expect("a name")).collect();
        names.sort();
        names
    }
}

#[test]
fn replaced_credential_keeps_its_predecessor() {
    let store = Store::holding(&["k-1"]);
    assert_eq!(store.names(), ["credential.json"]);
    for (new, old) in [("k-2", "k-1"), ("k-3", "k-2")] {
        replace(&store.path, &credential(new)).expect("stored");
        assert_eq!(store.key(), new);
        assert!(store.text(".prev").contains(old));
        assert_eq!(store.names(), ["credential.json", "credential.json.prev"]);
    }
    let mode = fs::metadata(&store.path).expect("there").mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn damaged_or_missing_file_falls_back_to_predecessor() {
    let whole = Store::holding(&["k-1", "k-2"]).text("");
    let torn: Vec<&[u8]> = (0..whole.len() - 2).map(|len| &whole.as_bytes()[..len]).collect();
    for text in torn.into_iter().chain([b"{}".as_slice(), &[0; 512], b"\xff\xfe", b"[]"]) {
        let store = Store::holding(&["k-1", "k-2"]);
        store.put("", text);
        assert_eq!(store.key(), "k-1");
        assert_eq!(fs::read(&store.path).expect("there"), text, "reading writes nothing");
    }
    let store = Store::holding(&["k-1", "k-2"]);
    fs::remove_file(&store.path).expect("removed");
    assert_eq!(store.key(), "k-1");
}

#[test]
fn state_set_by_person_does_not_fall_back() {
    let store = Store::holding(&["k-1", "k-2"]);
    store.put("", r#"{"node_id":"your-node-id","api_key":"your_api_key_here"}"#);
    assert!(matches!(load(&store.path), Err(SetupError::NotProvisioned { .. })));
    let store = Store::holding(&["k-1", "k-2"]);
    fs::set_permissions(&store.path, fs::Permissions::from_mode(0o644)).expect("mode set");
    assert!(matches!(load(&store.path), Err(SetupError::OpenToOthers { .. })));
    assert!(matches!(replace(&store.path, &credential("k-3")), Err(StoreError::Untouchable(_))));
    assert!(store.text("").contains("k-2"));
}

#[test]
fn predecessor_that_others_may_read_is_named_with_its_fix() {
    let store = Store::holding(&["k-1", "k-2"]);
    store.put("", "{\"node_id\"");
    let prev = beside(&store.path, ".prev");
    fs::set_permissions(&prev, fs::Permissions::from_mode(0o640)).expect("mode set");
    let trouble = load(&store.path).expect_err("none can be used").to_trouble();
    let reason = format!("the credential file {} can be read or changed by other users", prev.display());
    assert!(
        trouble.reason.as_str().contains("is not JSON") && trouble.reason.as_str().ends_with(&reason),
        "{trouble:?}"
    );
    assert!(trouble.fix.as_str().ends_with(&format!("sudo chmod 600 {}", prev.display())), "{trouble:?}");
}

#[test]
fn complete_new_file_is_used_then_promoted() {
    let store = Store::holding(&["k-1"]);
    let next = Store::holding(&["k-1", "k-2"]).text("");
    store.put(".new", &next);
    assert_eq!(store.key(), "k-2");
    assert!(store.text("").contains("k-1"), "reading writes nothing");
    replace(&store.path, &credential("k-3")).expect("stored");
    assert_eq!(store.key(), "k-3");
    assert!(store.text(".prev").contains("k-2"));
}

#[test]
fn incomplete_new_file_is_ignored() {
    let next = Store::holding(&["k-1", "k-2"]).text("");
    // Without its closing brace the file is incomplete; without its final newline it is complete.
    for len in 0..next.len() - 2 {
        let store = Store::holding(&["k-1"]);
        store.put(".new", &next[..len]);
        assert_eq!(store.key(), "k-1", "{len}");
        replace(&store.path, &credential("k-3")).expect("stored");
        assert_eq!(store.key(), "k-3");
    }
}

#[test]
fn first_credential_beside_placeholder_is_used() {
    let store = Store::empty();
    store.put("", r#"{"node_id":"your-node-id","api_key":"","room":"kitchen"}"#);
    store.put(".new", Store::holding(&["k-1"]).text(""));
    assert_eq!(store.key(), "k-1");
    replace(&store.path, &credential("k-2")).expect("stored");
    assert_eq!(store.key(), "k-2");
    assert!(store.text(".prev").contains("k-1"));
}

#[test]
fn credential_of_another_node_is_not_kept() {
    let store = Store::holding(&["k-1", "k-2"]);
    let other = Credential { node_id: NodeId::parse("attic-pi").expect("an id"), ..credential("k-3") };
    replace(&store.path, &other).expect("stored");
    assert_eq!(store.names(), ["credential.json"]);
}

#[test]
fn file_written_by_hand_supersedes_new_file() {
    let store = Store::holding(&["k-1"]);
    store.put(".new", Store::holding(&["k-1", "k-2"]).text(""));
    store.put("", r#"{"node_id":"kitchen-pi","node_key":"by-hand"}"#);
    assert_eq!(store.key(), "by-hand");
}

#[test]
fn first_credential_before_rename_is_used() {
    let store = Store::empty();
    store.put(".new", Store::holding(&["k-1"]).text(""));
    assert_eq!(store.key(), "k-1");
    replace(&store.path, &credential("k-2")).expect("stored");
    assert!(store.text("").contains("k-2") && store.text(".prev").contains("k-1"));
}

#[test]
fn unreadable_file_is_moved_aside_not_overwritten() {
    let store = Store::holding(&["k-1", "k-2"]);
    for (aside, text) in [(".damaged", "{\"node_"), (".damaged-2", "more of it")] {
        store.put("", text);
        replace(&store.path, &credential("k-3")).expect("stored");
        assert_eq!(store.key(), "k-3");
        assert_eq!(store.text(aside), text);
        assert!(store.text(".prev").contains("k-1"), "the last whole one is still there");
    }
}

#[test]
fn foreign_file_keeps_fields_and_owner() {
    let store = Store::empty();
    store.put("", r#"{"node_id":"your-node-id","api_key":"","mqtt":{"port":1883}}"#);
    // Only root can change the owner of a file.
    let owner = if rustix::process::geteuid().is_root() { 12_345 } else { 0 };
    if owner != 0 {
        std::os::unix::fs::chown(&store.path, None, Some(owner)).expect("given away");
    }
    replace(&store.path, &credential("k-1")).expect("stored");
    assert_eq!(store.key(), "k-1");
    assert!(store.text("").contains(r#""mqtt": {"port":1883}"#), "{}", store.text(""));
    if owner != 0 {
        assert_eq!(fs::metadata(&store.path).expect("there").gid(), owner);
    }
}

#[test]
fn symlink_is_read_but_not_replaced() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = elsewhere.path().join("other.json");
    fs::write(&other, "somebody else's").expect("written");
    let store = Store::empty();
    symlink(&other, &store.path).expect("linked");
    for refused in [replace(&store.path, &credential("k-2")), check_writable(&store.path)] {
        assert!(matches!(refused, Err(StoreError::Link { .. })), "{refused:?}");
    }
    assert_eq!(fs::read_to_string(&other).expect("there"), "somebody else's");
    let kept = Store::holding(&["k-1"]);
    let link = elsewhere.path().join("link.json");
    symlink(&kept.path, &link).expect("linked");
    assert_eq!(load(&link).expect("a credential").credential, credential("k-1"));
}

#[test]
fn symlinks_beside_the_file_are_not_followed() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = elsewhere.path().join("other.json");
    fs::write(&other, "somebody else's").expect("written");
    let store = Store::holding(&["k-1"]);
    for suffix in [".new", ".prev", ".probe"] {
        symlink(&other, beside(&store.path, suffix)).expect("linked");
    }
    check_writable(&store.path).expect("could be done");
    replace(&store.path, &credential("k-2")).expect("stored");
    assert_eq!(store.key(), "k-2");
    assert_eq!(fs::read_to_string(&other).expect("there"), "somebody else's");
}

#[test]
fn concurrent_writers_are_serialised() {
    let store = Store::holding(&["k-0"]);
    thread::scope(|scope| {
        for writer in 0..4 {
            let path = &store.path;
            scope.spawn(move || {
                for n in 0..10 {
                    replace(path, &credential(&format!("w{writer}-{n}"))).expect("stored");
                    load(path).expect("whole at any moment");
                }
            });
        }
    });
    assert!(store.key().ends_with("-9"));
    assert_eq!(store.names(), ["credential.json", "credential.json.prev"]);
}

#[test]
fn check_writable_changes_nothing_and_finds_errors() {
    let store = Store::holding(&["k-1", "k-2"]);
    let before = (store.text(""), store.names());
    check_writable(&store.path).expect("could be done");
    assert_eq!((store.text(""), store.names()), before);
    let error = check_writable(&store.dir.path().join("nowhere/credential.json")).expect_err("no folder");
    assert!(matches!(error, StoreError::Step { .. }), "{error}");
}

#[test]
fn folder_in_the_place_of_a_file_is_found_before() {
    for suffix in [".new", ".prev"] {
        let store = Store::holding(&["k-1"]);
        fs::create_dir(beside(&store.path, suffix)).expect("a folder");
        let before = (store.text(""), store.names());
        for refused in [check_writable(&store.path), replace(&store.path, &credential("k-2"))] {
            assert!(matches!(refused, Err(StoreError::Folder { .. })), "{suffix}: {refused:?}");
            assert_eq!((store.text(""), store.names()), before, "{suffix}");
        }
    }
}

#[test]
fn credential_is_loaded_with_the_file_it_is_in() {
    let store = Store::holding(&["k-1", "k-2"]);
    assert_eq!(load(&store.path).expect("there").file, store.path);
    fs::rename(&store.path, beside(&store.path, NEW)).expect("renamed");
    assert_eq!(load(&store.path).expect("there").file, beside(&store.path, NEW));
    fs::remove_file(beside(&store.path, NEW)).expect("removed");
    assert_eq!(load(&store.path).expect("there").file, beside(&store.path, PREVIOUS));
}

#[test]
fn file_that_would_grow_too_large_is_not_replaced() {
    let store = Store::empty();
    let before = format!(r#"{{"node_id":"kitchen-pi","api_key":"k-1","map":"{}"}}"#, "x".repeat(262_000));
    store.put("", &before);
    let error = replace(&store.path, &credential("k-2")).expect_err("too large");
    assert!(format!("{error}").contains("far too large"), "{error}");
    assert_eq!((store.key().as_str(), store.text("")), ("k-1", before));
}

#[test]
fn shared_identity_stays_shared_until_the_node_is_another() {
    let store = Store::empty();
    let shared = |node_key| Credential { shared: true, ..credential(node_key) };
    let other = Credential { node_id: NodeId::parse("attic-pi").expect("an id"), ..credential("k-4") };
    for (new, is_shared) in
        [(credential("k-1"), false), (shared("k-1"), true), (credential("k-2"), true), (other, false)]
    {
        replace(&store.path, &new).expect("replaced");
        assert_eq!(load(&store.path).expect("stored").credential.shared, is_shared, "{new:?}");
    }
}
