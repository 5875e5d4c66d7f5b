//! The page, and its content security policy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

/// HTML, style and scripts in one document.
pub(super) const PAGE: &str = concat!(
    include_str!("head.html"),
    "<style>\n",
    include_str!("style.css"),
    "</style>\n</head>\n",
    include_str!("body.html"),
    "<script>\n",
    include_str!("base.js"),
    "</script>\n<script>\n",
    include_str!("led.js"),
    "</script>\n<script>\n",
    include_str!("state.js"),
    "</script>\n<script>\n",
    include_str!("timeline.js"),
    "</script>\n<script>\n",
    include_str!("controls.js"),
    "</script>\n<script>\n",
    include_str!("faults.js"),
    "</script>\n<script>\n",
    include_str!("connection.js"),
    "</script>\n</body>\n</html>\n",
);

/// A policy that allows the page's own scripts and style, and connections to the board, and nothing else.
pub(super) fn policy() -> String {
    let (script, style) = (sources("script"), sources("style"));
    format!(
        "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
}

/// The hashes of all elements of this name.
fn sources(name: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, text.as_bytes())));
    let hashes: Vec<_> = contents(PAGE, name).into_iter().map(hash).collect();
    if hashes.is_empty() { "'none'".into() } else { hashes.join(" ") }
}

fn contents<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    page.split(&start).skip(1).filter_map(|rest| rest.split_once(&end).map(|(text, _)| text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_allows_only_the_pages_own_scripts_and_style() {
        assert_eq!(contents("<p><script>a</script><script>b</script>", "script"), ["a", "b"]);
        // From `printf a | openssl dgst -sha256 -binary | base64`.
        assert_eq!(STANDARD.encode(digest(&SHA256, b"a")), "ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=");
        let page = PAGE.to_ascii_lowercase();
        for name in ["script", "style"] {
            let found = page.matches(&format!("<{name}")).count();
            assert_eq!(found, contents(PAGE, name).len(), "each {name} is the plain element");
        }
        for attribute in [" onclick=", " style="] {
            assert!(!page.contains(attribute), "the policy would not let{attribute} pass");
        }
    }
}
