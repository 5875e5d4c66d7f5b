//! The table: the outcome of each fault of a server.

use core::time::Duration;

use server_stub::Faults;

/// Extra time for a process to start and end on a machine that is busy with other rows.
pub(super) const SLACK: Duration = Duration::from_secs(4);

/// One row.
pub(super) struct Row {
    /// The faults' names, with commas between them.
    pub(super) faults: &'static str,
    /// The outcome of a node that has no verdict yet.
    pub(super) outcome: &'static str,
    /// The configured time-outs.
    pub(super) connect_secs: u64,
    pub(super) request_secs: u64,
    /// The least time that a verdict takes if the server shows the fault.
    pub(super) at_least: Option<Duration>,
}

/// What an LED shows (README, "What the LED says").
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Light {
    Steady,
    Flashes(usize),
}

impl Row {
    pub(super) fn faults(&self) -> Faults {
        self.faults.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The outcome of a node that has been valid. Only a rejection changes that.
    pub(super) fn kept(&self) -> &'static str {
        if self.is_verdict() { self.outcome } else { "valid-cached" }
    }

    /// Whether the server has said something about the node.
    pub(super) fn is_verdict(&self) -> bool {
        matches!(self.outcome, "valid" | "node-rejected")
    }

    /// Whether the server has not proved who it is, or cannot be reached.
    pub(super) fn never_asked(&self) -> bool {
        matches!(self.outcome, "tls" | "network")
    }

    /// The exit code, after sysexits(3).
    pub(super) fn exit_code(&self) -> i32 {
        match self.outcome {
            "valid" => 0,
            "network" => 69,
            "server" => 75,
            "tls" => 76,
            "node-rejected" | "app-rejected" => 77,
            other => panic!("{other} in the table"),
        }
    }

    pub(super) fn light(&self) -> Light {
        match self.outcome {
            "valid" => Light::Steady,
            "network" => Light::Flashes(2),
            "server" => Light::Flashes(3),
            "node-rejected" => Light::Flashes(4),
            "app-rejected" => Light::Flashes(5),
            "tls" => Light::Flashes(6),
            other => panic!("{other} in the table"),
        }
    }

    /// The time within which there must be a verdict.
    pub(super) fn deadline_secs(&self) -> u64 {
        if self.faults == "black-hole" { self.connect_secs } else { self.request_secs }
    }

    const fn within(self, request_secs: u64) -> Self {
        Self { request_secs, ..self }
    }

    const fn after(self, secs: u64) -> Self {
        Self { at_least: Some(Duration::from_secs(secs)), ..self }
    }
}

const fn row(faults: &'static str, outcome: &'static str) -> Row {
    Row { faults, outcome, connect_secs: 1, request_secs: 3, at_least: None }
}

pub(super) static TABLE: &[Row] = &[
    // The socket.
    row("refused", "network"),
    row("black-hole", "network").after(1),
    row("accept-silent", "server").after(3),
    row("accept-close", "server"),
    row("accept-reset", "server"),
    row("accept-banner", "tls"),
    // The handshake.
    row("handshake-stall", "server").after(3),
    row("handshake-slow", "server").after(3),
    row("handshake-close", "server"),
    row("handshake-reset", "server"),
    row("handshake-alert", "tls"),
    row("handshake-no-certificate", "tls"),
    row("handshake-garbage", "tls"),
    row("handshake-endless", "tls"),
    row("cert-expired", "tls"),
    row("cert-not-yet-valid", "tls"),
    row("cert-wrong-name", "tls"),
    row("cert-other-ca", "tls"),
    row("cert-other-key", "valid"),
    // The moment of the answer.
    row("close-before-request", "server"),
    row("reset-before-request", "server"),
    row("close-after-request", "server"),
    row("reset-after-request", "server"),
    row("stall", "server").after(3),
    row("stall-then-500", "server").after(3),
    // Patient enough to hear the 500.
    row("stall-then-500,close-unsaid", "server").within(40).after(30),
    row("late", "valid").within(10).after(2),
    row("late,status-503", "server").within(10).after(2),
    // Statuses, some with a verdict in the body: only a 200 may carry one.
    row("status-201", "server"),
    row("status-204", "server"),
    row("status-301", "server"),
    row("status-302", "server"),
    row("status-303", "server"),
    row("status-307", "server"),
    row("status-308", "server"),
    row("status-307,denial", "server"),
    row("status-400", "server"),
    row("status-401", "app-rejected"),
    // A refusal of the app has the service's own words.
    row("status-401,denial", "server"),
    row("proxy-log-in", "server"),
    row("app-headers-lost", "server"),
    row("status-403", "server"),
    row("status-404", "server"),
    row("status-404,denial", "server"),
    row("not-found-text", "server"),
    row("status-405", "server"),
    row("status-413", "server"),
    row("status-422", "server"),
    row("status-429", "server"),
    row("status-500", "server"),
    row("status-500,denial", "server"),
    row("status-502", "server"),
    row("status-503", "server"),
    row("status-503,denial", "server"),
    row("status-504", "server"),
    row("status-503,body-slow", "server").after(3),
    // These concern requests with a node's key, which this node does not send.
    row("auth-unavailable", "valid"),
    row("auth-error-500", "valid"),
    // Headers.
    row("retry-after-60", "valid"),
    row("status-429,retry-after-60", "server"),
    row("status-503,retry-after-60", "server"),
    row("status-401,retry-after-absurd", "app-rejected"),
    row("status-429,retry-after-absurd", "server"),
    row("status-503,retry-after-absurd", "server"),
    row("status-429,retry-after-century", "server"),
    row("status-503,retry-after-century", "server"),
    row("status-429,retry-after-negative", "server"),
    row("status-429,retry-after-date", "server"),
    row("status-503,retry-after-date,date-1970", "server"),
    row("status-503,retry-after-date,date-2099", "server"),
    row("status-503,retry-after-date,date-garbage", "server"),
    row("status-429,retry-after-past", "server"),
    row("status-429,retry-after-words", "server"),
    row("date-1970", "valid"),
    row("date-2099", "valid"),
    row("date-garbage", "valid"),
    row("date-now", "valid"),
    // Contents.
    row("valid-string", "server"),
    row("valid-number", "server"),
    row("valid-null", "server"),
    row("valid-missing", "server"),
    row("other-node", "server"),
    row("no-node", "server"),
    row("duplicate-keys", "server"),
    row("deep-nesting", "server"),
    row("deep-nesting-inside", "valid"),
    row("bad-utf8", "server"),
    row("byte-order-mark", "server"),
    row("utf-16", "server"),
    row("empty-body", "server"),
    row("html", "server"),
    row("json-list", "server"),
    row("cut-json", "server"),
    row("trailing-garbage", "server"),
    row("gzip", "server"),
    row("long-body", "server"),
    row("denial", "node-rejected"),
    row("long-reason", "node-rejected"),
    row("terminal-escapes", "node-rejected"),
    row("echo-request", "node-rejected"),
    row("denial,body-cut", "server"),
    row("denial,body-truncated", "server"),
    row("denial,length-long", "server"),
    // Deliveries.
    row("status-line-garbage", "server"),
    row("http-0-9", "server"),
    row("http-1-0", "valid"),
    row("header-slow", "server").after(3),
    row("header-endless", "server"),
    row("header-line-endless", "server"),
    row("header-nul", "server"),
    row("header-no-colon", "server"),
    row("header-folded", "server"),
    row("header-cut", "server"),
    row("header-reset", "server"),
    row("body-slow", "server").after(3),
    row("body-stall", "server").after(3),
    row("body-cut", "server"),
    row("body-reset", "server"),
    row("body-endless", "server"),
    row("body-huge", "server"),
    row("body-to-close", "valid"),
    row("body-truncated", "server"),
    row("length-short", "server"),
    row("length-long", "server"),
    row("length-negative", "server"),
    row("length-words", "server"),
    row("length-overflow", "server"),
    row("length-conflict", "server"),
    row("chunked", "valid"),
    row("chunked-garbage", "server"),
    row("chunked-overflow", "server"),
    row("chunked-cut", "server"),
    row("chunked-endless", "server"),
    // The chunks decide (RFC 9112, section 6.3), and no second answer is read from this connection.
    row("chunked-and-length", "valid"),
    row("continue-once", "valid"),
    row("continue-flood", "server"),
    row("early-hints-flood", "server"),
    row("switching-protocols", "server"),
    row("two-answers", "valid"),
    row("close-unsaid", "valid"),
];
