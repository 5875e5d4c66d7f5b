//! What limits the services of a home and makes them slow, in numbers: those of the stub's models, and of models of
//! others.

/// The Python auth service, as it was measured (docs/wire/jarvis-auth.md, "Load").
pub mod python {
    use core::time::Duration;

    /// Calls in progress.
    pub const THREADS: usize = 40;
    /// Connections to the database.
    pub const CONNECTIONS: usize = 15;
    /// How long a call waits for a connection.
    pub const POOL_TIMEOUT: Duration = Duration::from_secs(30);
    /// The time of a check on a core: two cores make four answers a second.
    pub const CHECK: Duration = Duration::from_millis(245);
}

/// jarvisd, read in its source (docs/wire/jarvis-home.md, "What a fleet does to jarvisd").
pub mod jarvisd {
    use core::time::Duration;

    /// The time of a check on a core: bcrypt of cost 12 as the author puts it, "~100 ms"
    /// (internal/modules/auth/guards.go, 543562e). Not measured.
    pub const CHECK: Duration = Duration::from_millis(100);
    /// How long a key that was right needs no further check, from the beginning of the check.
    pub const PROOF: Duration = Duration::from_secs(60);
    /// *Assumption*: a commit to SQLite in WAL mode on a home server's disk. Nobody has measured the writer.
    pub const WRITE: Duration = Duration::from_millis(5);
}
