use defchain_sdk::RpcError;
use serde::Deserialize;

use super::LoadError;

/// What a node said to a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Transactions it took.
    pub accepted: u64,
    /// Transactions it did not take.
    pub refused: Vec<Refusal>,
}

/// A transaction that was not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The call's id.
    pub id: u64,
    /// Why.
    pub error: RpcError,
}

#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    error: Option<RpcError>,
}

/// Reads the answer to a batch of `sent` calls. Answers without an error are only counted: parsing each hash would cost
/// the machine that is measured more than it tells.
///
/// # Errors
/// When the answers are not as many as the calls, or no JSON-RPC.
pub fn read_answer(answer: &[u8], sent: u64) -> Result<Answer, LoadError> {
    let calls = usize::try_from(sent).unwrap_or(usize::MAX);
    let wrong = |got| LoadError::Answers {
        sent: calls,
        got,
        shown: String::from_utf8_lossy(answer.get(..answer.len().min(300)).unwrap_or_default()).into_owned(),
    };
    if !contains(answer, br#""error""#) {
        let got = count(answer, br#""result""#);
        return if got == calls { Ok(Answer { accepted: sent, refused: Vec::new() }) } else { Err(wrong(got)) };
    }
    if let Ok(Reply { error: Some(error), .. }) = serde_json::from_slice(answer) {
        return Err(defchain_sdk::SdkError::Rpc { method: format!("batch of {sent} transactions"), error }.into());
    }
    let replies: Vec<Reply> = serde_json::from_slice(answer).map_err(|_| wrong(0))?;
    if replies.len() != calls {
        return Err(wrong(replies.len()));
    }
    let mut read = Answer::default();
    for reply in replies {
        match reply {
            Reply { error: None, .. } => read.accepted += 1,
            Reply { id: Some(id), error: Some(error) } => read.refused.push(Refusal { id, error }),
            Reply { id: None, .. } => return Err(wrong(calls)),
        }
    }
    Ok(read)
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn count(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).filter(|window| *window == what).count()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    const TAKEN: &str = r#"{"jsonrpc":"2.0","id":4,"result":"0x11"}"#;
    const REFUSED: &str =
        r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32000,"message":"txpool is full","data":{"rule":303}}}"#;

    fn read(json: &str, sent: u64) -> Result<Answer, LoadError> {
        read_answer(json.as_bytes(), sent)
    }

    #[test]
    fn accepted_transactions_are_counted_and_refusals_keep_id_and_rule() {
        assert_eq!(read(&format!("[{TAKEN},{TAKEN}]"), 2).unwrap().accepted, 2);
        let mixed = read(&format!("[{REFUSED},{TAKEN}]"), 2).unwrap();
        assert_eq!((mixed.accepted, mixed.refused.len()), (1, 1));
        assert_eq!((mixed.refused[0].id, mixed.refused[0].error.rule()), (5, Some(303)));
    }

    #[test]
    fn an_answer_that_does_not_fit_the_batch_is_an_error_and_never_counted() {
        for (json, sent) in [
            (format!("[{TAKEN}]"), 2),
            (format!("[{TAKEN},{REFUSED}]"), 3),
            ("{}".to_owned(), 1),
            (r#"[{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}]"#.to_owned(), 1),
            (r#"["error"#.to_owned(), 1),
        ] {
            assert!(matches!(read(&json, sent), Err(LoadError::Answers { .. })), "{json}");
        }
        let whole = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"batch too large"}}"#;
        assert!(read(whole, 2).unwrap_err().to_string().contains("batch too large"));
    }
}
