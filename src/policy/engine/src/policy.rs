//! One policy: parsed and analysed once, evaluated on copies that share the syntax tree.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, LimitError, Value};

use crate::{functions, prepared, shape};

/// Work units between two looks at the clock.
const CHECK_INTERVAL: NonZeroU32 = NonZeroU32::new(32).unwrap();
/// Freeing the syntax tree of a sum with half a million terms recurses as deep; the pages are touched only then.
const COMPILE_STACK: usize = 512 << 20;
const NAME: &str = "policy.rego";

pub struct Policy {
    /// Names this policy among all that this process ever compiled.
    serial: u64,
    /// What one analysed copy of it takes in memory.
    weight: usize,
    /// Parsed only: adding data would throw the analysis away, and throwing away an absent one is cheap.
    parsed: Engine,
    /// Analysed as well, for evaluations without data; absent when the analysis fails, as it will each time.
    analysed: Option<Engine>,
    /// Why no evaluation may be tried.
    defect: Option<String>,
}

pub struct Evaluation<'a> {
    pub rule: &'a str,
    pub input: &'a Value,
    pub data: &'a str,
    pub limit: Duration,
}

pub enum Outcome {
    Value(String),
    Undefined,
    RuleMissing,
    TimedOut,
    Refused(String),
    Failed(String),
}

const fn shared_between_threads<T: Send + Sync>() {}
const _: () = shared_between_threads::<Policy>();

impl Policy {
    /// Accepts what parses as Rego v1 within the engine's limits and ours (`shape`). Unknown functions and
    /// analysis errors are accepted: they fail when evaluated.
    pub fn compile(text: &str, with_reference_values: bool) -> Result<Policy, String> {
        shape::check_text(text)?;
        let text = text.to_string();
        std::thread::Builder::new()
            .stack_size(COMPILE_STACK)
            .spawn(move || compile_here(text, with_reference_values))
            .map_err(|e| format!("no thread to compile on: {e}"))?
            .join()
            .unwrap_or_else(|_| Err("the policy engine failed on this text".into()))
    }

    pub fn evaluate(&self, request: &Evaluation) -> Outcome {
        if let Some(defect) = &self.defect {
            return Outcome::Failed(defect.clone());
        }
        let begin = Instant::now();
        let result = self.evaluate_copy(request);
        // A single built-in does not look at the clock, so a late answer counts as none.
        if begin.elapsed() > request.limit {
            return Outcome::TimedOut;
        }
        result.unwrap_or_else(|error| {
            if error.downcast_ref::<LimitError>().is_some_and(is_timeout) {
                return Outcome::TimedOut;
            }
            match error.to_string().as_str() {
                "not a valid rule path" => Outcome::RuleMissing,
                why => Outcome::Failed(why.trim().into()),
            }
        })
    }

    fn evaluate_copy(&self, request: &Evaluation) -> Result<Outcome> {
        let Some(mut engine) = self.engine_with(request)? else {
            return Ok(Outcome::Refused("data is not a JSON object".into()));
        };
        engine.set_input(request.input.clone());
        Ok(match engine.eval_rule(request.rule.into())? {
            Value::Undefined => Outcome::Undefined,
            value => Outcome::Value(serde_json::to_string(&value)?),
        })
    }

    /// A copy of the engine with the request's data and time limit; None when the data is no JSON object.
    fn engine_with(&self, request: &Evaluation) -> Result<Option<Engine>> {
        let timer = ExecutionTimerConfig {
            limit: request.limit,
            check_interval: CHECK_INTERVAL,
        };
        if request.data.is_empty() {
            let mut engine = self.analysed.as_ref().unwrap_or(&self.parsed).clone();
            engine.set_execution_timer_config(timer);
            return Ok(Some(engine));
        }
        if let Some(mut engine) = prepared::find(self.serial, request.data) {
            engine.set_execution_timer_config(timer);
            return Ok(Some(engine));
        }
        let mut engine = self.parsed.clone();
        engine.set_execution_timer_config(timer);
        match Value::from_json_str(request.data) {
            Ok(data @ Value::Object(_)) => engine.add_data(data)?,
            _ => return Ok(None),
        }
        if analyse(&mut engine) {
            prepared::keep(self.serial, request.data, &engine, self.weight);
        }
        Ok(Some(engine))
    }
}

/// Does the analysis that the first evaluation would do; false when the policy does not survive it.
fn analyse(engine: &mut Engine) -> bool {
    // Evaluating a rule that cannot exist does the analysis and nothing else.
    engine
        .eval_rule("data".into())
        .is_err_and(|e| e.to_string() == "not a valid rule path")
}

fn next_serial() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

fn is_timeout(error: &LimitError) -> bool {
    matches!(error, LimitError::TimeLimitExceeded { .. })
}

fn compile_here(text: String, with_reference_values: bool) -> Result<Policy, String> {
    let weight = prepared::weight_of(text.len());
    let mut parsed = Engine::new();
    // `print` would write claims to our stderr; gathered, it is dropped with the copy.
    parsed.set_gather_prints(true);
    functions::register(&mut parsed, with_reference_values).map_err(|e| e.to_string())?;
    parsed
        .add_policy(NAME.into(), text)
        .map_err(|e| e.to_string().trim().to_string())?;
    let defect = match shape::check_modules(parsed.get_modules()) {
        Ok(()) => None,
        Err(shape::Problem::Recursion(why)) => Some(why),
        Err(shape::Problem::TooDeep(why)) => return Err(why),
    };
    let mut analysed = parsed.clone();
    let survives = analyse(&mut analysed);
    Ok(Policy {
        serial: next_serial(),
        weight,
        parsed,
        analysed: (defect.is_none() && survives).then_some(analysed),
        defect,
    })
}
