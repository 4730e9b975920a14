// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Staking positions of an account, at 0x0000000000000000000000000000000000000102.
interface IStakingPositions {
    /// @notice A position. Amounts are wei; ids in the same order are IStaking.positionIds.
    struct StakePosition {
        /// @dev At its creation, and what was compounded since.
        uint256 initialAmount;
        /// @dev What it holds now.
        uint256 amount;
        /// @dev Fixed at the end of the term; 0 before.
        uint256 finishedAmount;
        /// @dev When it was staked, in seconds since 1970.
        uint256 startTime;
        /// @dev Term: 1 to 12 years.
        uint256 year;
        /// @dev Month of the last withdrawal or dividend, YYYYMM; 0 for none.
        uint256 lastClaimed;
        /// @dev Withdrawn from the principal in the present month.
        uint256 claimedStaking;
        /// @dev Dividends taken in the present month.
        uint256 claimedDividends;
    }

    /// @notice All open positions of an account, by ascending id; at most 256.
    function getStakingPositions(address account) external view returns (StakePosition[] memory);
}
