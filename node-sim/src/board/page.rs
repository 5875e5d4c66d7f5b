//! The page, and what a browser is told it may do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

/// HTML, style and script in one.
pub(super) const PAGE: &str = include_str!("page.html");

/// A policy by which the page runs its own script and no other, and speaks to nobody but the board.
pub(super) fn policy() -> String {
    let scripts: Vec<_> = scripts(PAGE)
        .map(|script| format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, script.as_bytes()))))
        .collect();
    let scripts = if scripts.is_empty() { "'none'".to_owned() } else { scripts.join(" ") };
    format!(
        "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
}

/// What stands in the page's script elements.
fn scripts(page: &str) -> impl Iterator<Item = &str> {
    page.split("<script>").skip(1).filter_map(|rest| rest.split_once("</script>").map(|(script, _)| script))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lets_the_pages_own_script_run_and_no_other() {
        assert_eq!(scripts("<p><script>a</script><script>b</script>").collect::<Vec<_>>(), ["a", "b"]);
        // By `printf a | openssl dgst -sha256 -binary | base64`.
        assert_eq!(STANDARD.encode(digest(&SHA256, b"a")), "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=");
        let page = PAGE.to_ascii_lowercase();
        assert_eq!(page.matches("<script").count(), scripts(&page).count(), "each is the plain element");
        assert!(!page.contains(" onclick="), "the policy would not let it run");
    }
}
