//! Engines that were analysed for one policy and one data document, kept by the thread that used them: a guest asks
//! for the same few resources again and again, and analysing a policy costs more than evaluating it. Only the analysis
//! is kept. Every decision is evaluated, with its own input and clock.

use std::cell::RefCell;
use std::collections::VecDeque;

use regorus::Engine;

/// Few, of small documents, and of so many bytes in each thread: paths come from guests, and the analysis of a policy
/// takes some fifty times its text.
const MOST: usize = 16;
const LONGEST_DATA: usize = 1024;
const MOST_BYTES: usize = 2 << 20;

struct Prepared {
    /// Of the policy, never used twice: an address might be.
    serial: u64,
    data: Box<str>,
    engine: Engine,
    weight: usize,
}

/// What an engine takes in memory, its share in the syntax tree included, for a policy whose text has `size` bytes:
/// measured, and rounded up.
pub fn weight_of(size: usize) -> usize {
    (12 << 10) + 64 * size
}

thread_local! {
    /// Most recently used first.
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

/// Keeps a copy of `engine`, which weighs `weight`; those least recently used make room.
pub fn keep(serial: u64, data: &str, engine: &Engine, weight: usize) {
    if data.len() > LONGEST_DATA || weight > MOST_BYTES {
        return;
    }
    RECENT.with_borrow_mut(|recent| {
        recent.truncate(MOST - 1);
        let mut bytes = weight + recent.iter().map(|p| p.weight).sum::<usize>();
        while bytes > MOST_BYTES {
            bytes -= recent.pop_back().map_or(bytes, |oldest| oldest.weight);
        }
        recent.push_front(Prepared {
            serial,
            data: data.into(),
            engine: engine.clone(),
            weight,
        });
    });
}
