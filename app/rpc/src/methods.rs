//! The one list of methods: name, cost, function. What is not here does not exist.

use std::collections::BTreeMap;

use crate::{
    api::{Api, Cost},
    debug, def, dev,
    error::RpcResult,
    eth, net,
    params::Params,
    txpool,
};

/// A method that answers by itself. The few that wait or subscribe are in [`crate::dispatch`].
pub(crate) struct Method {
    pub name: &'static str,
    pub cost: Cost,
    pub run: fn(&Api, Params<'_>) -> RpcResult,
}

impl Method {
    pub const fn new(name: &'static str, cost: Cost, run: fn(&Api, Params<'_>) -> RpcResult) -> Self {
        Self { name, cost, run }
    }
}

/// Those that Ethereum's nodes have too.
const ALWAYS: &[&[Method]] = &[
    eth::chain::METHODS,
    eth::state::METHODS,
    eth::block::METHODS,
    eth::tx::METHODS,
    eth::call::METHODS,
    eth::access_list::METHODS,
    eth::simulate::METHODS,
    debug::METHODS,
    eth::fee::METHODS,
    eth::logs::METHODS,
    eth::filters::METHODS,
    net::METHODS,
    txpool::METHODS,
];

/// Methods by name; those of a development chain only there.
pub(crate) fn table(dev: bool) -> BTreeMap<&'static str, &'static Method> {
    let dev: &[&[Method]] = if dev { dev::METHODS } else { &[] };
    ALWAYS.iter().chain(def::METHODS).chain(dev).copied().flatten().map(|method| (method.name, method)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_served_twice() {
        let all = ALWAYS.iter().chain(def::METHODS).chain(dev::METHODS).map(|list| list.len()).sum::<usize>();
        assert_eq!(all, table(true).len());
    }

    #[test]
    fn a_network_node_has_no_method_of_a_development_chain() {
        let (open, dev_table) = (table(false), table(true));
        for method in dev::METHODS.iter().copied().flatten() {
            assert!(!open.contains_key(method.name) && dev_table.contains_key(method.name), "{}", method.name);
        }
        for name in ["eth_sendTransaction", "evm_mine", "anvil_setBalance", "hardhat_impersonateAccount", "evm_revert"]
        {
            assert!(dev_table.contains_key(name), "{name}");
        }
    }

    #[test]
    fn the_documentation_names_every_method_and_no_other() {
        let page = include_str!("../../../docs/src/rpc.md");
        let methods = page.split("## Methods").nth(1).and_then(|rest| rest.split("\n\n`eth_getProof`").next());
        let named: std::collections::BTreeSet<&str> =
            methods.unwrap_or_default().split('`').filter(|word| word.contains('_') && !word.contains(' ')).collect();
        let special =
            ["eth_sendRawTransactionSync", "eth_subscribe", "eth_unsubscribe", "def_subscribe", "def_unsubscribe"];
        // Those of a development chain are on a page of their own (crate::dev).
        let served = table(false).into_keys().chain(special).filter(|name| *name != "eth_getProof").collect();
        assert_eq!(named, served);
    }
}
