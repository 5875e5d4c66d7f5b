//! The way to a file: every folder and link that the system passes on it (path_resolution(7)).

use std::path::{Path, PathBuf};

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// The folders and links that are passed on the way to `path`, in their order, and at last the file that it leads to, as
/// far as this program may look.
pub(crate) fn to(path: &Path) -> Vec<PathBuf> {
    let parts =
        |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let (mut way, mut place, mut links) = (Vec::new(), PathBuf::new(), 0);
    let mut left = parts(&std::path::absolute(path).unwrap_or_else(|_| path.into()));
    while let Some(part) = left.pop() {
        place = if part == ".." { place.parent().unwrap_or(&place).to_owned() } else { place.join(&part) };
        way.push(place.clone());
        if let Ok(target) = std::fs::read_link(&place)
            && links < MOST_LINKS
        {
            links += 1;
            left.extend(parts(&target));
            place.pop();
        }
    }
    way
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn way_passes_every_link_and_ends_at_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = fs::canonicalize(dir.path()).expect("there");
        let file = |name: &str| dir.join(name);
        fs::create_dir(file("real")).expect("made");
        symlink(file("real"), file("folder")).expect("linked");
        symlink("../folder/c.json", file("real/link")).expect("linked");
        for (path, passed, end) in [
            ("real/c.json", "real", "real/c.json"),
            ("folder/link", "folder", "real/c.json"),
            ("folder/../c.json", "folder", "c.json"),
            ("nowhere/c.json", "nowhere", "nowhere/c.json"),
        ] {
            let way = to(&file(path));
            assert_eq!(way.last(), Some(&file(end)), "{path}");
            assert!(
                way.contains(&file(passed)) && way.first().is_some_and(|root| root == Path::new("/")),
                "{path}"
            );
        }
        symlink("circle", file("circle")).expect("linked");
        assert!(to(&file("circle")).len() < 100);
    }
}
