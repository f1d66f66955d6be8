//! Which names of a graph lead back to themselves.

use std::collections::{BTreeMap, BTreeSet};

/// Strongly connected components (Tarjan), those without outgoing edges first. Recursion is as deep as there are
/// nodes; we run on the compile stack.
pub fn groups<'a>(edges: &BTreeMap<&'a str, Vec<&'a str>>) -> Vec<Vec<&'a str>> {
    struct Walk<'a, 'b> {
        edges: &'b BTreeMap<&'a str, Vec<&'a str>>,
        order: BTreeMap<&'a str, usize>,
        open: Vec<&'a str>,
        is_open: BTreeSet<&'a str>,
        done: Vec<Vec<&'a str>>,
    }
    impl<'a> Walk<'a, '_> {
        fn visit(&mut self, node: &'a str) -> usize {
            let number = self.order.len();
            self.order.insert(node, number);
            self.open.push(node);
            self.is_open.insert(node);
            let mut low = number;
            for next in &self.edges[node] {
                if !self.edges.contains_key(next) {
                    continue;
                }
                match self.order.get(next) {
                    None => low = low.min(self.visit(next)),
                    Some(&seen) if self.is_open.contains(next) => low = low.min(seen),
                    Some(_) => {}
                }
            }
            if low == number {
                let from = self.open.iter().rposition(|n| *n == node).unwrap_or(0);
                let group = self.open.split_off(from);
                group.iter().for_each(|n| {
                    self.is_open.remove(n);
                });
                self.done.push(group);
            }
            low
        }
    }
    let mut walk = Walk {
        edges,
        order: BTreeMap::new(),
        open: vec![],
        is_open: BTreeSet::new(),
        done: vec![],
    };
    for node in edges.keys() {
        if !walk.order.contains_key(node) {
            walk.visit(node);
        }
    }
    walk.done
}
