//! The credential store over files with any content: reading invents and changes nothing, and after a
//! replacement the new credential is read.
#![no_main]

use std::fs::{self, File};
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use jarvis_node::files::credential::{Credential, NodeKey};
use jarvis_node::files::credential_store::{Locked, load};
use jarvis_node::files::durable::folder;
use jarvis_node::fuzzing::parse_credential;
use jarvis_node_fuzz::*;
use libfuzzer_sys::fuzz_target;

const FILES: [&str; 3] = ["c.json", "c.json.new", "c.json.prev"];
/// The time of writing that the seeds carry.
const WRITTEN: u64 = 1_780_000_000;
static SCRATCH: LazyLock<Scratch> = LazyLock::new(Scratch::new);

fuzz_target!(|input: &[u8]| {
    SCRATCH.clear();
    let path = SCRATCH.path("c.json");
    let contents = parts::<3>(input);
    for (name, bytes) in FILES.into_iter().zip(contents) {
        // An empty part stands for a file that does not exist.
        if !bytes.is_empty() {
            let path = SCRATCH.put(name, bytes);
            let file = File::options().write(true).open(path).expect("there");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(WRITTEN)).expect("set");
        }
    }
    let found = load(&path).map(|found| found.credential);
    let whole = contents.map(|bytes| parse_credential(bytes, Some(WRITTEN)).ok());
    match &found {
        Ok(found) => assert!(
            whole.iter().flatten().any(|(credential, _)| credential == found),
            "a credential that is in none of the files"
        ),
        Err(error) => is_error_fit_to_show(error, &error.to_trouble()),
    }
    if let Some((current, _)) = &whole[0] {
        let next = whole[1].as_ref().is_some_and(|(_, follows)| *follows);
        assert!(next || found.as_ref().is_ok_and(|found| found == current), "a sound file was passed over");
    }
    let on_disk = || FILES.map(|name| bytes_of(&SCRATCH.path(name)).unwrap_or_default());
    assert_eq!(on_disk().each_ref().map(Vec::as_slice), contents, "reading wrote");

    let new = Credential { node_key: NodeKey::parse("a-new-key").expect("a key"), ..credential() };
    let replaced = Locked::lock(&path, folder(&path)).and_then(|store| store.replace(&new));
    match replaced {
        Ok(()) => {
            let stored = load(&path).expect("there").credential;
            // Beside another program's fields it is shared.
            let new = Credential { shared: stored.shared, ..new };
            assert_eq!(stored, new);
            if let Ok(old) = &found
                && old.node_id == new.node_id
            {
                // The credential in use can still be read if the card loses the new one.
                fs::remove_file(&path).expect("removed");
                let left = load(&path).map(|found| found.credential);
                assert!(left.is_ok_and(|left| left == *old || left == new), "the old one is gone");
            } else if found.is_err() && !contents[0].is_empty() && contents[1].is_empty() {
                let kept = bytes_of(&SCRATCH.path("c.json.damaged"));
                let placeholder = bytes_of(&SCRATCH.path("c.json.prev")).is_none();
                assert!(
                    kept.is_some_and(|kept| kept == contents[0]) || placeholder || is_shipped(contents[0])
                );
            }
        }
        Err(error) => {
            hides_keys(&format!("{error} {error:?}"));
            let still = load(&path).map(|found| found.credential);
            assert_eq!(still.ok(), found.ok(), "a replacement that failed changed something");
        }
    }
});

fn is_shipped(bytes: &[u8]) -> bool {
    use jarvis_node::error::SetupError;
    matches!(parse_credential(bytes, Some(WRITTEN)), Err(SetupError::NotProvisioned { .. }))
}
