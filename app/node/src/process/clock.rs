//! A clock that is behind the network's: CometBFT refuses what is later than its own time and a minute
//! (`block_time_tolerance`), also when more than two thirds of the power signed it.

/// What it says then (v0.40, `state/validation.go`).
const FUTURE: &str = " is too far in the future (wall clock ";
/// How the line begins when consensus stopped over a block that is decided (`consensus/state.go`) ...
const CONSENSUS_STOPPED: &str = "CONSENSUS FAILURE!!!";
/// ... and when block sync refused a block whose commit it had verified before (`blocksync/reactor.go`).
const SYNC_REFUSED: &str = "Error in validation";

/// Whether a line of CometBFT's log says that this machine's clock is wrong. Only lines with more than two thirds of
/// signatures behind them count: a proposal that nobody else voted for may be one liar's.
#[must_use]
pub fn is_behind(line: &str) -> bool {
    line.contains(FUTURE) && (line.contains(CONSENSUS_STOPPED) || line.contains(SYNC_REFUSED))
}

/// What is wrong and what to do.
#[must_use]
pub fn advice(line: &str) -> String {
    let said = line.find("block time ").and_then(|from| line.get(from..)).unwrap_or(line);
    let said = said.find("tolerance").and_then(|at| said.get(at..)?.find(')').and_then(|end| said.get(..at + end + 1)));
    format!(
        "this machine's clock is behind the network's by more than CometBFT tolerates: the network decided a block, but {}. \
         Set the clock right (`timedatectl set-ntp true`, or chrony), then start the node again: its data is good",
        said.unwrap_or(line)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: &str = "block time 2026-11-21 07:00:31 +0000 UTC is too far in the future (wall clock 2026-11-21 06:59:01 \
                       +0000 UTC + tolerance 1m0s)";

    #[test]
    fn a_decided_block_from_the_future_means_a_clock_that_is_behind() {
        let stopped = format!(
            "E[x] CONSENSUS FAILURE!!! module=consensus err=\"+2/3 committed an invalid block: {WHY}\" stack=…"
        );
        let refused = format!("E[x] Error in validation module=blocksync height=7 hash=AB err=\"{WHY}\"");
        for line in [&stopped, &refused] {
            assert!(is_behind(line), "{line}");
            let advice = advice(line);
            assert!(advice.contains(WHY) && !advice.contains("stack") && advice.contains("timedatectl"), "{advice}");
        }
    }

    #[test]
    fn a_mere_proposal_or_another_failure_says_nothing_about_the_clock() {
        assert!(!is_behind(&format!(
            "E[x] prevote step: consensus deems this block invalid; prevoting nil err=\"{WHY}\""
        )));
        assert!(!is_behind("E[x] CONSENSUS FAILURE!!! err=\"wrong app hash\""));
        assert!(!is_behind("E[x] Error in validation module=blocksync err=\"wrong Block.Header.AppHash\""));
    }
}
