//! The C face declared in `kbs_engine.h`. Every function catches panics, because unwinding into C++ is
//! undefined; all else is in the modules.

// What callers must keep to stands in the header.
#![allow(clippy::missing_safety_doc)]

mod functions;
mod groups;
mod policy;
mod prepared;
mod shape;

use std::ffi::{c_char, c_int, c_void, CStr};
use std::panic::{catch_unwind, set_hook, AssertUnwindSafe};
use std::ptr::null_mut;
use std::slice::from_raw_parts;
use std::sync::Once;
use std::time::Duration;

use policy::{Evaluation, Outcome, Policy};
use regorus::Value;

/// A compiled expression stays below this many bytes: ACLs come from the operator, yet a counted repetition of a
/// repetition must not take gigabytes.
const MAX_REGEX_BYTES: usize = 1 << 20;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct KbsText {
    pub data: *const c_char,
    pub size: usize,
}

#[repr(C)]
pub struct KbsOwned {
    data: *mut c_char,
    size: usize,
}

#[repr(C)]
pub enum KbsStatus {
    Value = 0,
    Undefined = 1,
    RuleMissing = 2,
    Refused = 3,
    Failed = 4,
    TimedOut = 5,
    Panicked = 6,
}

pub type KbsLookup = unsafe extern "C" fn(*mut c_void, KbsText, *mut KbsText) -> c_int;

#[repr(C)]
pub struct KbsEvaluation {
    rule: *const c_char,
    input: *const Value,
    data: KbsText,
    time_limit_us: u64,
    lookup: Option<KbsLookup>,
    lookup_context: *mut c_void,
}

impl KbsText {
    /// The bytes, which the caller keeps alive for as long as the view is used.
    pub unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            return &[];
        }
        from_raw_parts(self.data.cast(), self.size)
    }

    pub unsafe fn text<'a>(self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()).map_err(|e| format!("not UTF-8: {e}"))
    }
}

/// Runs `work`; a panic is `fallback`. Panics are not printed: their text could quote claims.
fn guarded<T>(fallback: T, work: impl FnOnce() -> T) -> T {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| set_hook(Box::new(|_| {})));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(fallback)
}

unsafe fn give(out: *mut KbsOwned, text: String) {
    let size = text.len();
    let data = match size {
        0 => null_mut(),
        _ => Box::into_raw(text.into_bytes().into_boxed_slice()).cast(),
    };
    *out = KbsOwned { data, size };
}

/// Hands out what `make` made, or why it could not.
unsafe fn construct<T>(
    object: *mut *mut T,
    out: *mut KbsOwned,
    make: impl FnOnce() -> Result<T, String>,
) -> KbsStatus {
    guarded(KbsStatus::Panicked, || match make() {
        Ok(made) => {
            *object = Box::into_raw(Box::new(made));
            KbsStatus::Value
        }
        Err(why) => {
            give(out, why);
            KbsStatus::Refused
        }
    })
}

unsafe fn discard<T>(object: *mut T) {
    if !object.is_null() {
        guarded((), || drop(Box::from_raw(object)));
    }
}

#[no_mangle]
pub unsafe extern "C" fn kbs_owned_free(text: KbsOwned) {
    if !text.data.is_null() {
        let bytes = std::ptr::slice_from_raw_parts_mut(text.data.cast::<u8>(), text.size);
        drop(Box::from_raw(bytes));
    }
}

#[no_mangle]
pub unsafe extern "C" fn kbs_policy_compile(
    text: KbsText,
    with_reference_values: c_int,
    policy: *mut *mut Policy,
    out: *mut KbsOwned,
) -> KbsStatus {
    construct(policy, out, || {
        Policy::compile(text.text()?, with_reference_values != 0)
    })
}

#[no_mangle]
pub unsafe extern "C" fn kbs_policy_free(policy: *mut Policy) {
    discard(policy);
}

#[no_mangle]
pub unsafe extern "C" fn kbs_policy_evaluate(
    policy: *const Policy,
    evaluation: *const KbsEvaluation,
    out: *mut KbsOwned,
) -> KbsStatus {
    guarded(KbsStatus::Panicked, || {
        let e = &*evaluation;
        let lookup = e.lookup.map(|call| functions::Lookup {
            call,
            context: e.lookup_context,
        });
        let _installed = functions::install(lookup);
        let (Ok(rule), Ok(data)) = (CStr::from_ptr(e.rule).to_str(), e.data.text()) else {
            give(out, "rule or data is not UTF-8".into());
            return KbsStatus::Refused;
        };
        let request = Evaluation {
            rule,
            input: &*e.input,
            data,
            limit: Duration::from_micros(e.time_limit_us),
        };
        match (*policy).evaluate(&request) {
            Outcome::Value(json) => {
                give(out, json);
                KbsStatus::Value
            }
            Outcome::Undefined => KbsStatus::Undefined,
            Outcome::RuleMissing => KbsStatus::RuleMissing,
            Outcome::TimedOut => KbsStatus::TimedOut,
            Outcome::Refused(why) => {
                give(out, why);
                KbsStatus::Refused
            }
            Outcome::Failed(why) => {
                give(out, why);
                KbsStatus::Failed
            }
        }
    })
}

#[no_mangle]
pub unsafe extern "C" fn kbs_document_parse(
    json: KbsText,
    document: *mut *mut Value,
    out: *mut KbsOwned,
) -> KbsStatus {
    construct(document, out, || {
        Value::from_json_str(json.text()?).map_err(|e| e.to_string())
    })
}

#[no_mangle]
pub unsafe extern "C" fn kbs_document_free(document: *mut Value) {
    discard(document);
}

#[no_mangle]
pub unsafe extern "C" fn kbs_regex_compile(
    pattern: KbsText,
    regex: *mut *mut regex::Regex,
    out: *mut KbsOwned,
) -> KbsStatus {
    construct(regex, out, || {
        regex::RegexBuilder::new(pattern.text()?)
            .size_limit(MAX_REGEX_BYTES)
            .dfa_size_limit(MAX_REGEX_BYTES)
            .build()
            .map_err(|e| e.to_string())
    })
}

#[no_mangle]
pub unsafe extern "C" fn kbs_regex_free(regex: *mut regex::Regex) {
    discard(regex);
}

#[no_mangle]
pub unsafe extern "C" fn kbs_regex_matches(regex: *const regex::Regex, text: KbsText) -> c_int {
    guarded(0, || text.text().is_ok_and(|t| (*regex).is_match(t)).into())
}
