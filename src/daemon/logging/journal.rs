//! The journal of systemd, which takes fields beside the text by a protocol of its own.

use std::os::fd::AsFd;

use node_core::outcome::Outcome;

/// Where the journal takes fields (systemd.io/JOURNAL_NATIVE_PROTOCOL).
pub(super) const SOCKET: &[u8] = b"/run/systemd/journal/socket";

/// Whether `stream` is the journal, as `$JOURNAL_STREAM` has `named` it by device and inode (systemd.exec(5)): the
/// variable alone may be left from a program that has started this one.
pub(super) fn is_named(stream: impl AsFd, named: &str) -> bool {
    rustix::fs::fstat(stream).is_ok_and(|stat| format!("{}:{}", stat.st_dev, stat.st_ino) == named)
}

/// The id of the line that tells of a change to `outcome` (docs/monitoring.md). Never given to another kind of line.
pub(super) const fn message_id(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Starting => "947e399a48f24c60a5ec770557ba843f",
        Outcome::Valid => "94db6f455b7b419aa6986e862947e79c",
        Outcome::ValidCached => "d65424bffab74d63843e38100a103363",
        Outcome::Network => "c4f7d3dd8e80452eba735f101e117ea5",
        Outcome::Server => "f9d8de2c70da4daba8c48b94a3b7c0dd",
        Outcome::NodeRejected => "addc26bb70834ef28c2bb760f8814637",
        Outcome::AppRejected => "81222337fcc641f28b080925c37fcc8a",
        Outcome::Tls => "a9b994b94d5c420ea37bafa6687cdb6b",
        Outcome::Clock => "d1c2ab143b64400b9ace285fa41deb47",
        Outcome::Setup => "e005945ad9164a1bb57e42d33bdbcec7",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn journal_is_recognized_by_device_and_inode() {
        let file = tempfile::tempfile().expect("a file");
        let meta = file.metadata().expect("its metadata");
        assert!(is_named(&file, &format!("{}:{}", meta.dev(), meta.ino())));
        let (other, _end) = UnixStream::pair().expect("a pair");
        assert!(!is_named(&other, &format!("{}:{}", meta.dev(), meta.ino())));
        assert!(!is_named(&file, "") && !is_named(&file, "8:1"));
    }

    #[test]
    fn each_outcome_has_an_id_of_its_own_in_the_documents() {
        let told = std::fs::read_to_string("docs/monitoring.md").expect("the document");
        let mut ids: Vec<_> = Outcome::ALL.iter().map(|outcome| message_id(*outcome)).collect();
        for (id, outcome) in ids.iter().zip(Outcome::ALL) {
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
            assert!(told.contains(&format!("| `{outcome}` | `{id}` |")), "{outcome} {id}");
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Outcome::ALL.len());
    }
}
