//! Call data and init code from what people write.

use std::fs;

use alloy_dyn_abi::{DynSolType, DynSolValue, Specifier, parser::TypeSpecifier};
use alloy_primitives::{Bytes, keccak256};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::args::{DataArgs, as_file};

/// The call data.
pub(super) fn call_data(args: &DataArgs) -> Result<Bytes> {
    match (&args.choice.function, &args.choice.data) {
        (Some(function), _) => function_call(function, &args.args),
        (None, Some(data)) if args.args.is_empty() => Ok(data.clone()),
        (None, Some(_)) => bail!("arguments belong to --function: --data is call data as it stands"),
        (None, None) => Ok(Bytes::new()),
    }
}

fn function_call(function: &str, args: &[String]) -> Result<Bytes> {
    let open = function.find('(').with_context(|| format!("{function:?}: write it as transfer(address,uint256)"))?;
    let (name, types) = function.split_at(open);
    let name = name.trim();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$') {
        bail!("{name:?} is no name of a function");
    }
    let types = parse_types(types)?;
    let names: Vec<String> = types.iter().map(|kind| kind.sol_type_name().into_owned()).collect();
    let signature = format!("{name}({})", names.join(","));
    let mut data = keccak256(signature.as_bytes()).get(..4).unwrap_or_default().to_vec();
    data.extend(encode(&types, args, &signature)?);
    Ok(data.into())
}

/// Init code with the constructor's arguments behind it.
pub(super) fn code(given: &str, constructor: Option<&str>, args: &[String]) -> Result<Bytes> {
    let text = match as_file(given) {
        Some(path) => fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?,
        None => given.to_owned(),
    };
    let text = text.trim();
    let hex = match text.starts_with('{') {
        true => from_artifact(text)?,
        false => text.to_owned(),
    };
    let mut code = hex::decode(hex.strip_prefix("0x").unwrap_or(&hex)).map_err(|error| {
        anyhow!("init code must be hex, or the name of a file that holds it ({error}; {} characters given)", hex.len())
    })?;
    if code.is_empty() {
        bail!("the init code is empty: an interface or an abstract contract cannot be deployed");
    }
    match constructor {
        Some(types) => code.extend(encode(&parse_types(types)?, args, "constructor")?),
        None if !args.is_empty() => {
            bail!("{} arguments are given: --constructor names their types, such as \"(address,uint256)\"", args.len())
        }
        None => {}
    }
    Ok(code.into())
}

/// The bytecode in the JSON of Hardhat ("bytecode": "0x…"), Foundry and solc ("bytecode": {"object": …}).
fn from_artifact(text: &str) -> Result<String> {
    let json: Value = serde_json::from_str(text).context("the file begins as JSON")?;
    let bytecode = json.get("bytecode").or_else(|| json.pointer("/evm/bytecode"));
    let found = bytecode.and_then(|b| b.as_str().or_else(|| b.get("object").and_then(Value::as_str)));
    let found = found.context("the JSON has no field bytecode: give a compiled contract's own artifact")?;
    if found.contains("__") {
        bail!("the bytecode has places for libraries (__$…$__): link it first");
    }
    Ok(found.to_owned())
}

fn parse_types(text: &str) -> Result<Vec<DynSolType>> {
    let refused = |why: String| anyhow!("{text:?} is no list of types such as (address,uint256): {why}");
    if text.split_whitespace().collect::<String>() == "()" {
        return Ok(Vec::new());
    }
    let parsed = TypeSpecifier::parse(text.trim()).map_err(|error| refused(error.to_string()))?;
    match parsed.resolve().map_err(|error| refused(error.to_string()))? {
        DynSolType::Tuple(types) => Ok(types),
        _ => Err(refused("parentheses are missing".to_owned())),
    }
}

fn encode(types: &[DynSolType], args: &[String], what: &str) -> Result<Vec<u8>> {
    if types.len() != args.len() {
        bail!("{what} takes {} arguments, {} are given", types.len(), args.len());
    }
    let values = types.iter().zip(args).enumerate().map(|(i, (kind, text))| {
        kind.coerce_str(text).map_err(|error| {
            anyhow!("argument {} of {what}: {text:?} is no {}: {error}", i.saturating_add(1), kind.sol_type_name())
        })
    });
    Ok(DynSolValue::Tuple(values.collect::<Result<_>>()?).abi_encode_params())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn a_function_call_is_what_solidity_encodes() {
        let to = "0x1111111111111111111111111111111111111111";
        let data = function_call("transfer(address, uint256)", &strings(&[to, "5"])).unwrap();
        let expected = format!("0xa9059cbb{:0>64}{:0>64}", &to[2..], "5");
        assert_eq!(data.to_string(), expected);
        assert_eq!(function_call("pause()", &[]).unwrap().to_string(), "0x8456cb59");
        // uint is uint256.
        assert_eq!(
            function_call("f(uint)", &strings(&["1"])).unwrap(),
            function_call("f(uint256)", &strings(&["1"])).unwrap()
        );
        let nested =
            function_call("f((address,string)[],bytes)", &strings(&[&format!("[({to},\"x\")]"), "0x01"])).unwrap();
        assert_eq!(nested.len() % 32, 4);
    }

    #[test]
    fn what_does_not_fit_is_said_with_its_place() {
        for (function, args, part) in [
            ("transfer(address,uint256)", vec!["0x11"], "takes 2 arguments, 1 are given"),
            (
                "transfer(address,uint256)",
                vec!["0x11", "5"],
                "argument 1 of transfer(address,uint256): \"0x11\" is no address",
            ),
            ("transfer", vec![], "write it as transfer(address,uint256)"),
            ("f(nothing)", vec!["1"], "is no list of types"),
            ("a b(uint256)", vec!["1"], "is no name of a function"),
        ] {
            let said = function_call(function, &strings(&args)).unwrap_err().to_string();
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn init_code_comes_from_hex_files_and_artifacts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.json");
        let path = file.to_str().unwrap();
        assert_eq!(code("0x6001", None, &[]).unwrap().as_ref(), [0x60, 1]);
        for text in [
            "6001\n",
            "{\"bytecode\": \"0x6001\"}",
            "{\"bytecode\": {\"object\": \"6001\"}}",
            "{\"evm\": {\"bytecode\": {\"object\": \"6001\"}}}",
        ] {
            fs::write(&file, text).unwrap();
            assert_eq!(code(path, None, &[]).unwrap().as_ref(), [0x60, 1], "{text}");
        }
        let with = code(path, Some("(uint256)"), &strings(&["7"])).unwrap();
        assert_eq!((with.len(), with.last()), (34, Some(&7)));
        for (text, part) in [
            ("{}", "no field bytecode"),
            ("{\"bytecode\": \"0x60__$ab$__\"}", "link it first"),
            ("zz", "must be hex"),
            ("0x", "is empty"),
        ] {
            fs::write(&file, text).unwrap();
            let said = format!("{:#}", code(path, None, &[]).unwrap_err());
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(code("0x60", None, &strings(&["7"])).unwrap_err().to_string().contains("--constructor"));
    }
}
