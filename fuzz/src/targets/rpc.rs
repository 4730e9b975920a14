//! Requests of anybody, and answers of a node that is not ours.

use std::sync::{LazyLock, Mutex, PoisonError};

use defchain_rpc::{RpcConfig, RpcContext, fuzzing::Door};
use defchain_sdk::{Block, Log, SdkError, TransactionReceipt};
use serde_json::{Value, value::RawValue};

use crate::{Form, Memory, Target, Verdict, seeds::chain};

pub(super) const TARGETS: &[Target] = &[
    Target::own("rpc", Form::Text, |data| request(data, &NETWORK)).rounds(6_000).memory(CHAIN),
    Target::own("rpc-dev", Form::Text, |data| request(data, &DEV)).rounds(3_000).memory(CHAIN),
    Target::own("sdk-answer", Form::Text, answer),
];

/// A chain of two blocks, behind the method table of a network's node, and of a development chain.
static NETWORK: LazyLock<Mutex<Door>> = LazyLock::new(|| door(RpcContext::of_chain(chain::network().chain(), "fuzz")));
static DEV: LazyLock<Mutex<Door>> = LazyLock::new(|| door(RpcContext::of_dev(chain::dev(), "fuzz")));

/// The first input makes the chain; calls run on threads that are not measured.
const CHAIN: Memory = Memory { base: 64 << 20, per_byte: 512 };

const MAX_RESPONSE_BYTES: usize = 256 * 1024;
/// The code of an error that is ours, not the caller's.
const INTERNAL: i64 = -32_603;

fn door(context: RpcContext) -> Mutex<Door> {
    let config = RpcConfig {
        max_batch: 20,
        max_response_bytes: MAX_RESPONSE_BYTES,
        // Small, so that an input that asks for much work ends soon.
        call_gas_cap: 500_000,
        call_timeout_ms: 200,
        trace_timeout_ms: 200,
        request_timeout_ms: 1_000,
        max_sync_wait_ms: 1,
        heavy_threads: 1,
        ..RpcConfig::default()
    };
    Mutex::new(Door::new(config, context).expect("a thread for calls"))
}

fn request(data: &[u8], door: &Mutex<Door>) -> Verdict {
    let answer = door.lock().unwrap_or_else(PoisonError::into_inner).answer(data);
    let Some(answer) = answer else { return Ok(()) };
    // An error object may come on top of a full answer.
    let most = MAX_RESPONSE_BYTES + 64 * 1024;
    assert!(answer.len() <= most, "{} bytes of answer, the limit is {MAX_RESPONSE_BYTES}", answer.len());
    if answer.first() == Some(&b'[') {
        let answers: Vec<&RawValue> = serde_json::from_slice(&answer).expect("an answer is JSON");
        assert!((1..=20).contains(&answers.len()), "{} answers to a batch of at most 20", answers.len());
        answers.iter().for_each(|one| drop(single(one.get())));
        return Ok(());
    }
    single(std::str::from_utf8(&answer).expect("an answer is text"))
}

/// An answer's parts. The id is echoed as it came, be it a number that nobody can hold.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Value>,
}

/// One answer: result or error, never both; and no error that says that we are wrong.
fn single(text: &str) -> Verdict {
    let answer: Answer<'_> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(answer.jsonrpc, "2.0", "{text}");
    assert!(!answer.id.get().starts_with(['{', '[']), "{text}");
    // A result of null reads as none.
    assert!(!(answer.result.is_some() && answer.error.is_some()), "{text}");
    let Some(error) = answer.error else { return Ok(()) };
    let (code, message) = (error["code"].as_i64(), error["message"].as_str().unwrap_or_default());
    assert!(code.is_some_and(|code| code != INTERNAL) && !message.is_empty(), "{text}");
    Err(message.to_owned())
}

/// What a client makes of bytes that claim to be a node's answer.
fn answer(data: &[u8]) -> Verdict {
    fn read<T: serde::de::DeserializeOwned>(data: &[u8]) -> Result<T, SdkError> {
        defchain_sdk::read_answer("eth_method", data)
    }
    let refused = [
        read::<Option<TransactionReceipt>>(data).err(),
        read::<Block>(data).err(),
        read::<Vec<Log>>(data).err(),
        read::<alloy_primitives::U256>(data).err(),
    ];
    assert!(refused.iter().flatten().all(|error| error.to_string().len() < 64 * 1024));
    read::<Value>(data).map(|_| ()).map_err(|error| error.to_string())
}
