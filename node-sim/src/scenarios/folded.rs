//! Shortens repetitions in a transcript.

use core::fmt::Write;

/// How often something must be repeated before it is only counted.
const REPETITIONS: usize = 20;

/// A transcript in which a repetition of one to three lines is printed once and counted: a node probes an
/// unreachable server every second.
pub(super) fn folded(transcript: &str) -> String {
    let lines: Vec<&str> = transcript.lines().collect();
    // The first 15 columns hold the time.
    let what = |index: usize| lines.get(index).and_then(|line: &&str| line.get(15..));
    let mut text = String::new();
    let mut at = 0;
    while at < lines.len() {
        let repeats = |block: usize| {
            (at + block..lines.len()).take_while(|index| what(*index) == what(index - block)).count() / block
        };
        let repeated = (1..=3).map(|block| (block, repeats(block))).find(|(_, times)| *times >= REPETITIONS);
        let (block, times) = repeated.unwrap_or((1, 0));
        for line in &lines[at..at + block] {
            let _ = writeln!(text, "{line}");
        }
        at += block * (times + 1);
        if times > 0 {
            let until = lines[at - 1].get(..15).unwrap_or_default().trim();
            let _ = writeln!(text, "{:>15}  … repeated {times} times until {until}", "");
        }
    }
    text
}
