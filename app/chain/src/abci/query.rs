//! ABCI queries: raw state with proofs, and a few views for tools that speak CometBFT only.
//!
//! | path | data | answer |
//! |---|---|---|
//! | `/store/<substore>` | key | the value; with `prove`, a two-level proof against the app hash of `height` |
//! | `/params` | | JSON of the chain's parameters |
//! | `/upgrade` | | JSON: the version of the rules in force, the newest that this program knows, the plan to come |
//! | `/validators` | | JSON: consensus address, operator, power |

use defchain_abci::types::{RequestQuery, ResponseQuery};
use defchain_base::{Height, StateRead, Substore};
use serde_json::json;
use tendermint_proto::v0_38::crypto::{ProofOp, ProofOps};

use super::raw_height;
use crate::{
    chain::Inner,
    keys::validators,
    reader::{ReadError, Reader},
    upgrade,
};

/// Codes of refused queries.
const UNKNOWN_PATH: u32 = 1;
const UNREADABLE: u32 = 2;
/// CometBFT's names for ICS-23 proof operators: ours inside the substore, the simple tree above.
const INNER_PROOF: &str = "ics23:jmt";
const OUTER_PROOF: &str = "ics23:simple";

impl Inner {
    pub(super) fn query(&self, request: &RequestQuery) -> ResponseQuery {
        let reader = Reader { store: self.store.clone(), shared: self.shared.clone() };
        match answer(&reader, request) {
            Ok(Some(response)) => response,
            Ok(None) => refuse(
                UNKNOWN_PATH,
                format!(
                    "unknown path {:?}: there are /store/<ai|def|evm|sys|trade>, /params, /upgrade, /validators",
                    request.path
                ),
            ),
            Err(error) => refuse(UNREADABLE, error.to_string()),
        }
    }
}

fn refuse(code: u32, log: String) -> ResponseQuery {
    ResponseQuery { code, log, codespace: "defchain".to_owned(), ..Default::default() }
}

fn answer(reader: &Reader, request: &RequestQuery) -> Result<Option<ResponseQuery>, ReadError> {
    let latest = reader.latest()?.height;
    let height = match request.height {
        0 => latest,
        asked => super::height(asked),
    };
    if let Some(substore) = request.path.strip_prefix("/store/").and_then(Substore::by_name) {
        return from_store(reader, request, height, substore).map(Some);
    }
    let value = match request.path.as_str() {
        "/params" => json!(reader.params()),
        "/upgrade" => {
            let state = reader.state(height)?;
            json!({
                "app_version": upgrade::version(&state)?,
                "newest_known": crate::rules::NEWEST_VERSION,
                "plan": upgrade::plan(&state)?,
            })
        }
        "/validators" => {
            let set = validators(&reader.state(height)?)?;
            set.iter()
                .map(|(address, v)| json!({"address": address, "operator": v.operator, "power": v.power.0.to_string()}))
                .collect()
        }
        _ => return Ok(None),
    };
    let value = value.to_string().into_bytes().into();
    Ok(Some(ResponseQuery { value, height: raw_height(height), ..Default::default() }))
}

fn from_store(
    reader: &Reader,
    request: &RequestQuery,
    height: Height,
    substore: Substore,
) -> Result<ResponseQuery, ReadError> {
    let value = reader.state(height)?.get_raw(substore, &request.data)?.unwrap_or_default();
    let proof_ops = if request.prove {
        let proof = reader.prove(height, substore, &request.data)?;
        let op = |kind: &str, key: &[u8], data| ProofOp { r#type: kind.to_owned(), key: key.to_vec(), data };
        // An empty tree needs no inner proof: its root is a constant.
        let inner = proof.inner_bytes().map(|data| op(INNER_PROOF, &request.data, data));
        let outer = op(OUTER_PROOF, substore.name().as_bytes(), proof.outer_bytes());
        Some(ProofOps { ops: inner.into_iter().chain([outer]).collect() })
    } else {
        None
    };
    Ok(ResponseQuery { key: request.data.clone(), value, proof_ops, height: raw_height(height), ..Default::default() })
}
