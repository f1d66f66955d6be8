//! Functions that policies can call beyond the engine's own, and two of its own put on a leash.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null;

use anyhow::{anyhow, bail, Result};
use regorus::{Engine, Value};

use crate::{KbsLookup, KbsText};

/// Who answers `query_reference_value` in one evaluation.
#[derive(Clone, Copy)]
pub struct Lookup {
    pub call: KbsLookup,
    pub context: *mut c_void,
}

thread_local! {
    // One parsed engine serves many threads, so what differs per evaluation cannot live in its closures.
    static CURRENT: Cell<Option<Lookup>> = const { Cell::new(None) };
}

/// Restores what was there before: a lookup may itself evaluate a policy.
pub struct Installed(Option<Lookup>);

impl Drop for Installed {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

pub fn install(lookup: Option<Lookup>) -> Installed {
    Installed(CURRENT.replace(lookup))
}

/// Adds the functions. The range functions of the engine reserve memory for whatever length they are asked, and
/// a failed reservation ends the process; extensions are looked up before built-ins.
pub fn register(engine: &mut Engine, with_reference_values: bool) -> Result<()> {
    engine.add_extension(
        "numbers.range".into(),
        2,
        Box::new(|args: Vec<Value>| range(&args)),
    )?;
    engine.add_extension(
        "numbers.range_step".into(),
        3,
        Box::new(|args: Vec<Value>| range(&args)),
    )?;
    if with_reference_values {
        let query = |args: Vec<Value>| query_reference_value(&args);
        engine.add_extension("query_reference_value".into(), 1, Box::new(query))?;
    }
    Ok(())
}

fn query_reference_value(args: &[Value]) -> Result<Value> {
    let Some(Value::String(id)) = args.first() else {
        bail!("query_reference_value: the id must be a string");
    };
    let Some(lookup) = CURRENT.get() else {
        return Ok(Value::Null);
    };
    let id = KbsText {
        data: id.as_ptr().cast(),
        size: id.len(),
    };
    let mut found = KbsText {
        data: null(),
        size: 0,
    };
    // Sound: the caller of the evaluation promises that call and context fit and outlive it.
    match unsafe { (lookup.call)(lookup.context, id, &mut found) } {
        0 => Ok(Value::Null),
        1 => Value::from_json_str(unsafe { found.text() }.map_err(|e| anyhow!(e))?),
        _ => bail!("query_reference_value: the reference value could not be read"),
    }
}

const MAX_RANGE: u64 = 1_000_000;

fn range(args: &[Value]) -> Result<Value> {
    let (from, to) = (integer(&args[0])?, integer(&args[1])?);
    let step = args.get(2).map_or(Ok(1), integer)?;
    if step <= 0 {
        bail!("step must be a positive integer");
    }
    if from.abs_diff(to) / step.unsigned_abs() >= MAX_RANGE {
        bail!("a range may have at most {MAX_RANGE} numbers");
    }
    let direction = if from <= to { step } else { -step };
    let count = from.abs_diff(to) / step.unsigned_abs() + 1;
    let nth = |i: u64| Value::from(from + direction * i as i64);
    Ok(Value::from((0..count).map(nth).collect::<Vec<_>>()))
}

fn integer(value: &Value) -> Result<i64> {
    value
        .as_i64()
        .map_err(|_| anyhow!("operand must be integer"))
}
