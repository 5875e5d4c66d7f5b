//! The LED's pattern for each outcome, calculated from the elapsed time.

use core::time::Duration;

use crate::outcome::Outcome;
use crate::time::millis;

/// A light pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// On for good.
    On,
    /// Dark for good.
    Off,
    /// Groups of `count` flashes, lit for `lit_ms` with `gap_ms` of dark between them, and
    /// `pause_ms` of dark between groups.
    Flashes {
        /// Flashes in a group, at least 1.
        count: u16,
        /// Milliseconds of light in a flash.
        lit_ms: u16,
        /// Milliseconds of dark between two flashes of a group.
        gap_ms: u16,
        /// Milliseconds of dark between two groups.
        pause_ms: u16,
    },
}

/// A light's state at one moment of its pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Whether it is lit.
    pub lit: bool,
    /// How long until that changes; `None` for never.
    pub lasts: Option<Duration>,
}

impl Pattern {
    /// Waits for a phone to pair this node: as long lit as dark, and far slower than [`Outcome::Starting`].
    pub const PAIRING: Self = Self::Flashes { count: 1, lit_ms: 600, gap_ms: 0, pause_ms: 600 };

    /// Shows a person which board it is: a second of fast flicker, and a second of dark.
    pub const FIND: Self = Self::Flashes { count: 10, lit_ms: 50, gap_ms: 50, pause_ms: 1000 };

    /// The pattern that shows `outcome` where a light would disturb: dark while all is well, else that of
    /// [`Self::of`]. The offline grace period is not well, so that dark always means a fresh verdict.
    #[must_use]
    pub const fn quiet(outcome: Outcome) -> Self {
        if matches!(outcome, Outcome::Valid) { Self::Off } else { Self::of(outcome) }
    }

    /// The pattern that shows `outcome` (README, "What the LED says").
    #[must_use]
    pub const fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Starting => Self::Flashes { count: 1, lit_ms: 100, gap_ms: 0, pause_ms: 100 },
            Outcome::Valid => Self::On,
            Outcome::ValidCached => Self::Flashes { count: 1, lit_ms: 1800, gap_ms: 0, pause_ms: 200 },
            Outcome::Network => Self::counted(2),
            Outcome::Server => Self::counted(3),
            Outcome::NodeRejected => Self::counted(4),
            Outcome::AppRejected => Self::counted(5),
            Outcome::Tls => Self::counted(6),
            Outcome::Clock => Self::counted(7),
            Outcome::Setup => Self::counted(8),
        }
    }

    const fn counted(count: u16) -> Self {
        Self::Flashes { count, lit_ms: 200, gap_ms: 200, pause_ms: 1200 }
    }

    /// The light's state `elapsed` after the pattern's start.
    #[must_use]
    pub fn phase(self, elapsed: Duration) -> Phase {
        match self {
            Self::On | Self::Off => Phase { lit: self == Self::On, lasts: None },
            Self::Flashes { count, lit_ms, gap_ms, pause_ms } => {
                let (count, lit, gap) = (u64::from(count), u64::from(lit_ms), u64::from(gap_ms));
                let flash = lit + gap;
                let group = count * flash - gap + u64::from(pause_ms);
                let into_group = millis(elapsed) % group;
                let into_flash = into_group % flash;
                let (lit, ends) = if into_group >= count * flash - gap {
                    (false, group - into_group)
                } else if into_flash < lit {
                    (true, lit - into_flash)
                } else {
                    (false, flash - into_flash)
                };
                Phase { lit, lasts: Some(Duration::from_millis(ends)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first periods of light (`true`) and dark with their lengths in milliseconds, by following the announced
    /// changes.
    fn runs<const N: usize>(outcome: Outcome) -> [(bool, u64); N] {
        let mut at = 0;
        core::array::from_fn(|_| {
            let phase = Pattern::of(outcome).phase(Duration::from_millis(at));
            let lasts = millis(phase.lasts.expect("a pattern that changes"));
            at += lasts;
            (phase.lit, lasts)
        })
    }

    #[test]
    fn valid_never_changes() {
        assert_eq!(
            Pattern::of(Outcome::Valid).phase(Duration::from_secs(9999)),
            Phase { lit: true, lasts: None }
        );
    }

    #[test]
    fn quiet_pattern_is_dark_for_valid_alone() {
        let dark = Phase { lit: false, lasts: None };
        assert_eq!(Pattern::quiet(Outcome::Valid).phase(Duration::from_secs(9999)), dark);
        let others = Outcome::ALL.iter().filter(|outcome| **outcome != Outcome::Valid);
        others.for_each(|outcome| assert_eq!(Pattern::quiet(*outcome), Pattern::of(*outcome), "{outcome}"));
    }

    #[test]
    fn pairing_and_finding_look_like_no_outcome() {
        for pattern in [Pattern::PAIRING, Pattern::FIND] {
            assert!(Outcome::ALL.iter().all(|outcome| Pattern::of(*outcome) != pattern));
        }
        for (at, lit) in [(0, true), (599, true), (600, false), (1199, false), (1200, true)] {
            assert_eq!(Pattern::PAIRING.phase(Duration::from_millis(at)).lit, lit, "{at}");
        }
    }

    #[test]
    fn starting_blinks_evenly() {
        assert_eq!(runs(Outcome::Starting), [(true, 100), (false, 100), (true, 100), (false, 100)]);
    }

    #[test]
    fn valid_cached_winks_every_two_seconds() {
        assert_eq!(runs(Outcome::ValidCached), [(true, 1800), (false, 200), (true, 1800)]);
    }

    #[test]
    fn groups_have_their_count_of_flashes_and_a_pause() {
        assert_eq!(
            runs(Outcome::Network),
            [(true, 200), (false, 200), (true, 200), (false, 1200), (true, 200), (false, 200)]
        );
        for (outcome, flashes) in [
            (Outcome::Network, 2),
            (Outcome::Server, 3),
            (Outcome::NodeRejected, 4),
            (Outcome::AppRejected, 5),
            (Outcome::Tls, 6),
            (Outcome::Clock, 7),
            (Outcome::Setup, 8),
        ] {
            let runs = runs::<16>(outcome);
            let pause = runs.iter().position(|run| *run == (false, 1200)).expect("a pause");
            assert_eq!(runs[..pause].iter().filter(|(lit, _)| *lit).count(), flashes, "{outcome}");
        }
    }

    #[test]
    fn announced_changes_are_the_only_ones() {
        for outcome in Outcome::ALL {
            let pattern = Pattern::of(outcome);
            let mut phase = pattern.phase(Duration::ZERO);
            let mut change = phase.lasts.map(millis);
            for ms in 1..9000 {
                let seen = pattern.phase(Duration::from_millis(ms));
                assert_eq!(seen.lit != phase.lit, change == Some(ms), "{outcome} at {ms} ms");
                if change == Some(ms) {
                    change = seen.lasts.map(|lasts| ms + millis(lasts));
                    phase = seen;
                }
            }
        }
    }
}
