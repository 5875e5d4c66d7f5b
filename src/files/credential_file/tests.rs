use super::*;

fn loaded(text: &str) -> Result<Credential, SetupError> {
    parse(text.as_bytes(), Path::new("credential.json"), None).map(|contents| contents.credential)
}

fn credential(node_id: &str, node_key: &str) -> Credential {
    Credential::new(NodeId::parse(node_id).expect("an id"), NodeKey::parse(node_key).expect("a key"))
}

#[test]
fn rendered_credential_parses_to_the_same() {
    let old = Checksum::of(&credential("kitchen-pi", "k-1"), None);
    for follows in [None, Some(&old)] {
        let new = credential("kitchen-pi", "-k\"2");
        let text = render(&new, follows, 42, b"").expect("rendered");
        let read = parse(&text, Path::new("c"), Some(Modified(42, 0))).expect("sound");
        assert_eq!((&read.credential, read.follows.as_ref()), (&new, follows));
        assert_eq!(read.checksum, Checksum::of(&new, follows));
    }
}

#[test]
fn changed_byte_is_damage_unless_mtime_changed() {
    let text = render(&credential("kitchen-pi", "k-1"), None, 42, b"").expect("rendered");
    let text = std::str::from_utf8(&text).expect("text");
    for (from, to) in [("k-1", "k-2"), ("kitchen-pi", "kitchem-pi"), ("sha256:", "sha256:0")] {
        let changed = text.replacen(from, to, 1);
        let read = |modified| parse(changed.as_bytes(), Path::new("c"), modified);
        let error = read(Some(Modified(42, 0))).expect_err(to);
        assert!(error.to_string().contains("is not what its checksum says"), "{error}");
        for modified in [Some(Modified(42, 7)), Some(Modified(44, 0)), None] {
            let by_hand = read(modified).expect("taken as it stands");
            assert_eq!(by_hand.checksum, Checksum::of(&by_hand.credential, None));
        }
    }
}

#[test]
fn foreign_fields_are_kept_byte_for_byte() {
    let before = r#"{"room": "küche", "node_id":"your-node-id", "mqtt":{"port":1883, "x": 1.10},
        "api_key":"", "big": 123456789012345678901234567890}"#;
    let text = render(&credential("kitchen-pi", "k-1"), None, 42, before.as_bytes()).expect("rendered");
    let text = std::str::from_utf8(&text).expect("text");
    for kept in [r#""room": "küche""#, r#"{"port":1883, "x": 1.10}"#, "123456789012345678901234567890"] {
        assert!(text.contains(kept), "{text}");
    }
    assert!(text.contains(r#""api_key": "k-1""#) && !text.contains("node_key"), "{text}");
    let shared = Credential { shared: true, ..credential("kitchen-pi", "k-1") };
    assert_eq!(loaded(text).expect("sound"), shared);
}

#[test]
fn foreign_fields_are_kept_when_not_utf_8() {
    let before = b"{\"node_id\":\"kitchen-pi\",\"api_key\":\"k-0\",\"room\":\"k\xfcche\",\"port\":1883}";
    parse(before, Path::new("c"), None).expect("a credential");
    let text = render(&credential("kitchen-pi", "k-1"), None, 42, before).expect("rendered");
    let text = std::str::from_utf8(&text).expect("text");
    assert!(text.contains("\"room\": \"k\u{fffd}che\"") && text.contains("\"port\": 1883"), "{text}");
    let shared = Credential { shared: true, ..credential("kitchen-pi", "k-1") };
    assert_eq!(loaded(text).expect("sound"), shared);
}

#[test]
fn own_and_jarvis_config_forms_are_read() {
    for text in [
        r#"{"node_id":"kitchen-pi","node_key":"k-1"}"#,
        "{\"node_id\":\"kitchen-pi\",\"node_key\":\"k-1\\n\"}\n",
        r#"{"room":"kitchen","node_id":"kitchen-pi","api_key":"k-1","mqtt":{"port":1883}}"#,
    ] {
        let credential = loaded(text).expect("sound");
        assert_eq!(credential.node_id.as_str(), "kitchen-pi", "{text}");
        assert_eq!(credential.node_key.expose(), "k-1", "{text}");
    }
}

#[test]
fn key_in_the_place_of_the_id_is_refused() {
    let key = "5f4dcc3b5aa765d61d8327deb882cf995f4dcc3b5aa765d61d8327deb882cf99";
    let url_safe = "-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9oNvBwxxxxxxxxxxxxxxxxxxxx";
    for (id, node_key) in
        [(key, "kitchen-pi"), (url_safe, "kitchen-pi"), (key, key), ("prov_b4QmZ81xkP0", url_safe)]
    {
        let error = loaded(&format!(r#"{{"node_id":"{id}","node_key":"{node_key}"}}"#)).expect_err(id);
        let told = format!("{error} {error:?}");
        assert!(told.contains("wrong way round") || told.contains("in the place of the node_id"), "{told}");
        assert!(!told.contains(id) && !told.contains(node_key), "{told}");
    }
    // Ids that are as random as a key.
    for id in ["8f14e45fceea167a5a36dedd4bea2543", "jarvis-8f14e45fceea167a5a36dedd4bea2543"] {
        loaded(&format!(r#"{{"node_id":"{id}","node_key":"{url_safe}"}}"#)).expect(id);
    }
}

#[test]
fn placeholders_are_not_provisioned() {
    for text in [
        r#"{"node_id":"your-node-id","api_key":"k-1"}"#,
        r#"{"node_id":"kitchen-pi","api_key":"your_api_key_here"}"#,
        r#"{"node_id":"kitchen-pi","api_key":""}"#,
    ] {
        assert!(matches!(loaded(text), Err(SetupError::NotProvisioned { .. })), "{text}");
    }
}

#[test]
fn unusable_text_is_refused_without_quoting_it() {
    for (text, says) in [
        ("", "is empty"),
        ("{}", "has no node_id"),
        (r#"{"node_id":"p"}"#, "has no node_key"),
        (r#"{"node_id":"p","node_key":"s3cret"#, "is not JSON (line 1, column"),
        (r#""s3cret""#, "does not have text for node_id and node_key"),
        (
            r#"{"node_id":"s3cret-q3n8Yk1-_bTtWm5xV7cR0pLsD2fGh4jKa6eUi9","node_key":"kitchen-pi"}"#,
            "the wrong way round",
        ),
        (r#"["s3cret"]"#, "is not an object"),
        (r#"["kitchen-pi","s3cret",null,null]"#, "is not an object"),
        (r#"{"node_id":"p","node_key":["s3cret"]}"#, "does not have text"),
        (r#"{"node_id":"p","node_key":"s3cret","node_key":"s3cret"}"#, "has a key twice"),
        (r#"{"node_id":"p","node_key":"s3cret\u0000"}"#, "node_key in"),
        (r#"{"node_id":"p\tq","node_key":"s3cret"}"#, "holds a control character"),
    ] {
        let error = loaded(text).expect_err(text);
        let told = std::format!("{error} {error:?} {:?}", error.to_trouble());
        assert!(error.to_string().contains(says), "{text}: {error}");
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn identity_in_another_programs_file_is_shared() {
    for (text, shared) in [
        (r#"{"node_id":"a","node_key":"k"}"#, false),
        (r#"{"node_id":"a","node_key":"k","room":"attic"}"#, false),
        (r#"{"node_id":"a","api_key":"k"}"#, false),
        (r#"{"node_id":"a","api_key":"k","room":"attic"}"#, true),
        (r#"{"mqtt_port":1884,"node_id":"a","api_key":"k","node_key":"k"}"#, true),
    ] {
        let read = loaded(text).expect(text);
        assert_eq!(read.shared, shared, "{text}");
        // Installed in a file of ours, it is still known to be.
        let stored = render(&read, None, 42, b"").expect("rendered");
        let again = parse(&stored, Path::new("c"), Some(Modified(42, 0))).expect("sound").credential;
        assert_eq!(again, read, "{text}");
        assert_eq!(std::str::from_utf8(&stored).expect("text").contains("shared"), shared, "{text}");
    }
}
