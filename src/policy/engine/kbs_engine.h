#ifndef KBS_ENGINE_H
#define KBS_ENGINE_H
/* C face of the Rust library beside this file: Rego by regorus, regular expressions by the regex
 * crate.
 *
 * Ownership: a KbsText is borrowed for the call. A KbsOwned belongs to the receiver, who gives it
 * back with kbs_owned_free. Objects are freed by the function that names them; null is allowed
 * there. No call unwinds into C: a panic becomes KBS_PANICKED. Objects are immutable and may be
 * used from many threads at once. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const char* data;
  size_t size;
} KbsText;

typedef struct {
  char* data; /* null when empty */
  size_t size;
} KbsOwned;

typedef enum {
  KBS_VALUE = 0,        /* done; for an evaluation `out` holds the value as JSON */
  KBS_UNDEFINED = 1,    /* the rule has no value */
  KBS_RULE_MISSING = 2, /* the module has no such rule */
  KBS_REFUSED = 3,      /* the text given is not acceptable; `out` says why */
  KBS_FAILED = 4,       /* the evaluation failed; `out` says why */
  KBS_TIMED_OUT = 5,
  KBS_PANICKED = 6
} KbsStatus;

typedef struct KbsPolicy KbsPolicy;
typedef struct KbsDocument KbsDocument;
typedef struct KbsRegex KbsRegex;

/* Answers query_reference_value(id). 1: `*value` is JSON text, valid until the next call or the end
 * of the evaluation. 0: there is no such value. Negative: the lookup failed, and so does the
 * evaluation. */
typedef int (*KbsLookup)(void* context, KbsText id, KbsText* value);

typedef struct {
  const char* rule; /* "data.policy.allow", zero-terminated */
  const KbsDocument* input;
  KbsText data; /* a JSON object; empty text: no data, which spares the analysis of the policy */
  uint64_t time_limit_us;
  KbsLookup lookup; /* may be null: then every id is unknown */
  void* lookup_context;
} KbsEvaluation;

void kbs_owned_free(KbsOwned text);

KbsStatus kbs_policy_compile(KbsText text, int with_reference_values, KbsPolicy** policy,
                             KbsOwned* out);
void kbs_policy_free(KbsPolicy* policy);
KbsStatus kbs_policy_evaluate(const KbsPolicy* policy, const KbsEvaluation* evaluation,
                              KbsOwned* out);

/* One JSON text, at most 128 levels deep. */
KbsStatus kbs_document_parse(KbsText json, KbsDocument** document, KbsOwned* out);
void kbs_document_free(KbsDocument* document);

KbsStatus kbs_regex_compile(KbsText pattern, KbsRegex** regex, KbsOwned* out);
void kbs_regex_free(KbsRegex* regex);
/* 1 when it matches anywhere in `text`; text that is not UTF-8 never matches. */
int kbs_regex_matches(const KbsRegex* regex, KbsText text);

#ifdef __cplusplus
}
#endif
#endif
