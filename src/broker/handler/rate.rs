//! How often one person may make the STS be asked. Tokens that are kept cost nothing; but each exchange of another
//! subject token is a request, and so is each other scope, and a program that asks without end would spend the STS's
//! time, and the node's good name there.

use std::time::Duration;

use node_core::time::Instant;

/// How many requests one person may cause at once.
pub(super) const BURST: u32 = 60;
/// The time in which one more may follow.
pub(super) const EVERY: Duration = Duration::from_millis(500);

/// For each person who caused requests lately, when all of the burst is there again.
#[derive(Debug, Default)]
pub(super) struct Rates(Vec<(u32, Instant)>);

impl Rates {
    /// Counts a request that `person` causes.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub(super) fn count(&mut self, person: u32, now: Instant) -> Result<(), Duration> {
        self.0.retain(|(_, whole)| *whole > now);
        let index = self.0.iter().position(|(one, _)| *one == person).unwrap_or_else(|| {
            self.0.push((person, now));
            self.0.len() - 1
        });
        let whole = &mut self.0[index].1;
        let wait = (whole.since(now) + EVERY).saturating_sub(EVERY * BURST);
        if wait > Duration::ZERO {
            return Err(wait);
        }
        *whole = *whole + EVERY;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_allowed_and_then_two_a_second() {
        let (mut rates, start) = (Rates::default(), Instant::from_millis(1000));
        let mut allowed = |person, now| (0..500).take_while(|_| rates.count(person, now).is_ok()).count();
        assert_eq!(allowed(1, start), 60);
        assert_eq!(allowed(1, start + Duration::from_millis(499)), 0);
        assert_eq!(allowed(1, start + Duration::from_secs(5)), 10);
        assert_eq!(allowed(2, start + Duration::from_secs(5)), 60, "another person");
        assert_eq!(allowed(1, start + Duration::from_secs(600)), 60, "no more than that is saved up");
        assert_eq!(rates.0.len(), 1, "who caused none lately is forgotten");
        assert_eq!(rates.count(1, start + Duration::from_secs(600)), Err(EVERY));
    }
}
