//! What screens and nodes must show: never back, never two faces, and at the end what SQL holds.

use std::collections::HashMap;

use super::report::moment;
use super::{Case, Violation, Wrong};
use crate::history::{Frame, PollNo, Shown};

/// Compares what was shown with itself and with what is stored.
pub(super) fn check(case: &Case<'_>, found: &mut Vec<Violation>) {
    check_frames(case, found);
    check_end(case, found);
}

fn check_frames(case: &Case<'_>, found: &mut Vec<Violation>) {
    let mut newest: HashMap<(u16, PollNo), &Frame> = HashMap::new();
    let mut faces: HashMap<(PollNo, u64, u64), &Frame> = HashMap::new();
    for frame in &case.history.frames {
        let Shown { poll, epoch, version, .. } = frame.shown;
        if let Some(before) = newest.insert((frame.screen, poll), frame)
            && before.connection == frame.connection
            && (before.shown.epoch, before.shown.version) > (epoch, version)
        {
            let text = format!("{} after {}", told(frame), told(before));
            found.push(Violation { wrong: Wrong::WentBack, text });
        }
        let face = faces.entry((poll, epoch, version)).or_insert(frame);
        if face.shown != frame.shown {
            let text = format!("{} and {}", told(face), told(frame));
            found.push(Violation { wrong: Wrong::TwoFaces, text });
        }
    }
}

fn check_end(case: &Case<'_>, found: &mut Vec<Violation>) {
    let mut last: HashMap<(u16, PollNo), &Frame> = HashMap::new();
    for frame in &case.history.frames {
        last.insert((frame.screen, frame.shown.poll), frame);
    }
    for (node, result) in case.results {
        judge(case, result, &format!("node {node} says {result:?}"), found);
    }
    for screen in case.screens {
        for poll in &screen.polls {
            let who = format!("screen {} on node {}", screen.number, screen.node);
            let Some(frame) = last.get(&(screen.number, *poll)) else {
                let text = format!("{who} never showed poll {poll}");
                found.push(Violation { wrong: Wrong::NotFinal, text });
                continue;
            };
            judge(case, &frame.shown, &format!("the last on {who} is {}", told(frame)), found);
            let agrees =
                |result: &Shown| (result.round, result.counted) == (frame.shown.round, frame.shown.counted);
            let mut of_poll = case.results.iter().filter(|(_, result)| result.poll == *poll);
            if let Some((node, result)) = of_poll.find(|(_, result)| !agrees(result)) {
                let text = format!("node {node} says {result:?}, and the last on {who} is {}", told(frame));
                found.push(Violation { wrong: Wrong::TwoFaces, text });
            }
        }
    }
}

/// A result at the end is final and is what SQL holds.
fn judge(case: &Case<'_>, shown: &Shown, text: &str, found: &mut Vec<Violation>) {
    if !shown.is_final {
        found.push(Violation { wrong: Wrong::NotFinal, text: text.to_owned() });
    }
    let recount = case.recount(shown.poll, shown.round);
    if shown.counted != recount {
        let text = format!("{text}; SQL holds {recount:?}");
        found.push(Violation { wrong: Wrong::Miscounted, text });
    }
}

fn told(frame: &Frame) -> String {
    format!(
        "[screen {} connection {} at {}] {:?}",
        frame.screen,
        frame.connection,
        moment(frame.at),
        frame.shown
    )
}
