//! Maps that strangers fill, and that stay small.

use std::collections::HashMap;

use domain::Timestamp;

/// How many are kept of each at most, about 100 bytes apiece.
pub(super) const MOST: usize = 200_000;

/// Makes room in a full map: what says nothing any more goes, and where that is not half of it, the half that will soonest.
pub(super) fn keep_bounded<T>(map: &mut HashMap<String, T>, now: Timestamp, until: impl Fn(&T) -> Timestamp) {
    if map.len() < MOST {
        return;
    }
    map.retain(|_, value| until(value) > now);
    if map.len() > MOST / 2 {
        let mut all: Vec<Timestamp> = map.values().map(&until).collect();
        let (_, middle, _) = all.select_nth_unstable(MOST / 2);
        let middle = *middle;
        // Of many that end at that very moment none stays: they say much the same.
        map.retain(|_, value| until(value) > middle);
    }
}
