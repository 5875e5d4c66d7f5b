//! Metrics in the text format of Prometheus, version 0.0.4. Their names begin with `jarvis_node_`.

use std::fmt;
use std::fmt::Write;
use std::time::Duration;

use node_core::time::millis;

/// The start of every text here.
pub(crate) const START: &str = "# HELP jarvis_node_";

/// Adds the two lines that come before the samples of the metric `name`.
pub(crate) fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to memory never fails.
    let _ = write!(out, "{START}{name} {help}\n# TYPE jarvis_node_{name} {kind}\n");
}

/// Adds a sample. `labels` have the form `a="b",c="d"`, or are empty; their values are plain words.
pub(crate) fn sample(out: &mut String, name: &str, labels: &str, value: &dyn fmt::Display) {
    let (open, close) = if labels.is_empty() { ("", "") } else { ("{", "}") };
    let _ = writeln!(out, "jarvis_node_{name}{open}{labels}{close} {value}");
}

/// Adds a gauge without labels.
pub(crate) fn gauge(out: &mut String, name: &str, help: &str, value: &dyn fmt::Display) {
    family(out, name, "gauge", help);
    sample(out, name, "", value);
}

/// A duration as a value in seconds. Without floating-point numbers, whose printing is kilobytes of the program.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = millis(self.0);
        write!(f, "{}.{:03}", millis / 1000, millis % 1000)
    }
}

/// How often each of some results was met.
#[derive(Debug, Default)]
pub(crate) struct Tally(Vec<(&'static str, u64)>);

impl Tally {
    /// Counts one more `result`.
    pub(crate) fn add(&mut self, result: &'static str) {
        match self.0.iter_mut().find(|(known, _)| *known == result) {
            Some((_, count)) => *count += 1,
            None => self.0.push((result, 1)),
        }
    }

    /// Adds the counter `name`, by result.
    pub(crate) fn write(&self, out: &mut String, name: &str, help: &str) {
        family(out, name, "counter", help);
        for (result, count) in &self.0 {
            sample(out, name, &format!(r#"result="{result}""#), count);
        }
    }
}

/// The upper bounds of a histogram's buckets, in milliseconds.
const BOUNDS: [u64; 6] = [100, 300, 1000, 3000, 10_000, 30_000];

/// How long something took.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl Histogram {
    /// Counts one more that `took` this long.
    pub(crate) fn add(&mut self, took: Duration) {
        self.count += 1;
        self.sum += took;
        for (bucket, bound) in self.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(millis(took) <= bound);
        }
    }

    /// Adds the histogram `name`.
    pub(crate) fn write(&self, out: &mut String, name: &str, help: &str) {
        family(out, name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (count, bound) in self.buckets.iter().zip(BOUNDS) {
            let bound = Seconds(Duration::from_millis(bound));
            sample(out, &bucket, &format!(r#"le="{bound}""#), count);
        }
        sample(out, &bucket, r#"le="+Inf""#, &self.count);
        sample(out, &format!("{name}_sum"), "", &Seconds(self.sum));
        sample(out, &format!("{name}_count"), "", &self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_prometheus_reads_them() {
        let mut tally = Tally::default();
        ["ok", "busy", "ok"].into_iter().for_each(|result| tally.add(result));
        let mut histogram = Histogram::default();
        [99, 100, 101, 60_000].into_iter().for_each(|ms| histogram.add(Duration::from_millis(ms)));
        let mut text = String::new();
        gauge(&mut text, "age_seconds", "An age.", &Seconds(Duration::from_millis(1050)));
        tally.write(&mut text, "answers_total", "Answers.");
        histogram.write(&mut text, "duration_seconds", "Durations.");
        let expected = "\
# HELP jarvis_node_age_seconds An age.
# TYPE jarvis_node_age_seconds gauge
jarvis_node_age_seconds 1.050
# HELP jarvis_node_answers_total Answers.
# TYPE jarvis_node_answers_total counter
jarvis_node_answers_total{result=\"ok\"} 2
jarvis_node_answers_total{result=\"busy\"} 1
# HELP jarvis_node_duration_seconds Durations.
# TYPE jarvis_node_duration_seconds histogram
jarvis_node_duration_seconds_bucket{le=\"0.100\"} 2
jarvis_node_duration_seconds_bucket{le=\"0.300\"} 3
jarvis_node_duration_seconds_bucket{le=\"1.000\"} 3
jarvis_node_duration_seconds_bucket{le=\"3.000\"} 3
jarvis_node_duration_seconds_bucket{le=\"10.000\"} 3
jarvis_node_duration_seconds_bucket{le=\"30.000\"} 3
jarvis_node_duration_seconds_bucket{le=\"+Inf\"} 4
jarvis_node_duration_seconds_sum 60.300
jarvis_node_duration_seconds_count 4
";
        assert_eq!(text, expected);
    }
}
