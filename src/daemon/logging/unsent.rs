//! Lines that wait to be sent to the home, in the form of its logs.

/// The most that waits, in bytes.
const MOST: usize = 32 * 1024;
/// The most lines of a batch, as the voice node has it (docs/wire/jarvis-home.md, "Other calls of a node").
const BATCH: usize = 50;

/// The lines that wait.
#[derive(Debug)]
pub(in crate::daemon) struct Unsent {
    /// Whether any are kept.
    kept: bool,
    /// JSON objects, each with a line break after it.
    lines: String,
    /// How many are missing before the first.
    dropped: u64,
}

/// Some of them, which are being sent.
#[derive(Debug)]
pub(in crate::daemon) struct Batch {
    lines: String,
    dropped: u64,
}

impl Unsent {
    pub(super) const fn new() -> Self {
        Self { kept: false, lines: String::new(), dropped: 0 }
    }

    /// Whether lines are kept from now on. If not, those that wait are dropped.
    pub(in crate::daemon) fn keep(&mut self, kept: bool) {
        self.kept = kept;
        if !kept {
            (self.lines, self.dropped) = (String::new(), 0);
        }
    }

    /// Keeps the line that `object` makes, if lines are kept.
    pub(super) fn add(&mut self, object: impl FnOnce() -> String) {
        if self.kept {
            self.lines += &object();
            self.lines.push('\n');
            self.drop_surplus();
        }
    }

    fn drop_surplus(&mut self) {
        while self.lines.len() > MOST {
            let end = self.lines.find('\n').map_or(self.lines.len(), |end| end + 1);
            self.lines.drain(..end);
            self.dropped += 1;
        }
    }

    /// Whether any wait.
    pub(in crate::daemon) const fn is_any(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Takes the oldest, to send them.
    pub(in crate::daemon) fn take(&mut self) -> Option<Batch> {
        let ends = self.lines.match_indices('\n').take(BATCH);
        let end = ends.last().map(|(end, _)| end + 1)?;
        let rest = self.lines.split_off(end);
        let lines = std::mem::replace(&mut self.lines, rest);
        Some(Batch { lines, dropped: std::mem::take(&mut self.dropped) })
    }

    /// Takes back what could not be sent.
    pub(in crate::daemon) fn put_back(&mut self, batch: Batch) {
        if self.kept {
            self.lines.insert_str(0, &batch.lines);
            self.dropped += batch.dropped;
            self.drop_surplus();
        }
    }
}

impl Batch {
    /// The body of the request.
    pub(in crate::daemon) fn body(&self) -> String {
        let dropped = match self.dropped {
            0 => String::new(),
            count => format!(
                r#"{{"service":"{SERVICE}","level":"WARNING","message":"{count} lines before these were dropped"}},"#
            ),
        };
        format!(r#"{{"logs":[{dropped}{}]}}"#, self.lines.trim_end().replace('\n', ","))
    }
}

/// What the lines say that they come from.
pub(super) const SERVICE: &str = "jarvis-node-agent";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn with(count: usize) -> Unsent {
        let mut unsent = Unsent::new();
        unsent.keep(true);
        (0..count)
            .for_each(|nth| unsent.add(|| json!({ "message": nth, "of": "x".repeat(100) }).to_string()));
        unsent
    }

    fn messages(batch: &Batch) -> Vec<Value> {
        let body: Value = serde_json::from_str(&batch.body()).expect("JSON");
        let lines = body["logs"].as_array().expect("a list");
        lines.iter().map(|line| line["message"].clone()).collect()
    }

    #[test]
    fn lines_are_sent_in_batches_and_in_order() {
        let mut unsent = with(60);
        let first = unsent.take().expect("lines");
        assert_eq!(messages(&first), (0..50).map(Value::from).collect::<Vec<_>>());
        unsent.put_back(first);
        assert_eq!(messages(&unsent.take().expect("lines"))[0], 0);
        assert_eq!(messages(&unsent.take().expect("lines")).last(), Some(&59.into()));
        assert!(unsent.take().is_none() && !unsent.is_any());
    }

    #[test]
    fn oldest_lines_are_dropped_and_counted() {
        let mut unsent = with(1000);
        assert!((MOST - 200..=MOST).contains(&unsent.lines.len()), "{}", unsent.lines.len());
        let dropped = unsent.dropped;
        let batch = unsent.take().expect("lines");
        let told = messages(&batch);
        assert_eq!(told[0], format!("{dropped} lines before these were dropped"));
        assert_eq!(told[1], dropped);
        (0..10).for_each(|nth| unsent.add(|| json!({ "message": nth, "of": "x".repeat(100) }).to_string()));
        unsent.put_back(batch);
        let told = messages(&unsent.take().expect("lines"));
        assert_eq!(told[1], dropped + 10, "{told:?}");
        assert!(unsent.lines.len() <= MOST);
    }

    #[test]
    fn nothing_is_kept_of_what_is_not_to_be_sent() {
        let mut unsent = with(3);
        unsent.keep(false);
        unsent.add(|| unreachable!("it is not even made"));
        assert!(!unsent.is_any());
    }
}
