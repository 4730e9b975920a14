// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

/// What the governor governs.
contract Parameters is Ownable {
    error OutOfBounds(uint256 asked, uint256 limit);

    event FeeChanged(uint256 from, uint256 to);

    uint256 public constant MAX_FEE = 500;
    uint256 public fee = 100;

    constructor(address owner) Ownable(owner) {}

    function setFee(uint256 to) external onlyOwner {
        require(to <= MAX_FEE, OutOfBounds(to, MAX_FEE));
        emit FeeChanged(fee, to);
        fee = to;
    }
}
