//! What the engine itself does not bound and what would end the process or block it for hours: brackets whose
//! parsing doubles in time with each level, and syntax trees or chains of rules that overflow the stack when they
//! are walked.

use std::collections::{BTreeMap, BTreeSet};

use crate::groups::groups;
use regorus::unstable::{
    Expr, Literal, LiteralStmt, Module, Query, Ref, Rule, RuleAssign, RuleHead,
};

/// The parser tries a bracket as set, object, comprehension …, and each attempt parses what is inside again:
/// time grows as 2^depth. A table of 16,000 rows four levels deep is within this budget.
const MAX_PARSE_COST: u64 = 1 << 18;

/// In units of about one KiB of stack, along the worst path through rules that use each other. The workers have
/// 8 MiB.
const MAX_STACK: u32 = 2_000;
const RULE_COST: u32 = 4;

pub enum Problem {
    /// Functions that call each other without end: accepted like every text that parses, never evaluated.
    Recursion(String),
    TooDeep(String),
}

/// Before parsing.
pub fn check_text(text: &str) -> Result<(), String> {
    let mut cost = 0u64;
    let mut depth = 0u32;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'#' => while !matches!(bytes.next(), None | Some(b'\n')) {},
            b'`' => while !matches!(bytes.next(), None | Some(b'`')) {},
            b'"' => skip_string(&mut bytes),
            b'[' | b'{' => {
                depth += 1;
                cost = cost.saturating_add(1u64.checked_shl(depth).unwrap_or(u64::MAX));
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    match cost <= MAX_PARSE_COST {
        true => Ok(()),
        false => Err("too many nested brackets; split the expression into rules".into()),
    }
}

fn skip_string(bytes: &mut std::str::Bytes) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' | b'\n' => return,
            _ => {}
        }
    }
}

/// After parsing. Recursion of rules is the engine's own error; recursion of functions it would follow until the
/// stack is gone.
pub fn check_modules(modules: &[Ref<Module>]) -> Result<(), Problem> {
    let mut graph = Graph::default();
    for module in modules {
        for rule in &module.policy {
            graph.add(rule).map_err(|TooDeep| too_deep())?;
        }
        graph.alias_all |= module.imports.iter().any(|i| root(&i.refr) == Some("data"));
    }
    if let Some(name) = graph.recursive_function() {
        return Err(Problem::Recursion(format!(
            "error: recursion: function `{name}` calls itself"
        )));
    }
    match graph.deepest() <= MAX_STACK {
        true => Ok(()),
        false => Err(too_deep()),
    }
}

fn too_deep() -> Problem {
    Problem::TooDeep(
        "the policy is nested too deeply: expressions or rules that use each other".into(),
    )
}

struct TooDeep;

#[derive(Default)]
struct Node {
    function: bool,
    cost: u32,
    /// Names that may be rules: more than there are does no harm.
    mentions: BTreeSet<String>,
    mentions_all: bool,
    /// Functions called, exactly.
    calls: BTreeSet<String>,
}

#[derive(Default)]
struct Graph {
    nodes: BTreeMap<String, Node>,
    alias_all: bool,
}

impl Graph {
    fn add(&mut self, rule: &Rule) -> Result<(), TooDeep> {
        let name = |e: &Expr| root(e).unwrap_or_default().to_string();
        match rule {
            Rule::Default {
                refr, args, value, ..
            } => {
                let node = self.nodes.entry(name(refr)).or_default();
                node.function |= !args.is_empty();
                node.expr(value, RULE_COST)
            }
            Rule::Spec { head, bodies, .. } => {
                let (refr, key, args, assign) = match head {
                    RuleHead::Compr { refr, assign, .. } => (refr, None, None, assign.as_ref()),
                    RuleHead::Set { refr, key, .. } => (refr, key.as_ref(), None, None),
                    RuleHead::Func {
                        refr, args, assign, ..
                    } => (refr, None, Some(args), assign.as_ref()),
                };
                let node = self.nodes.entry(name(refr)).or_default();
                node.function |= args.is_some();
                node.refs(refr, RULE_COST)?;
                for e in key.into_iter().chain(args.into_iter().flatten()) {
                    node.expr(e, RULE_COST)?;
                }
                let mut longest = RULE_COST;
                for body in bodies {
                    longest = longest.max(node.query(&body.query, RULE_COST)?);
                    node.assign(body.assign.as_ref(), longest)?;
                }
                node.assign(assign, longest)
            }
        }
    }

    /// A function from which calls lead back to itself.
    fn recursive_function(&self) -> Option<&str> {
        let functions: BTreeMap<&str, Vec<&str>> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.function)
            .map(|(name, node)| {
                (
                    name.as_str(),
                    node.calls.iter().map(String::as_str).collect(),
                )
            })
            .collect();
        groups(&functions)
            .into_iter()
            .find(|group| group.len() > 1 || functions[group[0]].contains(&group[0]))
            .map(|group| group[0])
    }

    /// The most stack that any path through the rules may take; rules that use each other count together.
    fn deepest(&self) -> u32 {
        let all = || self.nodes.keys().map(String::as_str).collect::<Vec<_>>();
        let edges: BTreeMap<&str, Vec<&str>> = self
            .nodes
            .iter()
            .map(|(name, node)| match node.mentions_all || self.alias_all {
                true => (name.as_str(), all()),
                false => (
                    name.as_str(),
                    node.mentions.iter().map(String::as_str).collect(),
                ),
            })
            .collect();
        let mut reached: BTreeMap<&str, u32> = BTreeMap::new();
        let mut deepest = 0;
        // Groups come leaves first, so whatever a group uses is known.
        for group in groups(&edges) {
            let own: u32 = group
                .iter()
                .map(|n| self.nodes[*n].cost)
                .fold(0, u32::saturating_add);
            let used = group
                .iter()
                .flat_map(|n| &edges[n])
                .filter_map(|n| reached.get(n))
                .max();
            let total = own.saturating_add(used.copied().unwrap_or(0));
            deepest = deepest.max(total);
            reached.extend(group.into_iter().map(|n| (n, total)));
        }
        deepest
    }
}

impl Node {
    fn reach(&mut self, depth: u32) -> Result<u32, TooDeep> {
        self.cost = self.cost.max(depth);
        if depth > MAX_STACK {
            return Err(TooDeep);
        }
        Ok(depth + 1)
    }

    fn assign(&mut self, assign: Option<&RuleAssign>, depth: u32) -> Result<(), TooDeep> {
        assign.map_or(Ok(()), |a| self.expr(&a.value, depth))
    }

    /// The arguments of a reference, without its name: a rule's head does not use the rule.
    fn refs(&mut self, e: &Expr, depth: u32) -> Result<(), TooDeep> {
        match e {
            Expr::RefDot { refr, .. } => self.refs(refr, depth),
            Expr::RefBrack { refr, index, .. } => {
                self.expr(index, depth)?;
                self.refs(refr, depth)
            }
            _ => Ok(()),
        }
    }

    /// Statements nest: each is evaluated inside the one before. Returns the depth after the last.
    fn query(&mut self, query: &Query, depth: u32) -> Result<u32, TooDeep> {
        let mut depth = depth;
        for statement in &query.stmts {
            depth = self.reach(depth)?;
            self.statement(statement, depth)?;
        }
        Ok(depth)
    }

    fn statement(&mut self, statement: &LiteralStmt, depth: u32) -> Result<(), TooDeep> {
        for with in &statement.with_mods {
            // A function put in another's place is called from wherever that one is.
            self.calls.insert(last_segment(&with.r#as));
            self.expr(&with.refr, depth)?;
            self.expr(&with.r#as, depth)?;
        }
        match &statement.literal {
            Literal::SomeVars { .. } => Ok(()),
            Literal::SomeIn {
                key,
                value,
                collection,
                ..
            } => {
                key.as_ref().map_or(Ok(()), |k| self.expr(k, depth))?;
                self.expr(value, depth)?;
                self.expr(collection, depth)
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr, depth),
            Literal::Every { domain, query, .. } => {
                self.expr(domain, depth)?;
                self.query(query, depth).map(|_| ())
            }
        }
    }

    fn exprs<'a>(
        &mut self,
        items: impl IntoIterator<Item = &'a Ref<Expr>>,
        depth: u32,
    ) -> Result<(), TooDeep> {
        items.into_iter().try_for_each(|e| self.expr(e, depth))
    }

    fn expr(&mut self, e: &Expr, depth: u32) -> Result<(), TooDeep> {
        let depth = self.reach(depth)?;
        match e {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => Ok(()),
            Expr::Var { span, .. } => {
                self.mentions.insert(span.text().into());
                Ok(())
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.exprs(items, depth),
            Expr::Object { fields, .. } => fields
                .iter()
                .try_for_each(|(_, key, value)| self.exprs([key, value], depth)),
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                let inside = self.query(query, depth)?;
                self.expr(term, inside)
            }
            Expr::ObjectCompr {
                key, value, query, ..
            } => {
                let inside = self.query(query, depth)?;
                self.exprs([key, value], inside)
            }
            Expr::Call { fcn, params, .. } => {
                self.calls.insert(last_segment(fcn));
                self.expr(fcn, depth)?;
                self.exprs(params, depth)
            }
            Expr::UnaryExpr { expr, .. } => self.expr(expr, depth),
            Expr::RefDot { refr, field, .. } => {
                if root(refr) == Some("data") {
                    self.mentions.insert(field.0.text().into());
                }
                self.expr(refr, depth)
            }
            Expr::RefBrack { refr, index, .. } => {
                self.mention_index(refr, index);
                self.exprs([refr, index], depth)
            }
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => self.exprs([lhs, rhs], depth),
            Expr::Membership {
                key,
                value,
                collection,
                ..
            } => self.exprs(key.iter().chain([value, collection]), depth),
        }
    }

    /// `data["policy"].rule` names a rule, `data[x]` may name any.
    fn mention_index(&mut self, refr: &Expr, index: &Expr) {
        if root(refr) != Some("data") {
            return;
        }
        match index {
            Expr::String { .. } | Expr::RawString { .. } => {
                self.mentions.insert(unquoted(index));
            }
            Expr::Number { .. } => {}
            // The request's own path is data too, and the commonest thing to index.
            _ if refr.span().text().starts_with("data[\"resource-path\"") => {}
            _ => self.mentions_all = true,
        }
    }
}

/// The variable at the head of a reference.
fn root(e: &Expr) -> Option<&str> {
    match e {
        Expr::Var { span, .. } => Some(span.text()),
        Expr::RefDot { refr, .. } | Expr::RefBrack { refr, .. } => root(refr),
        _ => None,
    }
}

fn last_segment(e: &Expr) -> String {
    match e {
        Expr::RefDot { field, .. } => field.0.text().into(),
        Expr::RefBrack { index, .. } => unquoted(index),
        other => other.span().text().into(),
    }
}

fn unquoted(e: &Expr) -> String {
    e.span().text().trim_matches(['"', '`']).into()
}
