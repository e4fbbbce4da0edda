//! A rate: so many at once, refilled evenly.

use std::str::FromStr;
use std::time::Duration;

/// A limit as it is set: `3000/1m`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At this rate.
    At(Rate),
    /// None.
    Off,
}

impl Limit {
    /// So many times as much.
    pub(super) fn times(self, factor: u32) -> Self {
        match self {
            Self::At(rate) => Self::At(Rate { at_once: rate.at_once.saturating_mul(factor), ..rate }),
            Self::Off => Self::Off,
        }
    }
}

/// So many at once, and after that as many again in each window, evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    at_once: u32,
    window: Duration,
}

impl Rate {
    /// After how long one more is let in, in microseconds.
    pub(super) fn interval_micros(self) -> u64 {
        (self.window_micros() / u64::from(self.at_once)).max(1)
    }

    /// The window, in microseconds.
    pub(super) fn window_micros(self) -> u64 {
        u64::try_from(self.window.as_micros()).unwrap_or(u64::MAX)
    }

    /// Adds one, whether it is let in or not: the new time up to which all has been used.
    pub(super) fn charge(self, used: u64, now: u64) -> u64 {
        used.max(now).saturating_add(self.interval_micros())
    }

    /// Takes one. `used` is up to when all has been used, in microseconds: the new such time, or how long to wait.
    pub(super) fn take(self, used: u64, now: u64) -> Result<u64, Duration> {
        let next = self.charge(used, now);
        let over = next.saturating_sub(now).saturating_sub(self.window_micros());
        if over == 0 { Ok(next) } else { Err(Duration::from_micros(over)) }
    }
}

impl FromStr for Limit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be a number and a time, such as 3000/1m (s, m or h), or off";
        if text == "off" {
            return Ok(Self::Off);
        }
        let (number, time) = text.split_once('/').ok_or(SHAPE)?;
        let at_once: u32 = number.trim().parse().map_err(|_| SHAPE)?;
        let time = time.trim();
        let unit = match time.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            _ => return Err(SHAPE),
        };
        let length: u64 = time[..time.len() - 1].parse().map_err(|_| SHAPE)?;
        let window = Duration::from_secs(length.checked_mul(unit).ok_or(SHAPE)?);
        let is_sound = at_once > 0 && (1..=24 * 3_600).contains(&window.as_secs());
        if is_sound {
            Ok(Self::At(Rate { at_once, window }))
        } else {
            Err("must let in at least 1, in 1s to 24h")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        match text.parse() {
            Ok(Limit::At(rate)) => rate,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn limits_are_read() {
        assert_eq!(rate("3000/1m"), Rate { at_once: 3_000, window: Duration::from_secs(60) });
        assert_eq!(rate(" 5 / 2h "), Rate { at_once: 5, window: Duration::from_secs(7_200) });
        assert_eq!("off".parse(), Ok(Limit::Off));
        for wrong in [
            "",
            "/",
            "5",
            "5/",
            "5/m",
            "5/1",
            "0/1m",
            "5/0s",
            "-1/1m",
            "5/25h",
            "5/1d",
            "x/1m",
            "5/é",
            "5/18446744073709551615h",
        ] {
            assert!(wrong.parse::<Limit>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn so_many_at_once_and_then_evenly() {
        let rate = rate("5/10s");
        let (mut used, now) = (0, 1_000_000_000);
        for _ in 0..5 {
            used = rate.take(used, now).unwrap();
        }
        assert_eq!(rate.take(used, now), Err(Duration::from_secs(2)));
        assert_eq!(rate.take(used, now + 1_999_999), Err(Duration::from_micros(1)));
        used = rate.take(used, now + 2_000_000).unwrap();
        assert!(rate.take(used, now + 2_000_000).is_err());
        let later = now + 60_000_000;
        for _ in 0..5 {
            used = rate.take(used, later).unwrap();
        }
        assert!(rate.take(used, later).is_err(), "nothing is saved up beyond what is let in at once");
    }
}
