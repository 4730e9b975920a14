// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Dividends of an account, at 0x0000000000000000000000000000000000000104.
interface IDividendCalculator {
    /// @notice Wei of this month's dividend that each open position may claim now, in the order of
    /// IStaking.positionIds; 0 for one that is too young or was claimed.
    function calculateDividends(address account) external view returns (uint256[] memory);
}
