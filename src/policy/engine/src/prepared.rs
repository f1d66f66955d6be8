//! Engines that were analysed for one policy and one data document, kept by the thread that used them: a guest asks
//! for the same few resources again and again, and analysing a policy costs more than evaluating it. Only the analysis
//! is kept. Every decision is evaluated, with its own input and clock.

use std::cell::RefCell;
use std::collections::VecDeque;

use regorus::Engine;

/// Most recently used first. Few, and of small documents: paths come from guests.
const MOST: usize = 16;
const LONGEST_DATA: usize = 1024;

struct Prepared {
    /// Of the policy, never used twice: an address might be.
    serial: u64,
    data: Box<str>,
    engine: Engine,
}

thread_local! {
    static RECENT: RefCell<VecDeque<Prepared>> = const { RefCell::new(VecDeque::new()) };
}

/// A copy of the engine prepared for this policy and data, if this thread has one.
pub fn find(serial: u64, data: &str) -> Option<Engine> {
    RECENT.with_borrow_mut(|recent| {
        let at = recent
            .iter()
            .position(|p| p.serial == serial && *p.data == *data)?;
        if at > 0 {
            let found = recent.remove(at)?;
            recent.push_front(found);
        }
        recent.front().map(|p| p.engine.clone())
    })
}

/// Keeps a copy of `engine`; the least recently used one makes room.
pub fn keep(serial: u64, data: &str, engine: &Engine) {
    if data.len() > LONGEST_DATA {
        return;
    }
    RECENT.with_borrow_mut(|recent| {
        recent.truncate(MOST - 1);
        recent.push_front(Prepared {
            serial,
            data: data.into(),
            engine: engine.clone(),
        });
    });
}
