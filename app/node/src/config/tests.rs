#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn plain(text: &str) -> Result<AppConfig, ConfigErrors> {
    parse(text, std::iter::empty())
}

fn with_env(text: &str, variables: &[(&str, &str)]) -> Result<AppConfig, ConfigErrors> {
    parse(text, variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

#[test]
fn every_setting_is_documented() {
    assert_eq!(template::undocumented(), Vec::<String>::new());
}

#[test]
fn the_written_file_reads_back_as_the_defaults() {
    let text = render(&AppConfig::default());
    let read = plain(&text).unwrap();
    assert_eq!(toml::to_string(&read).unwrap(), toml::to_string(&AppConfig::default()).unwrap());
    assert!(text.contains("# Most calls of a batch.\nmax_batch = 1000\n"), "{text}");
    assert!(text.contains("\n# The database.\n[store]\n"), "{text}");
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(plain("").unwrap().log, LogConfig::default());
}

#[test]
fn every_mistake_is_named_with_its_figures_and_the_nearest_setting() {
    let errors = plain(
        "wat = 1\n[rpc]\nadr = \"127.0.0.1:1\"\nmax_batch = 0\nmax_filters = \"many\"\n[log]\nformat = \"xml\"\n\
         [cometbft]\nrestart_min_ms = 1\n[nowhere]\nx = 1",
    )
    .unwrap_err();
    let text = errors.to_string();
    for expected in [
        "rpc.adr: no such setting; the nearest is rpc.addr",
        "rpc.max_batch is 0, must be 1 to 100000 calls",
        "rpc.max_filters: invalid type",
        "the default is 1000",
        "log.format: unknown variant `xml`",
        "cometbft.restart_min_ms is 1, must be 10 to 600000 milliseconds",
        "nowhere.x: no such setting",
        "wat: no such setting",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert_eq!(errors.0.len(), 7, "{text}");
    assert!(plain("[rpc").unwrap_err().to_string().contains("not TOML"));
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "[rpc]\naddr = \"127.0.0.1:1\"\nmax_batch = 5";
    let config = with_env(
        file,
        &[("DEFCHAIN_RPC_ADDR", "127.0.0.1:2"), ("DEFCHAIN_METRICS_ENABLED", "false"), ("DEFCHAIN_HOME", "/x")],
    )
    .unwrap();
    assert_eq!(config.rpc.addr.port(), 2);
    assert_eq!(config.rpc.max_batch, 5);
    assert!(!config.metrics.enabled);
    let text = with_env(file, &[("DEFCHAIN_RPC_ADR", "x"), ("DEFCHAIN_RPC_MAX_BATCH", "x")]).unwrap_err().to_string();
    assert!(
        text.contains("DEFCHAIN_RPC_ADR (environment): no such setting; the nearest is DEFCHAIN_RPC_ADDR"),
        "{text}"
    );
    assert!(text.contains("rpc.max_batch (from DEFCHAIN_RPC_MAX_BATCH): invalid type"), "{text}");
}

#[test]
fn two_services_cannot_share_a_port() {
    let text = plain("[metrics]\naddr = \"127.0.0.1:8545\"").unwrap_err().to_string();
    assert!(text.contains("metrics.addr and rpc.addr are both 127.0.0.1:8545"), "{text}");
}

#[test]
fn a_change_keeps_comments_and_types() {
    let mut document: toml_edit::DocumentMut =
        "# head\n[rpc]\n# above\nmax_batch = 5 # beside\naddr = \"a\"\n".parse().unwrap();
    edit::set(&mut document, "rpc.max_batch", "7").unwrap();
    edit::set(&mut document, "rpc.addr", "12").unwrap();
    assert_eq!(document.to_string(), "# head\n[rpc]\n# above\nmax_batch = 7 # beside\naddr = \"12\"\n");
    let wrong = edit::set(&mut document, "rpc.max_batch", "many").unwrap_err().to_string();
    assert!(wrong.contains("rpc.max_batch is integer"), "{wrong}");
    let missing = edit::set(&mut document, "rpc.max_bach", "7").unwrap_err().to_string();
    assert!(missing.contains("the nearest is rpc.max_batch"), "{missing}");
    assert!(edit::set(&mut document, "rpc", "7").is_err());
}
